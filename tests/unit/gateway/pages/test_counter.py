"""The pages of the counter: a walk-in on one page, a pasted delegation, printed sheets."""

import re
from collections.abc import AsyncIterator
from datetime import date, datetime, time

import httpx
import pytest

from contracts.errors import Conflict, FieldError, InternalError, InvalidInput, NotFound, Unavailable
from contracts.model import IST, Companion, Person
from contracts.rpc.application import Acknowledged, LookupHit, LookupHits, PassSummary
from contracts.rpc.approval.capacity import Availability
from contracts.rpc.approval.directory import OfficerList
from contracts.rpc.call import Nothing
from contracts.rpc.notify import UndeliveredPass, UndeliveredPasses
from contracts.rpc.verify.incidents import HelpCalls
from services.chassis.runtime.clock import now
from services.gateway.pages.counter import party
from services.gateway.pages.counter.form import next_window
from services.gateway.pages.shared.visit_times import Day
from tests.support.factories.gateway import NUMBER, REFERENCE, pass_view, staff_claims
from tests.support.factories.pages import counter_application
from tests.support.system.page_reader import BALDEV, SAME_SITE, Reader, visiting

WALK_IN = {
    "key": "one-key", "name": "Gurpreet Kaur", "mobile": "", "id_type": "voter_id", "id_last4": "4821",
    "language": "pa", "deliver_by": "sms",
    "department": "home", "officer": "", "purpose_kind": "meeting", "purpose": "Arms licence renewal",
    "date-0": "2026-12-01",
    "from-0": "10:00", "to-0": "12:00", "companions": "", "vehicle": "", "assistance": "",
}  # fmt: skip
TAKEN = Acknowledged(reference=REFERENCE, status="submitted")


class Operator(Reader):
    """An operator at the counter of PCS1."""

    async def open(self, inner: str) -> httpx.Response:
        return await self.http.get(f"/en/counter{inner}")

    async def send(self, inner: str, **form: str) -> httpx.Response:
        return await self.http.post(f"/en/counter{inner}", data=form, headers=SAME_SITE)

    async def apply(self, **typed: str) -> httpx.Response:
        return await self.send("/apply", **{**WALK_IN, **typed})


@pytest.fixture
async def operator() -> AsyncIterator[Operator]:
    async with visiting(
        application__submit_at_counter=TAKEN,
        application__view=counter_application(),
        notify__record_print=Nothing(),
        session=staff_claims("reception"),
    ) as person:
        yield Operator(person.http, person.client)


async def test_a_walk_in_without_a_phone_is_submitted_on_one_page_for_the_logins_site(
    operator: Operator,
) -> None:
    made = await operator.apply()
    assert made.headers["location"] == f"/en/counter/applications/{REFERENCE}"
    _, asked, principal, key = operator.client.last("application.submit_at_counter")
    assert (asked.mobile, asked.site, asked.channel, asked.applicant.language, asked.officer) == (
        None,
        "PCS1",
        "counter",
        "pa",
        None,
    )
    assert (principal.login_id, key) == ("REC-0001", "one-key")


@pytest.mark.parametrize(
    ("day", "window"),
    [(1, ("2026-12-01", "11:35", "13:00")), (2, ("2026-12-02", "09:00", "13:00"))],
    ids=["now", "when it opens"],
)
def test_a_new_form_begins_now_or_when_the_site_opens_next(day: int, window: tuple[str, str, str]) -> None:
    found = next_window(
        Day(date(2026, 12, day), ((time(9), time(13)), (time(14), time(17)))),
        datetime(2026, 12, 1, 11, 37, tzinfo=IST),
    )
    assert (found["date-0"], found["from-0"], found["to-0"]) == window


async def test_the_page_has_the_window_of_a_walk_in_filled_in(operator: Operator) -> None:
    page = (await operator.open("")).text
    assert re.search(r'id="date-0"[^>]*value="20\d\d-', page)


async def test_missing_fields_are_shown_at_once_and_nothing_is_submitted(operator: Operator) -> None:
    refused = await operator.apply(name="", id_last4="", department="")
    assert refused.status_code == 422
    for field in ("name", "id_last4", "department"):
        assert f'href="#{field}"' in refused.text
    assert not operator.client.was_asked("application.submit_at_counter")
    assert "Arms licence renewal" in refused.text, "what was typed is still there"


