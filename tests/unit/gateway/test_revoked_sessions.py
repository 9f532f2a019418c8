"""Revoked sessions: which tokens they cover, and what accounts' list adds."""

from datetime import timedelta
from uuid import uuid4

from contracts.rpc.accounts import DeniedSessions
from services.chassis.runtime.clock import now
from services.gateway.revoked_sessions import RevokedSessions
from tests.support.factories.gateway import claims


def test_a_disabled_login_revokes_tokens_issued_before_and_not_after() -> None:
    revoked, at = RevokedSessions(), now()
    revoked.revoke_login("HOM-0001", at)
    assert revoked.covers(claims(iat=int(at.timestamp()) - 5))
    assert revoked.covers(claims(iat=int(at.timestamp())))
    assert not revoked.covers(claims(iat=int(at.timestamp()) + 1))
    assert not revoked.covers(claims(sub="HOM-0002", iat=int(at.timestamp()) - 5))


def test_an_older_revocation_of_a_login_does_not_undo_a_newer_one() -> None:
    revoked, at = RevokedSessions(), now()
    revoked.revoke_login("HOM-0001", at)
    revoked.merge(DeniedSessions(logins={"HOM-0001": at - timedelta(minutes=5)}))
    assert revoked.covers(claims(iat=int(at.timestamp())))


def test_the_list_of_accounts_adds_to_the_events_and_expired_sessions_are_forgotten() -> None:
    revoked, published, listed, expired = RevokedSessions(), uuid4(), uuid4(), uuid4()
    revoked.revoke_session(published, now() + timedelta(hours=1))
    revoked.revoke_session(expired, now() - timedelta(seconds=1))
    revoked.merge(DeniedSessions(sessions={str(listed): now() + timedelta(hours=1)}))
    assert set(revoked._sessions) == {published, listed}
