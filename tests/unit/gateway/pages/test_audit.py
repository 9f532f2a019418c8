"""The auditor's pages: what was decided and scanned, nobody's name, and nothing to change."""

import re
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import pytest

from contracts import rpc
from contracts.errors import NotFound, Unavailable
from contracts.model import IST, DirectoryTable, Language
from contracts.rpc.accounts.logins import LoginPlace, LoginPlaces
from contracts.rpc.approval.decisions import DecisionQuestion, RecordedDecisions
from contracts.rpc.approval.directory import DepartmentList
from contracts.rpc.audit import AuditEntries, AuditEntry, AuditQuestion, Looker, Lookers
from contracts.rpc.issuance import PassNumber
from contracts.subscriptions import SERVICES
from services.chassis.db import cursors
from services.chassis.runtime.clock import now
from services.gateway.pages.shared.actions import ACTIONS
from services.gateway.pages.shared.vocabulary import name_of
from tests.support.factories.gateway import NUMBER, browsing, staff_claims
from tests.support.factories.pages import AUDIT_LOG, AUDITED, DECISIONS, SCANS
from tests.support.system.page_reader import HOME, SAME_SITE, Reader

START, SEARCH = "/en/audit", "/en/audit/search"
OF_APPLICATION, OF_PASS = f"/en/audit/applications/{AUDITED}", f"/en/audit/passes/{NUMBER}"
PERIOD = f"{START}?department=home&first=2026-11-01&last=2026-11-30"
LOG = "/en/audit/log"


@pytest.fixture
async def auditor() -> AsyncIterator[Reader]:
    async with browsing(
        approval__decisions=DECISIONS,
        verify__scan_history=SCANS,
        approval__departments=DepartmentList(items=(HOME,)),
        **{name.replace(".", "__"): answer for name, answer in AUDIT_LOG.items()},
        session=staff_claims("auditor"),
    ) as (http, client):
        yield Reader(http, client)


async def test_the_start_asks_for_nothing_before_something_is_chosen(auditor: Reader) -> None:
    shown = (await auditor.http.get(START)).text
    assert not auditor.client.was_asked("approval.decisions")
    today = now().astimezone(IST).date()
    assert f'value="{today - timedelta(days=7)}"' in shown
    assert f'value="{today}"' in shown


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        (AUDITED.lower(), OF_APPLICATION),
        (AUDITED.replace("-", " "), OF_APPLICATION),
        (NUMBER.lower(), OF_PASS),
        (f" {NUMBER[:4]} {NUMBER[4:]}", OF_PASS),
    ],
)
async def test_a_search_leads_to_the_application_or_to_the_pass(
    auditor: Reader, typed: str, place: str
) -> None:
    answer = await auditor.http.post(SEARCH, data={"q": typed}, headers=SAME_SITE)
    assert (answer.status_code, answer.headers["location"]) == (303, place)


@pytest.mark.parametrize("typed", ["", "Gurpreet Kaur", NUMBER[:7], "PCS-0000-0001"])
async def test_anything_else_is_not_searched_for_and_stands_in_no_address(
    auditor: Reader, typed: str
) -> None:
    answer = await auditor.http.post(SEARCH, data={"q": typed}, headers=SAME_SITE)
    assert answer.status_code == 422
    assert "Enter a whole reference" in answer.text
    assert "location" not in answer.headers
    assert not auditor.client.was_asked("approval.decisions")


async def test_every_decision_on_a_reference_is_shown_with_its_login_and_reason(auditor: Reader) -> None:
    shown = (await auditor.http.get(OF_APPLICATION)).text
    assert auditor.client.last("approval.decisions")[1] == DecisionQuestion(reference=AUDITED, limit=200)
    for what in ("HOM-0009", "for baldev", "POL-0001", "Another department deals with this", "two days"):
        assert what in shown


async def test_the_decisions_of_a_department_on_chosen_days_are_shown_page_by_page(auditor: Reader) -> None:
    shown = (await auditor.http.get(PERIOD)).text
    asked = auditor.client.last("approval.decisions")[1]
    assert (asked.department, asked.first, asked.last) == ("home", date(2026, 11, 1), date(2026, 11, 30))
    following = re.search(r'rel="next" href="([^"]+)"', shown)
    assert following is not None
    await auditor.http.get(following[1].replace("&amp;", "&"))
    assert auditor.client.last("approval.decisions")[1] == asked.model_copy(update={"after": "on"})
    auditor.client.answers["approval.decisions"] = RecordedDecisions(items=())
    assert "Nothing was decided on these days." in (await auditor.http.get(PERIOD)).text


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        ("x", "2026-11-30", "Enter a date"),
        ("2026-11-30", "2026-11-01", "The last day is before the first"),
        ("2026-01-01", "2027-01-02", "Choose days within one year"),
        ("2026-01-01", "9999-12-31", "Choose days within one year"),
        ("0001-01-01", "2026-11-01", "Choose days within one year"),
    ],
)
async def test_days_that_are_none_too_many_or_in_the_wrong_order_are_explained(
    auditor: Reader, first: str, last: str, sentence: str
) -> None:
    answer = await auditor.http.get(f"{START}?department=home&first={first}&last={last}")
    assert answer.status_code == 422
    assert sentence in answer.text
    assert not auditor.client.was_asked("approval.decisions")


