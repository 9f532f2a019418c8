"""Logins with a last day."""

import contextlib
from collections.abc import Callable
from datetime import timedelta

import pytest

from contracts.errors import ContractError, Forbidden, IdempotencyKeyReused, NotFound
from contracts.events import SessionEnded
from services.accounts.adapters import passwords
from services.chassis.runtime.clock import now
from tests.integration.accounts.handlers.managed import MIDNIGHT, NOON, TODAY, extend, login_row
from tests.support.factories.accounts import a_key, given_ado, given_login, refusal_of
from tests.support.stack.concurrency import run_concurrently


def _quietly(work: Callable[[], object]) -> None:
    with contextlib.suppress(ContractError):
        work()


def test_a_login_works_up_to_the_midnight_after_its_last_day_in_india(accounts) -> None:
    given_login(accounts.db)
    extend(accounts, TODAY, at=NOON)
    assert accounts.log_in(at=MIDNIGHT - timedelta(seconds=1)).access_token
    assert refusal_of(lambda: accounts.log_in(at=MIDNIGHT)).body.code == "wrong_login"


def test_an_expired_login_is_refused_like_a_disabled_one_after_the_same_work(accounts, monkeypatch) -> None:
    given_login(accounts.db)
    given_login(accounts.db, "HOM-0002")
    extend(accounts, TODAY, at=NOON)
    accounts.disable("HOM-0002")
    checked = []
    real = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda *given: checked.append(given) or real(*given))
    refusals = [
        refusal_of(lambda one=one: accounts.log_in(one, at=MIDNIGHT)) for one in ("HOM-0001", "HOM-0002")
    ]
    assert refusals[0].body == refusals[1].body
    assert [stored for stored, _ in checked] == [passwords.NOBODY] * 2


def test_a_session_ends_with_its_login(accounts) -> None:
    given_login(accounts.db)
    extend(accounts, TODAY, at=NOON)
    session = accounts.log_in(at=MIDNIGHT - timedelta(minutes=1))
    assert session.expires_at == MIDNIGHT
    assert accounts.claims(session.access_token)["exp"] == MIDNIGHT.timestamp()


def test_an_earlier_last_day_ends_the_sessions_that_would_outlive_it(accounts) -> None:
    given_login(accounts.db)
    evening = MIDNIGHT - timedelta(hours=1)
    session = accounts.principal(accounts.log_in(at=evening))
    extend(accounts, TODAY, at=evening)
    assert [event.event.sid for event in accounts.published(SessionEnded)] == [session.sid]
    later = accounts.principal(accounts.log_in(at=evening))
    extend(accounts, TODAY + timedelta(days=30), at=evening)
    assert later.sid not in [event.event.sid for event in accounts.published(SessionEnded)]


def test_an_expired_login_that_is_extended_works_again(accounts) -> None:
    given_login(accounts.db)
    extend(accounts, TODAY, at=NOON)
    view = extend(accounts, TODAY + timedelta(days=365), at=MIDNIGHT)
    assert (view.state, view.valid_until) == ("never_used", TODAY + timedelta(days=365))
    assert accounts.log_in(at=MIDNIGHT).access_token
    assert extend(accounts, None, at=MIDNIGHT).valid_until is None


def test_a_login_can_be_issued_with_a_last_day(accounts) -> None:
    issued = accounts.issue(valid_until=TODAY, at=NOON)
    assert login_row(accounts, issued.login_id).valid_until == TODAY
    refused = refusal_of(lambda: accounts.issue(valid_until=TODAY - timedelta(days=1), at=NOON))
    assert [(error.field, error.code) for error in refused.body.fields] == [("valid_until", "date_past")]


@pytest.mark.parametrize(("days", "code"), [(-1, "date_past"), (36_500, "date_too_far")])
def test_a_last_day_in_the_past_or_absurdly_far_away_is_refused(accounts, days, code) -> None:
    given_login(accounts.db)
    refused = refusal_of(lambda: extend(accounts, TODAY + timedelta(days=days), at=NOON))
    assert [(error.field, error.code) for error in refused.body.fields] == [("valid_until", code)]


def test_a_repeated_extension_counts_once(accounts) -> None:
    given_login(accounts.db)
    key = a_key()
    first = extend(accounts, TODAY, at=NOON, key=key)
    assert run_concurrently(*[lambda: extend(accounts, TODAY, at=NOON, key=key)] * 4) == [first] * 4
    with pytest.raises(IdempotencyKeyReused):
        extend(accounts, None, at=NOON, key=key)


def test_a_disabled_or_unknown_login_is_not_extended(accounts) -> None:
    given_login(accounts.db)
    accounts.disable("HOM-0001")
    assert refusal_of(lambda: extend(accounts, None)).body.code == "login_disabled"
    assert isinstance(refusal_of(lambda: extend(accounts, None, "HOM-0099")), NotFound)


def test_one_login_of_the_ado_branch_stays_without_an_end(accounts) -> None:
    assert refusal_of(lambda: extend(accounts, TODAY, "ADO-0001", at=NOON)).body.code == "last_ado"
    given_ado(accounts.db, "ADO-0002")
    extend(accounts, TODAY, "ADO-0002", at=NOON)
    assert refusal_of(lambda: accounts.disable("ADO-0001", at=NOON)).body.code == "last_ado"
    assert accounts.disable("ADO-0002", at=NOON).disabled


def test_of_two_ados_who_end_each_other_at_once_one_stays_without_an_end(accounts) -> None:
    one, other = given_ado(accounts.db), given_ado(accounts.db, "ADO-0002")
    run_concurrently(
        lambda: _quietly(lambda: extend(accounts, now().date() + timedelta(days=1), "ADO-0002", by=one)),
        lambda: _quietly(lambda: extend(accounts, now().date() + timedelta(days=1), "ADO-0001", by=other)),
    )
    ends = [login_row(accounts, login_id).valid_until for login_id in ("ADO-0001", "ADO-0002")]
    assert ends.count(None) == 1


def test_an_expired_ado_cannot_manage_logins(accounts) -> None:
    other = given_ado(accounts.db, "ADO-0002")
    extend(accounts, TODAY, "ADO-0002", at=NOON)
    assert isinstance(refusal_of(lambda: accounts.issue(by=other, at=MIDNIGHT)), Forbidden)
