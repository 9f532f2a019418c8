"""The audit log: acts can be chosen, an open page makes no noise, and all of it is one file."""

import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts.errors import Unavailable
from contracts.rpc.audit import AuditEntries, AuditEntry, AuditQuestion
from contracts.subscriptions import SERVICES
from services.chassis.runtime.clock import now
from services.gateway.pages.audit import acts, log
from services.gateway.pages.audit.log import fold
from services.gateway.pages.shared.actions import ACTIONS
from tests.support.factories.gateway import browsing, staff_claims
from tests.support.factories.pages import AUDIT_LOG, AUDITED, NO_ENTRIES
from tests.support.system.page_reader import SAME_SITE, Reader

LOG = "/en/audit/log"
AT = now()


@pytest.fixture
async def auditor() -> AsyncIterator[Reader]:
    answers = {name.replace(".", "__"): answer for name, answer in AUDIT_LOG.items()}
    async with browsing(**answers, session=staff_claims("auditor")) as (http, client):
        yield Reader(http, client)


def entry(minutes: float = 0, **given: Any) -> AuditEntry:
    facts: dict[str, Any] = {
        "id": UUID(int=int(minutes * 60)), "service": "approval", "at": AT - timedelta(minutes=minutes),
        "actor": "HOM-0001", "role": "department", "action": "list_reviews", "objects": (AUDITED,),
        "result": "refreshed", "address": "0a1b2c",
    }  # fmt: skip
    return AuditEntry(**{**facts, **given})


def test_looks_of_an_open_page_are_one_line_with_their_number_and_all_that_was_shown() -> None:
    shown = [entry(one, objects=(f"PCS-{int(one)}",)) for one in range(27)]
    (line,) = fold(shown)
    assert (line.count, line.since) == (27, AT - timedelta(minutes=26))
    assert list(line.objects) == [f"PCS-{one}" for one in range(27)]


def test_other_lines_between_them_stay_where_they_were() -> None:
    lines = fold([entry(0), entry(1, action="approve", result="done"), entry(2), entry(3, actor="HOM-0002")])
    assert [(one.name, one.entry.actor, one.count) for one in lines] == [
        ("approval.list_reviews", "HOM-0001", 2),
        ("approval.approve", "HOM-0001", 1),
        ("approval.list_reviews", "HOM-0002", 1),
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"actor": "HOM-0002"}, {"address": "elsewhere"}, {"action": "view_review", "result": "done"},
        {"result": "forbidden"}, {"minutes": 20},
    ],
)  # fmt: skip
def test_no_look_of_somebody_else_elsewhere_later_at_one_application_or_refused_is_hidden(
    other: dict[str, Any],
) -> None:
    assert [one.count for one in fold([entry(), entry(**{"minutes": 1, **other})])] == [1, 1]


def test_looks_at_several_applications_stand_each_in_a_line() -> None:
    looked = [entry(one, action="view_review", result="done") for one in range(3)]
    assert [one.count for one in fold(looked)] == [1, 1, 1]


async def test_the_page_says_how_often_and_since_when_and_shows_each_look_if_asked(auditor: Reader) -> None:
    rows = AuditEntries(items=tuple(entry(one) for one in range(3)))
    auditor.client.answers["approval.audit_entries"] = rows
    shown = (await auditor.http.get(LOG)).text
    assert shown.count("Looked at: Queue of applications") == 1
    assert "3 times since" in shown
    link = re.search(r'href="([^"]+each=true[^"]*)"', shown)
    assert link is not None
    each = (await auditor.http.get(link[1].replace("&amp;", "&"))).text
    assert each.count("Looked at: Queue of applications") == 3
    assert each.count("The open page asked again by itself") == 3


@pytest.mark.parametrize(
    ("act", "asked"),
    [
        ("approval.approve", {"approval": ("approve",)}),
        ("notify.audit_entries", dict.fromkeys(SERVICES, ("audit_entries",))),
        (acts.SIGN_INS, {"accounts": tuple(sorted(acts._SIGN_INS))}),
    ],
)
async def test_only_services_that_know_a_chosen_act_are_asked_and_only_for_it(
    auditor: Reader, act: str, asked: dict[str, tuple[str, ...]]
) -> None:
    auditor.client.answers["approval.audit_entries"] = NO_ENTRIES
    assert (await auditor.http.get(f"{LOG}?act={act}")).status_code == 200
    found = {
        name.partition(".")[0]: question.actions
        for name, question, *_ in auditor.client.asked
        if isinstance(question, AuditQuestion)
    }
    assert found == asked


async def test_a_search_is_shown_by_what_it_was_for_and_leads_to_all_that_were_the_same(
    auditor: Reader,
) -> None:
    sought = [f"{kind}:{'0a1b2c3d' * 4}" for kind in ("vehicle", "mobile", "name")]
    searched = entry(action="search_reviews", result="done", objects=tuple(sought))
    auditor.client.answers["approval.audit_entries"] = AuditEntries(items=(searched,))
    shown = (await auditor.http.get(LOG)).text
    for words, name in zip(("Vehicle", "Mobile", "Name"), sought, strict=True):
        link = re.search(rf'href="([^"]+)">{words} 0a1b2c3d</a>', shown)
        assert link is not None
        assert (await auditor.http.get(link[1].replace("&amp;", "&"))).status_code == 200
        assert auditor.client.last("approval.audit_entries")[1].object == name