async def test_a_leap_year_is_no_day_too_long(auditor: Reader) -> None:
    assert (
        await auditor.http.get(f"{START}?department=home&first=2028-01-01&last=2028-12-31")
    ).status_code == 200
    assert auditor.client.was_asked("approval.decisions")


async def test_every_scan_of_a_pass_is_shown_with_its_verdict_gate_and_login(auditor: Reader) -> None:
    shown = (await auditor.http.get(OF_PASS)).text
    assert auditor.client.last("verify.scan_history")[1] == PassNumber(number=NUMBER)
    exits = ("Exit recorded", "Another gate", "SEC-0001", "Left after the pass had expired")
    for what in (*exits, OF_APPLICATION):
        assert what in shown
    auditor.client.answers["verify.scan_history"] = NotFound()
    assert (await auditor.http.get(OF_PASS)).status_code == 404
    auditor.client.answers["verify.scan_history"] = Unavailable()
    assert (await auditor.http.get(OF_PASS)).status_code == 503
    assert (await auditor.http.get("/en/audit/passes/nothing")).status_code == 404
    assert (await auditor.http.get("/en/audit/applications/nothing")).status_code == 404


async def test_no_page_of_an_auditor_has_a_form_that_changes_anything(auditor: Reader) -> None:
    for path in (START, PERIOD, OF_APPLICATION, OF_PASS, LOG):
        shown = (await auditor.http.get(path)).text
        posted = re.findall(r'<form method="post" action="([^"]+)"', shown)
        assert set(posted) <= {SEARCH, LOG, "/en/staff/sign-out"}, path


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ({"who": " sec-0001 "}, "who=SEC-0001"),
        ({"what": AUDITED.lower()}, f"what={AUDITED}"),
        ({"act": "approval.approve"}, "act=approval.approve"),
        ({"what": f"{NUMBER[:4]} {NUMBER[4:]}"}, f"what={NUMBER}"),
        ({"who": "HOM-0001", "what": "ado-0001"}, "who=HOM-0001&what=ADO-0001"),
    ],
)
async def test_a_search_of_the_log_stands_in_the_address_in_canonical_form(
    auditor: Reader, typed: dict[str, str], address: str
) -> None:
    days = {"first": "2026-11-01", "last": "2026-11-30"}
    answer = await auditor.http.post("/en/audit/log", data={**typed, **days}, headers=SAME_SITE)
    wanted = f"/en/audit/log?{address}&first=2026-11-01&last=2026-11-30"
    assert (answer.status_code, answer.headers["location"]) == (303, wanted)


@pytest.mark.parametrize("typed", [{"who": "Gurpreet Kaur"}, {"what": "98765 43210"}, {"what": "Kaur"}])
async def test_no_name_and_no_mobile_is_searched_for_or_stands_in_an_address(
    auditor: Reader, typed: dict[str, str]
) -> None:
    answer = await auditor.http.post("/en/audit/log", data=typed, headers=SAME_SITE)
    assert answer.status_code == 422
    assert "Enter a whole" in answer.text
    assert "location" not in answer.headers
    by_address = await auditor.http.get("/en/audit/log", params=typed)
    assert by_address.status_code == 422
    assert not auditor.client.was_asked("approval.audit_entries")


async def test_the_log_asks_every_service_for_the_same_days_and_shows_who_did_what(auditor: Reader) -> None:
    shown = (await auditor.http.get(f"/en/audit/log?what={AUDITED}&first=2026-11-01&last=2026-11-30")).text
    first = {name: asked for name, asked, *_ in reversed(auditor.client.asked)}
    asked = [first[f"{service}.audit_entries"] for service in SERVICES]
    assert asked == [
        AuditQuestion(object=AUDITED, first=date(2026, 11, 1), last=date(2026, 11, 30), limit=100)
    ] * len(SERVICES)
    for what in ("HOM-0001", "Approved an application", "Looked at: Queue", "and 10 more", "Not signed in"):
        assert what in shown
    assert "Signed in with a password" in shown
    assert "Refused: a wrong login, password, code or PIN" in shown
    assert not re.search(r">[^<]*(approval\.|wrong_login|not_found)", shown)
    auditor.client.answers["notify.audit_entries"] = Unavailable()
    assert (await auditor.http.get("/en/audit/log")).status_code == 503


TASKS = {
    "accounts": ("create_first_ado", "reset_factor", "import_logins", "rotate_key", "withdraw_key"),
    "approval": tuple(f"import_{table}" for table in get_args(DirectoryTable)),
    "issuance": ("rotate_key", "withdraw_key"),
}
"""What `epass` records at the command line."""


