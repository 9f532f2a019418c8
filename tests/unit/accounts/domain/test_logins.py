"""Login ids, and which scope fits which role."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.errors import InvalidInput
from services.accounts.domain import logins
from services.accounts.domain.logins import Scope

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


def test_a_reset_voids_tokens_of_earlier_seconds_only() -> None:
    at = AT.replace(microsecond=300_000)
    void_to = logins.last_void_instant(at)
    assert AT - timedelta(seconds=1) <= void_to < AT
