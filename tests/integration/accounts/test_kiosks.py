"""Kiosks: issued for a site by the ADO Branch, enrolled once, revoked for good."""

from datetime import datetime, timedelta

import pytest

from contracts.errors import Conflict, Forbidden, InvalidInput, NotAuthenticated
from contracts.events import SessionEnded
from contracts.rpc.accounts.logins import LoginQuestion
from contracts.rpc.accounts.sessions import StaffSession
from contracts.rpc.call import Nothing
from services.accounts.handlers import login_queries, sessions
from services.chassis.runtime.clock import now
from tests.support.factories.accounts import ADO, PASSWORD, Accounts, a_call, a_key, given_login


def issued(accounts: Accounts) -> tuple[str, str]:
    made = accounts.issue(role="kiosk", department=None, site="PCS1", name="Main hall")
    return made.login_id, made.initial_password


def test_a_kiosk_is_issued_for_a_site_and_who_issued_it_is_recorded(accounts) -> None:
    kiosk_id, _ = issued(accounts)
    with accounts.db.transaction() as session:
        listed = login_queries.list_page(LoginQuestion(role="kiosk"), a_call(ADO), session, now()).items
    assert [(one.login_id, one.site, one.issued_by, one.must_change_password) for one in listed] == [
        (kiosk_id, "PCS1", "ADO-0001", True)
    ]
    with pytest.raises(InvalidInput):
        accounts.issue(role="kiosk", department=None, name="Nowhere")


def test_a_token_enrols_one_browser_for_a_year_and_no_second_one(accounts) -> None:
    kiosk_id, token = issued(accounts)
    key, at = a_key(), now()
    device = accounts.enrol(kiosk_id, token, key=key, at=at)
    claims = accounts.claims(device.access_token)
    assert (claims["role"], claims["site"], device.must_change_password) == ("kiosk", "PCS1", False)
    assert device.expires_at > at + timedelta(days=364)
    with pytest.raises(NotAuthenticated) as second:
        accounts.enrol(kiosk_id, token)
    assert second.value.body.code == "token_used"
    assert accounts.enrol(kiosk_id, token, key=key) == device, "the same command again has the same answer"


def test_a_token_that_nobody_used_for_three_days_enrols_nobody_and_a_new_one_does(accounts) -> None:
    kiosk_id, token = issued(accounts)
    late = now() + timedelta(hours=72, seconds=1)
    with pytest.raises(NotAuthenticated) as refused:
        accounts.enrol(kiosk_id, token, at=late)
    assert refused.value.body.code == "initial_password_expired"
    fresh = accounts.reset(kiosk_id, at=late).initial_password
    assert accounts.enrol(kiosk_id, fresh, at=late + timedelta(hours=71)).login_id == kiosk_id
    with pytest.raises(NotAuthenticated) as used:
        accounts.enrol(kiosk_id, fresh, at=late + timedelta(hours=100))
    assert used.value.body.code == "token_used", "the more exact reason"


def test_a_kiosk_cannot_log_in_as_a_person_nor_a_person_as_a_kiosk(accounts) -> None:
    kiosk_id, token = issued(accounts)
    given_login(accounts.db)
    for attempt in (lambda: accounts.log_in(kiosk_id, token), lambda: accounts.enrol("HOM-0001", PASSWORD)):
        with pytest.raises(NotAuthenticated) as refused:
            attempt()
        assert refused.value.body.code == "wrong_login"
    assert accounts.enrol(kiosk_id, token).login_id == kiosk_id, "the token was not used up"


def renew(accounts: Accounts, device: StaffSession, at: datetime, key: str | None = None) -> StaffSession:
    call = a_call(accounts.principal(device), key or a_key())
    with accounts.db.transaction() as session:
        return sessions.renew_kiosk(Nothing(), call, session, at, accounts.settings)


def test_an_enrolment_is_renewed_for_a_year_within_the_two_months_before_it_ends(accounts) -> None:
    kiosk_id, token = issued(accounts)
    device = accounts.enrol(kiosk_id, token)
    early, late = device.expires_at - timedelta(days=61), device.expires_at - timedelta(days=59)
    with pytest.raises(Conflict):
        renew(accounts, device, early)
    key = a_key()
    renewed = renew(accounts, device, late, key)
    assert renewed.expires_at > late + timedelta(days=364)
    assert (renewed.login_id, renewed.site) == (kiosk_id, "PCS1")
    assert renew(accounts, device, late, key) == renewed, "the same command again has the same answer"
    assert not accounts.denied(late).sessions, "the answer may not have reached the kiosk"


def test_no_cookie_of_a_kiosk_is_renewed_beyond_three_years(accounts) -> None:
    """Whoever has copied it could otherwise go on for ever, and so could a kiosk that was given away."""
    kiosk_id, token = issued(accounts)
    device = accounts.enrol(kiosk_id, token)
    began = device.expires_at - timedelta(days=365)
    for _ in range(2):
        device = renew(accounts, device, device.expires_at - timedelta(days=10))
    device = renew(accounts, device, device.expires_at - timedelta(days=10))
    assert device.expires_at <= began + timedelta(days=3 * 365, seconds=1)
    with pytest.raises(Conflict) as refused:
        renew(accounts, device, device.expires_at - timedelta(days=10))
    assert refused.value.body.code == "enrolment_over"
    fresh = accounts.reset(kiosk_id, at=device.expires_at).initial_password
    later = accounts.enrol(kiosk_id, fresh, at=device.expires_at)
    assert later.expires_at > device.expires_at + timedelta(days=364), "another token begins anew"


def test_nobody_renews_but_a_kiosk_whose_login_and_session_are_good(accounts) -> None:
    kiosk_id, token = issued(accounts)
    device = accounts.enrol(kiosk_id, token)
    late = device.expires_at - timedelta(days=30)
    given_login(accounts.db)
    with pytest.raises(Forbidden):
        renew(accounts, accounts.log_in(), late)
    with pytest.raises(NotAuthenticated):
        renew(accounts, device, device.expires_at + timedelta(seconds=1))
    accounts.disable(kiosk_id)
    with pytest.raises(NotAuthenticated):
        renew(accounts, device, late)


def test_a_disabled_kiosk_stays_denied_until_its_token_expires(accounts) -> None:
    kiosk_id, token = issued(accounts)
    device = accounts.enrol(kiosk_id, token)
    sid = accounts.claims(device.access_token)["sid"]
    accounts.disable(kiosk_id)
    assert [str(published.event.sid) for published in accounts.published(SessionEnded)] == [sid]
    assert sid in accounts.denied(now() + timedelta(days=300)).sessions
    with pytest.raises(NotAuthenticated):
        accounts.enrol(kiosk_id, token)


def test_a_new_token_ends_the_enrolment_and_enrols_again(accounts) -> None:
    kiosk_id, token = issued(accounts)
    old = accounts.enrol(kiosk_id, token)
    fresh = accounts.reset(kiosk_id).initial_password
    assert accounts.claims(old.access_token)["sid"] in accounts.denied().sessions
    assert accounts.enrol(kiosk_id, fresh).login_id == kiosk_id
