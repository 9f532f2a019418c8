"""Passwords of logins: one-time ones, resets and changes."""

from datetime import timedelta

import pytest

from contracts.errors import InvalidInput, NotAuthenticated, TooManyAttempts
from contracts.events import LoginDisabled, PasswordReset, SessionEnded
from contracts.rpc.call import Principal
from services.accounts.adapters import passwords
from services.accounts.handlers import passwords as password_handlers
from services.accounts.models import LoginFailureRow, SessionRow
from services.chassis.runtime.clock import now
from tests.integration.accounts.handlers.managed import login_row
from tests.support.factories.accounts import NEW_PASSWORD, PASSWORD, a_key, given_login, refusal_of
from tests.support.stack.concurrency import run_concurrently


def test_an_initial_password_serves_only_to_choose_another(accounts) -> None:
    issued = accounts.issue()
    first = accounts.log_in(issued.login_id, issued.initial_password)
    assert first.must_change_password
    assert accounts.claims(first.access_token)["must_change_password"] is True
    changed = accounts.change_password(accounts.principal(first), current=issued.initial_password)
    assert not changed.must_change_password
    assert accounts.claims(changed.access_token)["must_change_password"] is False
    assert accounts.log_in(issued.login_id, NEW_PASSWORD).must_change_password is False
    assert (
        refusal_of(lambda: accounts.log_in(issued.login_id, issued.initial_password)).body.code
        == "wrong_login"
    )


def test_an_initial_password_can_be_used_for_three_days_and_a_chosen_one_for_ever(accounts) -> None:
    at = now()
    issued, other = accounts.issue(at=at), accounts.issue(at=at, name="Harjit Singh")
    end = at + timedelta(hours=72)
    assert issued.valid_until is not None
    assert abs(issued.valid_until - end) < timedelta(milliseconds=2)
    early, late = end - timedelta(seconds=1), end + timedelta(seconds=1)
    first = accounts.log_in(issued.login_id, issued.initial_password, at=early)
    expired = refusal_of(lambda: accounts.log_in(other.login_id, other.initial_password, at=late))
    assert expired.body.code == "initial_password_expired"
    wrong = refusal_of(lambda: accounts.log_in(other.login_id, "k7fm-w3pa-xq9t", at=late))
    assert wrong.body.code == "wrong_login", "only who knows the password learns that it has expired"
    who = accounts.principal(first)
    too_late = refusal_of(lambda: accounts.change_password(who, current=issued.initial_password, at=late))
    assert too_late.body.code == "initial_password_expired", (
        "a session that it opened in time is too late, too"
    )
    accounts.change_password(who, current=issued.initial_password, at=early)
    assert accounts.log_in(issued.login_id, NEW_PASSWORD, at=late + timedelta(days=1)).access_token


def test_a_reset_gives_a_one_time_password_and_ends_the_sessions_of_the_old_one(accounts) -> None:
    given_login(accounts.db)
    old = accounts.principal(accounts.log_in())
    reset = accounts.reset("HOM-0001")
    assert refusal_of(accounts.log_in).body.code == "wrong_login"
    assert accounts.log_in("HOM-0001", reset.initial_password).must_change_password
    assert [event.event.sid for event in accounts.published(SessionEnded)] == [old.sid]
    (published,) = accounts.published(PasswordReset)
    assert (published.event.login_id, published.event.reset_by) == ("HOM-0001", "ADO-0001")
    assert published.expires_at == published.event.sessions_until
    assert accounts.published(LoginDisabled) == [], "it goes on, and so does the PIN of a supervisor"
    assert str(old.sid) in accounts.denied().sessions


def test_a_session_opened_in_the_second_of_the_reset_is_not_denied_with_the_old_ones(accounts) -> None:
    given_login(accounts.db)
    at = now().replace(microsecond=100_000)
    old = accounts.principal(accounts.log_in(at=at))
    reset = accounts.reset("HOM-0001", at=at.replace(microsecond=300_000))
    fresh = accounts.log_in("HOM-0001", reset.initial_password, at=at.replace(microsecond=900_000))
    claims, denied = accounts.claims(fresh.access_token), accounts.denied()
    assert claims["iat"] > denied.logins["HOM-0001"].timestamp()
    assert claims["iat"] > accounts.published(PasswordReset)[0].occurred_at.timestamp()
    assert list(denied.sessions) == [str(old.sid)]


def test_a_repeated_reset_returns_the_same_password_and_another_reset_another_one(accounts) -> None:
    given_login(accounts.db)
    key = a_key()
    first = accounts.reset("HOM-0001", key=key)
    assert accounts.reset("HOM-0001", key=key) == first
    second = accounts.reset("HOM-0001", key=a_key())
    assert second.initial_password != first.initial_password
    assert accounts.log_in("HOM-0001", second.initial_password).must_change_password
    assert refusal_of(lambda: accounts.log_in("HOM-0001", first.initial_password)).body.code == "wrong_login"


