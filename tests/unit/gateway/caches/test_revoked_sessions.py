"""Revoked sessions: which tokens they cover, and what accounts' list adds."""

from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest

from contracts.events import SessionEnded
from contracts.rpc.accounts.sessions import DeniedSessions
from services.chassis.messaging.signatures import EventKeys
from services.chassis.runtime.clock import now
from services.gateway.caches.revoked_sessions import RevokedSessions
from services.gateway.metrics import FORGED_MESSAGES
from tests.support.factories.envelopes import key_ring, sign, wrap
from tests.support.factories.gateway import claims
from tests.support.stack.settings import EVENT_KEYS


def test_a_disabled_login_revokes_tokens_issued_before_and_not_after() -> None:
    revoked, at = RevokedSessions(EventKeys(())), now()
    revoked.revoke_login("HOM-0001", at)
    assert revoked.covers(claims(iat=int(at.timestamp()) - 5))
    assert revoked.covers(claims(iat=int(at.timestamp())))
    assert not revoked.covers(claims(iat=int(at.timestamp()) + 1))
    assert not revoked.covers(claims(sub="HOM-0002", iat=int(at.timestamp()) - 5))


def test_an_older_revocation_of_a_login_does_not_undo_a_newer_one() -> None:
    revoked, at = RevokedSessions(EventKeys(())), now()
    revoked.revoke_login("HOM-0001", at)
    revoked.merge(DeniedSessions(logins={"HOM-0001": at - timedelta(minutes=5)}))
    assert revoked.covers(claims(iat=int(at.timestamp())))


def test_the_list_of_accounts_adds_to_the_events_and_expired_sessions_are_forgotten() -> None:
    revoked, published, listed, expired = RevokedSessions(EventKeys(())), uuid4(), uuid4(), uuid4()
    revoked.revoke_session(published, now() + timedelta(hours=1))
    revoked.revoke_session(expired, now() - timedelta(seconds=1))
    revoked.merge(DeniedSessions(sessions={str(listed): now() + timedelta(hours=1)}))
    assert set(revoked._sessions) == {published, listed}


@pytest.mark.parametrize("by", ["accounts", "verify", "approval, in its own name"])
async def test_only_accounts_ends_sessions(by: str) -> None:
    revoked, session = RevokedSessions(EventKeys(EVENT_KEYS)), claims()
    event = SessionEnded(sid=session.sid, token_expires_at="2100-01-01T00:00:00Z")
    envelope = wrap(event, event_id=uuid4(), seq=1, occurred_at=now(), keys=key_ring())
    if by.endswith("name"):
        envelope = sign(envelope.model_copy(update={"producer": "approval"}))
    else:
        envelope = sign(envelope, by=by)
    forged = FORGED_MESSAGES._value.get()
    message = SimpleNamespace(user_id="relay", type="SessionEnded", body=envelope.to_bytes())
    await revoked._on_message(message)  # type: ignore[arg-type]  # what it reads of a message
    assert revoked.covers(session) == (by == "accounts")
    assert FORGED_MESSAGES._value.get() - forged == (by != "accounts")
