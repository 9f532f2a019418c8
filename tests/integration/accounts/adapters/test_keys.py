"""The keys of session tokens: a rotation ends no session, and keys from before rotation go on working."""

from datetime import timedelta

import pytest

from contracts.errors import NotAuthenticated
from contracts.events import SessionEnded, SessionKeyWithdrawn
from contracts.tokens import SESSION_AUDIENCE, SESSION_TYP, SessionClaims
from services.accounts import commands
from services.accounts.handlers import sessions
from services.chassis.keys.key_store import GRACE
from services.chassis.runtime.clock import now
from services.chassis.tokens.signing_key import public_key
from services.chassis.tokens.verification import TokenRefused, TokenVerifier
from tests.integration.audit_rows import tasks
from tests.support.factories.accounts import SETTINGS, Accounts, a_key, given_ado, given_login, header_of
from tests.support.stack.extent import long

VERIFIER = TokenVerifier(SESSION_TYP, SESSION_AUDIENCE, SETTINGS.issuer, SessionClaims)
"""As the gateway has it."""


@pytest.fixture
def accounts(databases) -> Accounts:
    accounts = Accounts(databases["accounts"])
    given_ado(accounts.db)
    given_login(accounts.db)
    return accounts


def published(accounts: Accounts, at=None) -> dict:
    with accounts.db.transaction() as session:
        return {key.kid: public_key(key.x) for key in sessions.keys(session, at or now(), SETTINGS).keys}


def verified(accounts: Accounts, token: str) -> SessionClaims:
    """Return the claims of a session, checked by the gateway's verifier with the published keys."""
    return VERIFIER.verify(token, published(accounts).get, now())


@long
def test_a_session_from_before_a_rotation_stays_valid(accounts) -> None:
    before = accounts.log_in()

    kid = commands.rotate_key(accounts.db, now(), SETTINGS)
    after = accounts.log_in()

    assert tasks(accounts.db) == [("rotate_key", [kid])]
    assert header_of(before.access_token)["kid"] != kid
    assert header_of(after.access_token)["kid"] == kid
    assert verified(accounts, before.access_token).sub == "HOM-0001"
    assert verified(accounts, after.access_token).sub == "HOM-0001"


def test_a_repeated_log_in_gets_the_same_token_after_a_rotation(accounts) -> None:
    key = a_key()
    first = accounts.log_in(key=key)

    commands.rotate_key(accounts.db, now(), SETTINGS)

    assert accounts.log_in(key=key) == first


def test_a_retired_key_is_published_until_its_last_session_is_over_and_a_day_longer(accounts) -> None:
    kiosk = accounts.issue(role="kiosk", department=None, site="PCS1", name="Main hall")
    device = accounts.enrol(kiosk.login_id, kiosk.initial_password)
    old = header_of(device.access_token)["kid"]
    new = commands.rotate_key(accounts.db, now(), SETTINGS)
    over = device.expires_at + GRACE

    assert list(published(accounts)) == [new, old]
    assert list(published(accounts, over - timedelta(seconds=1))) == [new, old]
    assert list(published(accounts, over)) == [new]


def test_all_sessions_of_a_withdrawn_key_end_and_gateways_hear_of_the_key(accounts) -> None:
    first, second = accounts.log_in(), accounts.log_in()
    old = header_of(first.access_token)["kid"]
    sids = {str(accounts.principal(session).sid) for session in (first, second)}

    said = commands.withdraw_key(accounts.db, now(), SETTINGS, old)

    (new,) = published(accounts)
    assert said == f"{old} is withdrawn; accounts signs with {new} now, 2 sessions have ended"
    assert tasks(accounts.db) == [("withdraw_key", [old, new])]
    assert [event.event.kid for event in accounts.published(SessionKeyWithdrawn)] == [old]
    assert accounts.published(SessionEnded) == [], "one event for the key, however many sessions it has"
    assert accounts.denied().sessions.keys() == sids
    with pytest.raises(TokenRefused, match="unknown_key"):
        verified(accounts, first.access_token)
    assert verified(accounts, accounts.log_in().access_token).sub == "HOM-0001"


def test_a_repeated_log_in_gets_no_token_for_a_session_whose_key_was_withdrawn(accounts) -> None:
    key = a_key()
    old = header_of(accounts.log_in(key=key).access_token)["kid"]

    commands.withdraw_key(accounts.db, now(), SETTINGS, old)

    with pytest.raises(NotAuthenticated):
        accounts.log_in(key=key)
