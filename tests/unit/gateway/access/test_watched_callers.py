"""What operations hear of staff: what was refused to them, and the files that they took."""

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from contracts.errors import ContractError, Forbidden, NotFound, TooManyAttempts
from contracts.rpc.audit import AuditEntries
from contracts.rpc.imports import CsvFile
from contracts.subscriptions import SERVICES
from tests.support.factories.gateway import as_applicant, as_staff, browser, browsing, staff_claims, stubbed


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"epass_gateway_{name}_total", labels) or 0


@pytest.mark.parametrize(
    ("refusal", "counts"),
    [
        (Forbidden("another department's"), 1),
        (TooManyAttempts("too often", retry_after=60), 1),
        (Forbidden(code="second_factor_stale"), 0),
        (NotFound("no such thing"), 0),
    ],
    ids=lambda one: one.body.code if isinstance(one, ContractError) else "",
)
async def test_what_staff_may_not_is_counted_and_the_next_step_of_what_they_may_is_not(
    refusal: ContractError, counts: int
) -> None:
    app, _ = stubbed(approval__list_reviews=refusal)
    before = counted("staff_refused", role="department")
    async with browser(app, **as_staff("department")) as http:
        await http.get("/api/v1/reviews")
    assert counted("staff_refused", role="department") == before + counts


async def test_a_role_that_a_route_does_not_admit_is_counted_and_an_applicant_is_not() -> None:
    app, _ = stubbed()
    before = counted("staff_refused", role="reception")
    async with browser(app) as http:
        refused = [
            (await http.get("/api/v1/reviews", headers=who)).status_code
            for who in (as_staff("reception"), as_applicant())
        ]
    assert refused == [403, 403]
    assert counted("staff_refused", role="reception") == before + 1


async def test_staff_who_open_a_page_for_everybody_are_refused_nothing() -> None:
    before = counted("staff_refused", role="reception")
    with capture_logs() as lines:
        async with browsing(session=staff_claims("reception")) as (http, _):
            assert (await http.get("/en/about/privacy")).status_code == 200
    assert counted("staff_refused", role="reception") == before
    assert not [line for line in lines if line["event"] == "refused"]


async def test_each_file_of_logins_or_of_the_audit_log_is_counted_once() -> None:
    names = ("export_logins", "export_audit", "export_directory")
    before = [counted("exports", what=name) for name in names]
    async with browsing(session=staff_claims("ado"), accounts__export_logins=CsvFile(text="login_id\n")) as (
        http,
        _,
    ):
        assert (await http.get("/en/desk/directory/export/logins.csv")).status_code == 200
    log = {f"{service}__audit_entries": AuditEntries(items=()) for service in SERVICES}
    async with browsing(session=staff_claims("auditor"), **log) as (http, _):
        assert (await http.get("/en/audit/log.csv")).status_code == 200
        assert (await http.get("/en/audit/log")).status_code == 200
    assert [counted("exports", what=name) for name in names] == [before[0] + 1, before[1] + 1, before[2]]