async def test_the_office_of_an_official_is_whole_or_absent(operator: Operator) -> None:
    half = await operator.apply(organisation="Mandi Board")
    assert half.status_code == 422
    assert 'href="#designation"' in half.text
    await operator.apply(organisation="Mandi Board", designation="Engineer", employee_no="7")
    sent = operator.client.last("application.submit_at_counter")[1].applicant
    assert (sent.kind, sent.official.designation) == ("official", "Engineer")


async def test_a_typed_name_finds_the_officer_and_several_are_offered(operator: Operator) -> None:
    await operator.apply(officer="baldev")
    assert operator.client.last("application.submit_at_counter")[1].officer == "baldev"
    other = BALDEV.model_copy(update={"code": "baldev-2"})
    operator.client.answers["approval.officers"] = OfficerList(items=(BALDEV, other))
    asked = await operator.apply(officer="baldev")
    assert asked.status_code == 422
    assert 'value="baldev-2"' in asked.text
    await operator.apply(officer="baldev", officer_code="baldev-2")
    assert operator.client.last("application.submit_at_counter")[1].officer == "baldev-2"
    operator.client.answers["approval.officers"] = OfficerList(items=())
    assert "Nobody with this name" in (await operator.apply(officer="xyz")).text


async def test_a_delegation_of_forty_is_pasted(operator: Operator) -> None:
    pasted = "\n".join(
        f"{number}. Visitor {chr(65 + number % 26)}, Aadhaar, {1000 + number}" for number in range(1, 41)
    )
    assert (await operator.apply(companions=pasted)).status_code == 303
    sent = operator.client.last("application.submit_at_counter")[1].companions
    assert [(len(sent), one.name, one.id_type, one.id_last4) for one in sent[:1]] == [
        (40, "Visitor B", "aadhaar", "1001")
    ]


async def test_more_than_fifty_are_refused_with_a_sentence(operator: Operator) -> None:
    refused = await operator.apply(companions="\n".join(["Harjit Singh, 4821"] * 51))
    assert refused.status_code == 422
    assert 'href="#companions"' in refused.text
    assert (await operator.apply(companions="\n".join(["Harjit Singh, 4821"] * 50))).status_code == 303


async def test_a_line_of_the_party_that_cannot_be_read_is_named(operator: Operator) -> None:
    refused = await operator.apply(
        companions="Harjit Singh, Aadhaar, 4821\n\nSimran\nKaran, library card, 12"
    )
    assert refused.status_code == 422
    assert refused.text.count("Line 3: Enter an ID card, or say that this is a child") == 2, (
        "in the summary and at the field"
    )
    assert refused.text.count("Line 4: This kind of ID card is not known") == 2
    assert not operator.client.was_asked("application.submit_at_counter")


async def test_a_problem_of_a_companion_names_its_line(operator: Operator) -> None:
    problem = FieldError(field="companions.1.id_last4", code="full_number")
    operator.client.answers["application.submit_at_counter"] = InvalidInput(
        fields=(problem, FieldError(field="mobile", code="not_a_mobile"))
    )
    refused = await operator.apply(companions="Harjit Singh, 4821\n\nSimran, 499118665246")
    assert "Line 3: Enter the last four characters only, never the whole number" in refused.text
    assert 'href="#mobile"' in refused.text


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("Harjit Singh, driving licence, 0917", ("Harjit Singh", "driving_licence", "0917")),
        ("2) ਹਰਜੀਤ ਸਿੰਘ, ਆਧਾਰ ਕਾਰਡ, 0917", ("ਹਰਜੀਤ ਸਿੰਘ", "aadhaar", "0917")),
        ("हरजीत सिंह\tआधार कार्ड\t0917", ("हरजीत सिंह", "aadhaar", "0917")),
        ("Harjit Singh, EPIC, 0917", ("Harjit Singh", "voter_id", "0917")),
        ("Harjit Singh, , 0917", ("Harjit Singh", "other_photo_id", "0917")),
        ("Harjit Singh; 0917", ("Harjit Singh", "other_photo_id", "0917")),
        ("Singh, Harjit, Govt ID, 0917", ("Singh, Harjit", "government_id", "0917")),
        ("Simran, child", ("Simran", None, None)),
        ("ਸਿਮਰਨ, ਬੱਚਾ", ("ਸਿਮਰਨ", None, None)),
    ],
)
def test_a_line_of_the_party_is_read_in_the_usual_spellings(
    line: str, read: tuple[str, str | None, str | None]
) -> None:
    found = party.read(line)
    assert found.problems == []
    assert [(one["name"], one.get("id_type"), one.get("id_last4")) for one in found.companions] == [read]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("Simran", "companion_id_missing"),
        ("Simran, dl,", "companion_id_missing"),
        (", child", "name_missing"),
        (", dl, 1234", "name_missing"),
    ],
)
def test_a_line_with_a_missing_part_names_it(line: str, code: str) -> None:
    assert party.read(f"\n{line}").problems == [(2, code)]


