"""What accounts decides about logins, guesses and codes, without a database."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.errors import InvalidInput, NotAuthenticated, TooManyAttempts
from services.accounts.domain import logins
from services.accounts.domain.logins import Limit, Scope, SentCode

AT = datetime(2026, 12, 1, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("role", "scope"),
    [
        ("department", Scope(department="home")),
        ("department", Scope(department="home", site="PCS1")),
        ("security", Scope(site="PCS1")),
        ("security", Scope(site="PCS1", gate="PCS1-G1")),
        ("reception", Scope(site="PCS2")),
        ("assisted", Scope()),
        ("ado", Scope()),
        ("ops", Scope()),
        ("auditor", Scope()),
    ],
)
def test_a_scope_that_fits_its_role_is_accepted(role, scope) -> None:
    logins.check_scope(role, scope)


@pytest.mark.parametrize(
    ("role", "scope", "field", "code"),
    [
        ("department", Scope(), "department", "needed_for_role"),
        ("department", Scope(site="PCS1"), "department", "needed_for_role"),
        ("department", Scope(department="home", gate="PCS1-G1"), "gate", "not_for_role"),
        ("security", Scope(), "site", "needed_for_role"),
        ("security", Scope(gate="PCS1-G1"), "site", "needed_for_role"),
        ("security", Scope(site="PCS1", gate="PCS2-G1"), "gate", "not_of_site"),
        ("security", Scope(site="PCS1", department="home"), "department", "not_for_role"),
        ("reception", Scope(), "site", "needed_for_role"),
        ("assisted", Scope(site="PCS1"), "site", "not_for_role"),
        ("ado", Scope(site="PCS1"), "site", "not_for_role"),
        ("ops", Scope(department="home"), "department", "not_for_role"),
        ("auditor", Scope(gate="PCS1-G1"), "gate", "not_for_role"),
    ],
)
def test_a_scope_that_does_not_fit_its_role_is_refused_by_field(role, scope, field, code) -> None:
    with pytest.raises(InvalidInput) as refused:
        logins.check_scope(role, scope)
    assert [(error.field, error.code) for error in refused.value.body.fields] == [(field, code)]


@pytest.mark.parametrize(
    ("role", "department", "prefix"),
    [
        ("department", "home", "HOM"),
        ("department", "pwd", "PWD"),
        ("department", "it", "IT"),
        ("department", "2nd-floor", "NDF"),
        ("department", "42", "DEP"),
        ("department", "security", "DSE"),
        ("department", "records", "DRE"),
        ("department", "sewage", "DSE"),
        ("security", None, "SEC"),
        ("reception", None, "REC"),
        ("assisted", None, "SEW"),
        ("ado", None, "ADO"),
        ("ops", None, "OPS"),
        ("auditor", None, "AUD"),
    ],
)
def test_a_login_id_begins_with_its_department_or_role(role, department, prefix) -> None:
    assert logins.prefix_of(role, department) == prefix
    assert logins.parse_login_id(logins.login_id_of(prefix, 7)) == (prefix, 7)


def test_login_ids_grow_past_four_digits() -> None:
    assert logins.login_id_of("HOM", 7) == "HOM-0007"
    assert logins.login_id_of("HOM", 12345) == "HOM-12345"


@pytest.mark.parametrize("typed", ["hom-0007", " HOM-0007 ", "Hom - 0007", "HOM-0007\x00"])
def test_a_login_id_is_read_however_it_is_typed(typed) -> None:
    assert logins.as_typed(typed) == "HOM-0007"


@pytest.mark.parametrize("text", ["", "HOM", "HOM-7", "hom-0007", "HOME-0007", "HOM-0007x"])
def test_what_is_no_login_id_is_not_parsed(text) -> None:
    with pytest.raises(ValueError, match="looks like"):
        logins.parse_login_id(text)


def test_the_wait_after_wrong_passwords_grows_and_has_an_end() -> None:
    waits = [logins.account_wait(failures, AT, AT) for failures in range(16)]
    assert waits == [0, 0, 0, 0, 0, 32, 64, 128, 256, 512, 900, 900, 900, 900, 900, 900]
    assert logins.account_wait(1_000_000, AT, AT) == 900


def test_the_wait_is_over_when_it_is_over() -> None:
    assert logins.account_wait(5, AT, AT + timedelta(seconds=31.5)) == 1
    assert logins.account_wait(5, AT, AT + timedelta(seconds=32)) == 0
    assert logins.account_wait(0, None, AT) == 0


def test_a_limit_lets_one_more_in_when_the_nth_newest_leaves_its_window() -> None:
    limit = Limit(3, timedelta(minutes=10))
    assert limit.wait(None, AT) == 0
    assert limit.wait(AT - timedelta(minutes=9), AT) == 60
    assert limit.wait(AT - timedelta(minutes=10), AT) == 0


def test_waiting_is_told_in_seconds() -> None:
    logins.refuse_while(0)
    with pytest.raises(TooManyAttempts) as refused:
        logins.refuse_while(57)
    assert refused.value.body.facts == {"retry_after": 57}


def test_the_right_code_in_time_is_accepted() -> None:
    logins.accept_code(
        SentCode(used=False, tries=4, expires_at=AT + timedelta(seconds=1)), matches=True, at=AT
    )


@pytest.mark.parametrize("matches", [True, False])
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (SentCode(used=True, tries=0, expires_at=AT + timedelta(minutes=5)), "code_used"),
        (SentCode(used=False, tries=0, expires_at=AT), "code_expired"),
        (SentCode(used=False, tries=5, expires_at=AT + timedelta(minutes=5)), "too_many_tries"),
    ],
)
def test_a_code_that_is_over_is_refused_alike_whether_right_or_wrong(sent, code, matches) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        logins.accept_code(sent, matches=matches, at=AT)
    assert refused.value.body.code == code
    assert refused.value.body.facts == {}


@pytest.mark.parametrize(("tries", "left"), [(0, 4), (3, 1), (4, 0)])
def test_a_wrong_code_tells_how_many_tries_are_left(tries, left) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        logins.accept_code(
            SentCode(used=False, tries=tries, expires_at=AT + timedelta(minutes=5)), matches=False, at=AT
        )
    assert refused.value.body.code == "wrong_code"
    assert refused.value.body.facts == {"tries_left": left}


def test_a_reset_voids_tokens_of_earlier_seconds_only() -> None:
    at = AT.replace(microsecond=300_000)
    void_to = logins.last_void_instant(at)
    assert AT - timedelta(seconds=1) <= void_to < AT