def test_a_reset_ends_the_wait_after_wrong_passwords(accounts) -> None:
    given_login(accounts.db)
    at = now()
    for _ in range(5):
        refusal_of(lambda: accounts.log_in(password="wrong", at=at))
    reset = accounts.reset("HOM-0001", at=at)
    assert accounts.log_in("HOM-0001", reset.initial_password, at=at).access_token


def test_a_disabled_login_is_not_reset(accounts) -> None:
    given_login(accounts.db)
    accounts.disable("HOM-0001")
    before = login_row(accounts, "HOM-0001").password_hash
    assert refusal_of(lambda: accounts.reset("HOM-0001")).body.code == "login_disabled"
    assert login_row(accounts, "HOM-0001").password_hash == before


def test_a_new_password_ends_all_sessions_of_the_old_one(accounts) -> None:
    given_login(accounts.db)
    one, other = accounts.principal(accounts.log_in()), accounts.principal(accounts.log_in())
    fresh = accounts.change_password(one)
    assert {event.event.sid for event in accounts.published(SessionEnded)} == {one.sid, other.sid}
    assert set(accounts.denied().sessions) == {str(one.sid), str(other.sid)}
    assert accounts.principal(fresh).sid not in {one.sid, other.sid}
    assert refusal_of(accounts.log_in).body.code == "wrong_login"
    assert accounts.log_in(password=NEW_PASSWORD).access_token


def test_a_new_password_leaves_the_sessions_of_other_logins_alone(accounts) -> None:
    given_login(accounts.db)
    given_login(accounts.db, "HOM-0002")
    accounts.log_in("HOM-0002")
    accounts.change_password(accounts.principal(accounts.log_in()))
    assert len(accounts.denied().sessions) == 1


def test_a_repeated_change_changes_the_password_once_and_returns_the_same_session(accounts) -> None:
    given_login(accounts.db)
    who, key = accounts.principal(accounts.log_in()), a_key()
    first = accounts.change_password(who, key=key)
    assert accounts.change_password(who, key=key) == first
    assert accounts.count(LoginFailureRow) == 0, "a repeat is no wrong password"
    assert accounts.count(SessionRow) == 2


def test_simultaneous_repeats_of_a_change_return_the_same_session(accounts) -> None:
    given_login(accounts.db)
    who, key = accounts.principal(accounts.log_in()), a_key()
    answers = run_concurrently(*[lambda: accounts.change_password(who, key=key)] * 4)
    assert len({answer.access_token for answer in answers}) == 1


def test_a_wrong_current_password_changes_nothing_and_is_counted(accounts) -> None:
    given_login(accounts.db)
    who, at = accounts.principal(accounts.log_in()), now()
    before = login_row(accounts, "HOM-0001").password_hash
    for _ in range(5):
        refused = refusal_of(lambda: accounts.change_password(who, current="wrong", at=at, key=a_key()))
        assert isinstance(refused, InvalidInput)
        assert [(error.field, error.code) for error in refused.body.fields] == [("current", "wrong_password")]
    assert login_row(accounts, "HOM-0001").password_hash == before
    assert accounts.published(SessionEnded) == []
    assert isinstance(refusal_of(lambda: accounts.change_password(who, at=at)), TooManyAttempts)
    another = accounts.principal(accounts.log_in(at=at))
    assert accounts.change_password(another, at=at).access_token, "it has a session of its own"


def test_a_weak_new_password_changes_nothing(accounts) -> None:
    given_login(accounts.db)
    who = accounts.principal(accounts.log_in())
    for new, code in (
        ("short", "too_short"), (PASSWORD, "same_as_current"), ("my HOM-0001 word", "contains_login_id"),
        ("Password1234", "too_common"),
    ):  # fmt: skip
        refused = refusal_of(lambda new=new: accounts.change_password(who, new))
        assert [(error.field, error.code) for error in refused.body.fields] == [("new", code)]
    assert accounts.log_in().access_token


def test_a_caller_without_a_login_and_a_disabled_one_cannot_change_a_password(accounts) -> None:
    given_login(accounts.db)
    disabled = accounts.principal(accounts.log_in())
    accounts.disable("HOM-0001")
    for who in (Principal(), Principal(kind="applicant", id="applicant:x"), disabled):
        with pytest.raises(NotAuthenticated):
            accounts.change_password(who)


def test_a_reset_during_a_change_of_password_wins(accounts, monkeypatch) -> None:
    """The login is reset while the password is hashed: the reset stands."""
    given_login(accounts.db)
    who, done = accounts.principal(accounts.log_in()), []
    real = password_handlers.offload

    def reset_meanwhile(work, *args):
        result = real(work, *args)
        if work is passwords.hash_password and not done:
            done.append(accounts.reset("HOM-0001"))
        return result

    monkeypatch.setattr(password_handlers, "offload", reset_meanwhile)
    assert isinstance(refusal_of(lambda: accounts.change_password(who)), NotAuthenticated)
    assert accounts.log_in("HOM-0001", done[0].initial_password).must_change_password