async def test_an_outcome_that_is_not_known_leaves_the_form_with_the_same_key(operator: Operator) -> None:
    operator.client.answers["application.submit_at_counter"] = Unavailable("down")
    unknown = await operator.apply()
    assert unknown.status_code == 503
    assert 'name="key" value="one-key"' in unknown.text
    assert 'value="Gurpreet Kaur"' in unknown.text
    operator.client.answers["application.submit_at_counter"] = InvalidInput(
        fields=(FieldError(field="name", code="name_missing"),)
    )
    assert 'value="one-key"' not in (await operator.apply()).text, "another form needs another key"


@pytest.mark.parametrize(
    ("closed", "windows", "words"),
    [
        (True, [], "has closed this day"),
        (False, [{"start": "10:00", "end": "12:00", "places": 5, "free": 0}], "not enough free places"),
    ],
)
async def test_nobody_applies_here_for_a_time_without_a_place(
    operator: Operator, closed: bool, windows: list[dict[str, object]], words: str
) -> None:
    day = WALK_IN["date-0"]
    operator.client.answers["approval.availability"] = Availability.model_validate(
        {
            "limited": True,
            "days": [{"day": day, "windows": windows}],
            "closed": [{"day": day, "reason": "other"}] if closed else [],
        }
    )
    refused = await operator.apply()
    assert refused.status_code == 422
    assert words in refused.text
    assert not operator.client.was_asked("application.submit_at_counter")


async def test_looking_up_leaves_no_name_in_an_address(operator: Operator) -> None:
    hit = LookupHit(
        reference=REFERENCE, status="issued", site="PCS1", department="home", submitted_at=now(),
        date="2026-12-01", name="Gurpreet", name_latin="Gurpreet"
    )  # fmt: skip
    operator.client.answers["application.lookup"] = LookupHits(items=(hit,), is_cut=True)
    sent = await operator.send("/lookup", q="Gurpreet")
    assert (sent.status_code, sent.headers["location"]) == (303, "/en/counter/lookup")
    more = {"en": "There are more.", "pa": "ਹੋਰ ਵੀ ਹਨ।", "hi": "और भी हैं।"}
    for language, words in more.items():
        found = await operator.http.get(f"/{language}/counter/lookup")
        assert f'href="/{language}/counter/applications/{REFERENCE}"' in found.text
        assert words in found.text, "and it says so where not all are shown"
    assert operator.client.last("application.lookup")[1].q == "Gurpreet"
    operator.client.answers["application.lookup"] = LookupHits(items=(hit,))
    assert more["en"] not in (await operator.http.get("/en/counter/lookup")).text
    assert (await operator.send("/lookup", q="G")).status_code == 422


@pytest.mark.parametrize(("site", "words"), [("PCS1", "Erased"), ("PCS2", "For another secretariat")])
async def test_a_line_without_a_name_says_why(operator: Operator, site: str, words: str) -> None:
    hit = LookupHit(
        reference=REFERENCE, status="cancelled", site=site, department="home", submitted_at=now(),
        date="2026-12-01", name="", name_latin=""
    )  # fmt: skip
    operator.client.answers["application.lookup"] = LookupHits(items=(hit,))
    found = await operator.http.get((await operator.send("/lookup", q=REFERENCE)).headers["location"])
    assert f">{words}<" in found.text
    assert ">1 Dec 2026<" in found.text, "no longer, or the status does not fit beside it"


async def test_who_is_found_by_a_plate_has_it_in_the_list_and_on_their_page(operator: Operator) -> None:
    hit = LookupHit(
        reference=REFERENCE, status="issued", site="PCS1", department="home", submitted_at=now(),
        name="Gurpreet", name_latin="Gurpreet", vehicle="PB65AB1234"
    )  # fmt: skip
    operator.client.answers["application.lookup"] = LookupHits(items=(hit,))
    found = await operator.http.get((await operator.send("/lookup", q="1234")).headers["location"])
    assert "PB65AB1234" in found.text
    operator.client.answers["application.view"] = counter_application(vehicle="PB65AB1234")
    assert "PB65AB1234" in (await operator.open(f"/applications/{REFERENCE}")).text