@pytest.mark.parametrize("language", ["pa", "hi"])
def test_each_action_that_is_recorded_has_a_name_in_each_language(language: Language) -> None:
    recorded = {f"{one.service}.{one.name}" for one in rpc.METHODS if one.command or one.names_people}
    recorded |= {f"{service}.{name}" for service, names in TASKS.items() for name in names}
    assert recorded - ACTIONS.keys() == set()
    for action in recorded:
        assert name_of(ACTIONS, action, language) not in {action, ACTIONS[action]}


async def test_the_log_says_in_words_what_was_done(auditor: Reader) -> None:
    said = {
        ("approval", "approve"): "Approved an application",
        ("accounts", "from_tomorrow"): "Something that this version has no words for",
    }
    for (service, action), words in said.items():
        entry = AuditEntry(
            id=UUID(int=1), service=service, at=now(), actor="HOM-0001", role="department", action=action,
            objects=(), result="done", address="",
        )  # fmt: skip
        auditor.client.answers[f"{service}.audit_entries"] = AuditEntries(items=(entry,))
        assert words in (await auditor.http.get("/en/audit/log")).text


def lines(service: str, at: datetime, *seconds: int, **given: Any) -> AuditEntries:
    """Return a page of rows of a service, each some seconds before an instant; more are to come."""
    facts = {
        "service": service, "actor": "HOM-0001", "role": "department", "action": "approve", "objects": (),
        "result": "done", "address": "", **given,
    }  # fmt: skip
    return AuditEntries(
        items=tuple(AuditEntry(id=UUID(int=one), at=at - timedelta(seconds=one), **facts) for one in seconds),
        next="more",
    )


async def test_pages_of_the_log_go_on_after_the_last_line_of_all_services(auditor: Reader) -> None:
    at = now()
    auditor.client.answers["approval.audit_entries"] = lines("approval", at, *range(1, 201, 2))
    auditor.client.answers["verify.audit_entries"] = lines("verify", at, *range(2, 202, 2), action="set_pin")
    shown = (await auditor.http.get("/en/audit/log")).text
    assert (shown.count("</span> Approved"), shown.count("</span> Chose a PIN")) == (50, 50)
    following = re.search(r'rel="next" href="([^"]+)"', shown)
    assert following is not None
    await auditor.http.get(following[1].replace("&amp;", "&"))
    after = auditor.client.last("issuance.audit_entries")[1].after
    assert cursors.decode(after) == (at - timedelta(seconds=100), str(UUID(int=100)))


async def test_the_ten_who_looked_at_most_people_lead_to_what_it_was(auditor: Reader) -> None:
    def of(service: str, *lookers: tuple[str, str, int, int]) -> None:
        items = tuple(Looker(actor=a, role=r, looks=n, people=p) for a, r, n, p in lookers)
        auditor.client.answers[f"{service}.most_looks"] = Lookers(items=items)

    for service in SERVICES:
        of(service)
    of("approval", *((f"HOM-{n:04}", "department", 3, n) for n in range(1, 15)))
    of("application", ("REC-0001", "reception", 40, 900), ("HOM-0001", "department", 1, 20))
    of("issuance", ("REC-0001", "reception", 60, 800))
    auditor.client.answers["accounts.login_places"] = LoginPlaces(
        items=(
            LoginPlace(login_id="REC-0001", site="PCS1"),
            LoginPlace(login_id="HOM-0001", department="home"),
        )
    )
    shown = await auditor.open("/audit/most?days=7")
    found = re.findall(r'who=([A-Z0-9-]+)&amp;act=looks&amp;first=(\d{4}-\d\d-\d\d)"', shown.text)
    assert [who for who, _first in found] == [
        "REC-0001",
        "HOM-0001",
        *(f"HOM-{n:04}" for n in range(14, 6, -1)),
    ]
    first = date.fromisoformat(found[0][1])
    assert first == (now() - timedelta(days=7)).astimezone(IST).date()
    assert "Secretariat-1" in shown.text
    assert re.search(r">\s*900<", shown.text.replace("</span>", ">"))
    asked = auditor.client.last("verify.most_looks")[1]
    assert "manifest" not in asked.actions
    assert {"inside", "scan_history"} <= set(asked.actions)


async def test_without_accounts_the_page_shows_the_logins_without_their_place(auditor: Reader) -> None:
    for service in SERVICES:
        auditor.client.answers[f"{service}.most_looks"] = Lookers(items=())
    auditor.client.answers["verify.most_looks"] = Lookers(
        items=(Looker(actor="SEC-0001", role="security", looks=1, people=1),)
    )
    auditor.client.answers["accounts.login_places"] = Unavailable()
    assert "SEC-0001" in (await auditor.open("/audit/most")).text