async def test_refusals_are_asked_of_all_services(auditor: Reader) -> None:
    await auditor.http.get(f"{LOG}?act=refusals")
    asked = [one for _, one, *_ in auditor.client.asked if isinstance(one, AuditQuestion)]
    assert len({name for name, *_ in auditor.client.asked if name.endswith("audit_entries")}) == len(SERVICES)
    assert {one.refused for one in asked} == {True}


async def test_an_act_that_does_not_exist_is_refused(auditor: Reader) -> None:
    for answer in (
        await auditor.http.get(f"{LOG}?act=approval.smile"),
        await auditor.http.get(f"{LOG}.csv?act=approval.smile"),
        await auditor.http.post(LOG, data={"act": "Kaur"}, headers=SAME_SITE),
    ):
        assert answer.status_code == 422
        assert "Choose one of these" in answer.text
    assert not auditor.client.was_asked("approval.audit_entries")


def test_every_act_is_of_one_group_and_can_be_chosen_by_its_words() -> None:
    choices = [name for _, _, found in acts.choices("en") for name, _ in found]
    chosen = {
        f"{service}.{name}"
        for act in choices
        for service, names in acts.chosen(act).items()
        for name in names
    }
    assert chosen == ACTIONS.keys()
    assert len(choices) == len({acts.words_of(one, "en") for one in ACTIONS})


async def test_the_file_has_every_row_of_what_was_found_in_words_and_no_formula(auditor: Reader) -> None:
    pages = {
        None: AuditEntries(items=(entry(), entry(1, actor="=cmd|' /C calc'!A0", result="done")), next="on"),
    }
    auditor.client.answers["approval.audit_entries"] = lambda asked: pages.get(
        asked.after, AuditEntries(items=(entry(2, action="approve", result="not_found"),))
    )
    answer = await auditor.http.get(f"{LOG}.csv?act=approval.approve&first=2026-11-01&last=2026-11-30")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="audit-log-2026-11-01-2026-11-30.csv"' in answer.headers["content-disposition"]
    header, *rows = csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert header == list(log.COLUMNS)
    assert [(row[1], row[3], row[5]) for row in rows] == [
        ("HOM-0001", "Looked at: Queue of applications", "The open page asked again by itself"),
        ("'=cmd|' /C calc'!A0", "Looked at: Queue of applications", "Done"),
        ("HOM-0001", "Approved an application", "Refused: there is nothing such, or not for this login"),
    ]
    asked = [one for _, one, *_ in auditor.client.asked if isinstance(one, AuditQuestion)]
    assert {one.export for one in asked} == {True}


async def test_a_file_that_is_not_the_whole_says_so_in_its_last_line(
    auditor: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "MOST_EXPORTED", 2)
    auditor.client.answers["approval.audit_entries"] = AuditEntries(items=(entry(), entry(1)), next="on")
    assert "Not the whole: choose fewer days" in (await auditor.http.get(f"{LOG}.csv")).text.splitlines()[-1]
    replies = iter([AuditEntries(items=(entry(),), next="on")])

    def once(_asked: AuditQuestion) -> AuditEntries:
        if (reply := next(replies, None)) is None:
            raise Unavailable
        return reply

    auditor.client.answers["approval.audit_entries"] = once
    assert "did not answer" in (await auditor.http.get(f"{LOG}.csv")).text.splitlines()[-1]
    assert (await auditor.http.get(f"{LOG}.csv")).status_code == 503


async def test_a_file_of_more_people_than_the_budget_comes_whole_and_the_next_one_is_refused_in_words(
    auditor: Reader,
) -> None:
    people = [entry(one, actor=f"applicant:{one}") for one in range(3_600)]
    pages = (
        AuditEntries(items=people[at : at + 200], next="on" * (at < 3_400)) for at in range(0, 3_600, 200)
    )
    auditor.client.answers["approval.audit_entries"] = lambda _asked: next(pages)
    path = f"{LOG}.csv?act=approval.approve"
    rows = (await auditor.http.get(path)).text.splitlines()
    assert (len(rows), "applicant:3599" in rows[-1]) == (3_601, True)
    auditor.client.answers["approval.audit_entries"] = AuditEntries(items=(people[0],))
    refused = await auditor.http.get(path.replace("/en/", "/pa/"))
    assert (refused.status_code, "ਤੁਸੀਂ ਬਹੁਤ ਜ਼ਿਆਦਾ ਲੋਕਾਂ ਦੀ ਜਾਣਕਾਰੀ" in refused.text) == (429, True)


async def test_refusals_of_strangers_are_one_line_with_their_number_and_their_reason(auditor: Reader) -> None:
    facts = {"actor": "anonymous", "role": "anonymous", "action": "log_in", "service": "accounts"}
    shared = entry(2, **facts, result="wrong_login", times=412, addresses=37, address="")
    auditor.client.answers["accounts.audit_entries"] = AuditEntries(items=(shared,))
    page = (await auditor.http.get(LOG)).text
    assert "412 times since" in page
    assert "from 37 other addresses" in page
    assert "a wrong login, password, code or PIN" in page
    *_, times, addresses = list(csv.reader(io.StringIO((await auditor.http.get(f"{LOG}.csv")).text)))[-1]
    assert (times, addresses) == ("412", "37")