async def test_waiting_visitors_are_listed_and_the_list_refreshes(operator: Operator) -> None:
    hit = LookupHit(
        reference=REFERENCE, status="submitted", site="PCS1", department="home", submitted_at=now(),
        name="Gurpreet", name_latin="Gurpreet"
    )  # fmt: skip
    operator.client.answers["application.waiting_here"] = LookupHits(items=(hit,))
    for page in (await operator.open(""), await operator.apply(name="")):
        listed = page.text.partition('id="state"')[2].partition("</main>")[0]
        assert f'data-state="{REFERENCE} submitted' in listed
        assert 'data-from="/en/counter"' in listed
        assert f'href="/en/counter/applications/{REFERENCE}"' in listed


async def test_passes_that_did_not_arrive_are_listed_with_a_link_to_print_them(operator: Operator) -> None:
    one = UndeliveredPass(reference=REFERENCE, pass_number=NUMBER, channel="sms", since=now())
    operator.client.answers["notify.undelivered_here"] = UndeliveredPasses(items=(one,))
    operator.client.answers["application.waiting_here"] = LookupHits(items=())
    page = (await operator.open("")).text
    state = re.search(r'data-state="([^"]*)" data-wait-for-change="5"', page)
    assert state is not None
    assert NUMBER in state[1], "an open page shows it within seconds"
    listed = page.partition("Passes that did not arrive")[2]
    assert f'href="/en/counter/applications/{REFERENCE}"' in listed
    assert f'href="/en/counter/passes/{NUMBER}"' in listed
    operator.client.answers["notify.undelivered_here"] = Unavailable("down")
    assert "Passes that did not arrive" not in (await operator.open("")).text


async def test_while_the_waiting_list_is_unavailable_the_form_still_works(operator: Operator) -> None:
    for trouble in (Unavailable("down"), NotFound(code="unknown_method"), InternalError()):
        operator.client.answers["application.waiting_here"] = trouble
        page = await operator.open("")
        assert page.status_code == 200
        assert 'action="/en/counter/apply"' in page.text
        assert "There are none." not in page.text, "nobody knows that"
        assert "data-state=" not in page.text


async def test_a_page_refreshes_only_while_a_decision_is_awaited(operator: Operator) -> None:
    waiting = (await operator.open(f"/applications/{REFERENCE}")).text
    assert '<noscript><meta http-equiv="refresh"' in waiting
    assert "data-wait-for-change" in waiting
    summary = PassSummary(number=NUMBER, valid_from=now(), valid_to=now())
    operator.client.answers["application.view"] = counter_application(status="issued", pass_=summary)
    issued = (await operator.open(f"/applications/{REFERENCE}")).text
    assert 'http-equiv="refresh"' not in issued
    assert "data-wait-for-change" not in issued
    assert f'action="/en/counter/passes/{NUMBER}/print"' in issued


async def test_a_pass_of_another_site_is_seen_and_neither_printed_nor_cancelled(operator: Operator) -> None:
    summary = PassSummary(number=NUMBER, valid_from=now(), valid_to=now())
    operator.client.answers["application.view"] = counter_application(
        status="issued", site="PCS2", pass_=summary, applicant=Person(name="", name_latin=""), purpose=""
    )
    page = (await operator.open(f"/applications/{REFERENCE}")).text
    assert "This visit is to another secretariat." in page
    assert "Name</dt>" not in page
    assert "/print" not in page
    assert "/cancel" not in page


async def test_cancelling_too_late_shows_a_notice(operator: Operator) -> None:
    operator.client.answers["application.cancel"] = Conflict("late", code="cannot_cancel")
    late = await operator.send(f"/applications/{REFERENCE}/cancel", key="k")
    assert late.headers["location"].endswith("?notice=late")
    assert (
        "can no longer be cancelled" in (await operator.open(f"/applications/{REFERENCE}?notice=late")).text
    )


@pytest.mark.parametrize(("kind", "sheets", "paper"), [("pass", 1, "receipt"), ("badge", 3, "a6")])
async def test_printing_is_recorded_before_the_sheet_is_shown(
    operator: Operator, kind: str, sheets: int, paper: str
) -> None:
    people = [
        {"name": "Harjit Singh", "name_latin": "Harjit Singh"},
        {"name": "ਸਿਮਰਨ", "name_latin": "Simran", "child": True},
    ]
    operator.client.answers["issuance.view"] = pass_view(companions=people, party=3, gate="PCS1-G1")
    printed = await operator.send(f"/passes/{NUMBER}/print", kind=kind, paper=paper, key="k1")
    assert printed.headers["location"] == f"/en/counter/passes/{NUMBER}/{kind}/{paper}"
    assert operator.client.last("notify.record_print")[3] == "k1"
    sheet = (await operator.open(f"/passes/{NUMBER}/{kind}/{paper}")).text
    assert sheet.count('<article class="epass-sheet') == sheets
    assert f"epass-paper--{paper}" in sheet
    assert f'src="/api/v1/passes/{NUMBER}/qr.svg"' in sheet
    assert "PCS1-G1" not in sheet
    assert ", Gate 1</dd>" in sheet
    assert ("Official website of the Government of Punjab" in sheet) == (kind == "pass")


async def test_no_sheet_is_shown_while_printing_cannot_be_recorded(operator: Operator) -> None:
    operator.client.answers["notify.record_print"] = Unavailable("down")
    assert (
        await operator.send(f"/passes/{NUMBER}/print", kind="pass", paper="a6", key="k1")
    ).status_code == 503


async def test_a_pass_is_reissued_for_a_reason(operator: Operator) -> None:
    operator.client.answers["issuance.reissue"] = pass_view(number="8K3M9QW4")
    assert (await operator.send(f"/passes/{NUMBER}/reissue", reason="withdrawn", key="k")).status_code == 422
    assert not operator.client.was_asked("issuance.reissue")
    made = await operator.send(f"/passes/{NUMBER}/reissue", reason="security", key="k")
    assert made.headers["location"] == "/en/counter/passes/8K3M9QW4"
    assert operator.client.last("issuance.reissue")[1].reason == "security"
    operator.client.answers["issuance.reissue"] = Conflict("over", code="not_reissuable")
    over = await operator.send(f"/passes/{NUMBER}/reissue", reason="reissued", key="k2")
    assert (over.status_code, "cannot be replaced" in over.text) == (409, True)


async def test_the_language_begins_as_the_last_visitors(operator: Operator) -> None:
    chosen = re.compile(r'<option value="(\w+)" selected>(?:ਪੰਜਾਬੀ|हिन्दी|English)</option>')
    assert chosen.findall((await operator.open("")).text) == ["en"], "that of the page"
    await operator.apply(language="hi")
    assert chosen.findall((await operator.open("")).text) == ["hi"]
    await operator.apply(language="pa", name="")
    assert chosen.findall((await operator.open("")).text) == ["hi"], "nobody was taken"


@pytest.mark.parametrize("kind", ["pass", "badge"])
async def test_paper_names_whom_to_meet_the_room_the_times_and_the_companions(
    operator: Operator, kind: str
) -> None:
    people = tuple(Companion(name=f"Companion {letter}", child=True) for letter in "ABCDEFGH")
    officer = BALDEV.model_copy(update={"room": "Room 214, second floor"})
    operator.client.answers["approval.officers"] = OfficerList(items=(officer,))
    operator.client.answers["issuance.view"] = pass_view(officer="baldev", companions=people, party=9)
    sheet = (await operator.open(f"/passes/{NUMBER}/{kind}/a6")).text
    for words in ("Baldev Singh, Clerk", "Room 214, second floor", "10:00 am – 12:00 pm", "Home"):
        assert words in sheet, words
    assert "Companion A (child), Companion B (child)" in sheet
    assert "and 3 more" in sheet
    if kind == "badge":
        assert sheet.count("<dt>With whom</dt><dd>ਗੁਰਪ੍ਰੀਤ ਕੌਰ</dd>") == 8


@pytest.mark.parametrize("kind", ["pass", "badge"])
async def test_paper_is_printed_while_the_directory_of_officers_does_not_answer(
    operator: Operator, kind: str
) -> None:
    operator.client.answers["approval.officers"] = Unavailable("down")
    operator.client.answers["issuance.view"] = pass_view(officer="baldev")
    sheet = await operator.open(f"/passes/{NUMBER}/{kind}/a6")
    assert (sheet.status_code, "Home" in sheet.text, "Baldev" in sheet.text) == (200, True, False)


async def test_calls_for_help_are_a_page_when_opened_and_a_part_for_a_script(operator: Operator) -> None:
    operator.client.answers["verify.help_calls"] = HelpCalls()
    part = await operator.open("/calls")
    page = await operator.http.get("/en/counter/calls", headers={"Sec-Fetch-Mode": "navigate"})
    assert part.text.strip() == ""
    assert "<h1" in page.text
    assert "There are none." in page.text
