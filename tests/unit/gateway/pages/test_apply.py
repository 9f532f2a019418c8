"""Applying through the pages: few pages, every rule checked by the service, nothing lost."""

import re
from collections.abc import AsyncIterator
from datetime import date, time, timedelta

import pytest

from contracts.errors import FieldError, IdempotencyKeyReused, InvalidInput, TooManyAttempts
from contracts.events import OpeningHours
from contracts.model import IST
from contracts.rpc.application import Acknowledged, ApplicationList, Checked, HistoryLine
from contracts.rpc.approval.capacity import Availability, DayAvailability, WindowAvailability
from contracts.rpc.approval.directory import DepartmentList, OfficerList, SiteList
from services.chassis.runtime.clock import now
from services.gateway.settings import GatewaySettings
from tests.support.factories.gateway import REFERENCE, browser, claims, signed
from tests.support.factories.pages import APPLICATION
from tests.support.system.page_reader import (
    BALDEV,
    HOME,
    PERSON,
    SAME_SITE,
    SITE,
    VISIT,
    Reader,
    closed,
    hidden,
    somebody,
    stub,
)


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    async with somebody() as person:
        yield person


async def test_everything_that_was_answered_reaches_the_service_once(reader: Reader) -> None:
    checked = await reader.answer()
    assert checked.url.path == "/en/apply/check"
    assert "Official website of the Government of Punjab" in checked.text
    sent = hidden(checked)
    done = await reader.send("/apply/check", **sent)
    assert REFERENCE in done.text
    _, request, principal, used = reader.client.last("application.submit")
    assert (request.applicant.name, request.officer, request.purpose, principal.mobile, used) == (
        "Gurpreet Kaur", "baldev", "Arms licence renewal", "+919876543210", sent["key"],
    )  # fmt: skip


async def test_before_sending_it_says_what_happens_with_the_answers_and_whom_to_ask(reader: Reader) -> None:
    text = (await reader.answer()).text
    assert "They are erased 180 days after the visit" in text
    assert "Questions about your visit: Home." in text
    assert "ADO Branch" in text
    assert "Clear my answers and sign out" in text


async def test_a_second_click_leads_to_the_same_reference(reader: Reader) -> None:
    sent = hidden(await reader.answer())
    await reader.send("/apply/check", **sent)
    again = await reader.send("/apply/check", **sent)
    assert again.url.path == "/en/apply/done"
    assert REFERENCE in again.text
    assert sum(name == "application.submit" for name, *_ in reader.client.asked) == 1


async def test_a_problem_found_by_the_service_is_shown_beside_its_field_in_the_readers_language() -> None:
    problems = (
        FieldError(field="applicant.id_last4", code="full_number"),
        FieldError(field="site", code="unknown_site"),
    )
    async with somebody(application__check=Checked(problems=problems)) as person:
        refused = await person.send(
            "/apply/who", **PERSON | {"id_type": "aadhaar", "id_last4": "499118665246"}
        )
    assert refused.status_code == 422
    assert refused.text.count("never the whole number") >= 2, "in the summary and at the field"
    assert 'href="#id_last4"' in refused.text
    assert "Error:" in refused.text
    assert person.client.last("application.check")[1].applicant.id_last4 == "499118665246"
    assert "499118665246" not in refused.text, "a whole number is shown nowhere again"


async def test_an_email_address_is_optional_and_goes_along(reader: Reader) -> None:
    await reader.answer()
    assert reader.client.last("application.check")[1].applicant.email is None
    details = {"more": "no", "vehicle": "", "assistance": "", "deliver_by": "email"}
    shown = await reader.send("/apply/companions", **details, email="guest@example.org")
    given = reader.client.last("application.check")[1].applicant
    assert (given.email, given.deliver_by) == ("guest@example.org", "email")
    assert "guest@example.org" in shown.text, "it stands among the answers"
    assert "By email" in shown.text


async def test_email_is_not_offered_where_none_is_sent(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers of a time at which it was offered lose it, and the question is open again."""
    await reader.answer()
    details = {"more": "no", "vehicle": "", "assistance": "", "deliver_by": "email"}
    await reader.send("/apply/companions", **details, email="guest@example.org")

    monkeypatch.setattr(GatewaySettings, "sends_email", False)
    asked_again = await reader.open("/apply/check")
    assert asked_again.url.path == "/en/apply/companions"
    assert 'name="deliver_by"' in asked_again.text
    assert 'name="email"' not in asked_again.text
    assert 'value="email"' not in asked_again.text
    refused = await reader.send("/apply/companions", **details, email="guest@example.org")
    assert refused.status_code == 422
    assert "No email is sent from here" in refused.text

    await reader.send("/apply/companions", **{**details, "deliver_by": "sms"})
    assert reader.client.last("application.check")[1].applicant.email is None


async def test_a_wrong_email_address_gets_its_sentence_in_the_readers_language() -> None:
    problems = (FieldError(field="applicant.email", code="email_invalid"),)
    async with somebody() as person:
        await person.answer()
        person.client.answers["application.check"] = Checked(problems=problems)
        details = {"more": "no", "vehicle": "", "assistance": "", "deliver_by": "sms", "email": "guest@"}
        refused = await person.http.post("/pa/apply/companions", data=details, headers=SAME_SITE)
    assert refused.status_code == 422
    assert refused.text.count("ਇਹ ਈਮੇਲ") >= 2, "in the summary and at the field"


async def test_problems_of_later_questions_are_not_shown_yet() -> None:
    problems = (FieldError(field="purpose", code="purpose_missing"),)
    async with somebody(application__check=Checked(problems=problems)) as person:
        shown = await person.send("/apply/who", **PERSON)
    assert shown.url.path == "/en/apply/department"


async def test_nobody_skips_a_question(reader: Reader) -> None:
    assert (await reader.open("/apply/companions")).url.path == "/en/apply/who"
    assert (await reader.open("/apply/check")).url.path == "/en/apply/who"


async def test_a_name_in_another_script_is_suggested_in_english_letters_and_can_be_corrected(
    reader: Reader,
) -> None:
    checked = await reader.answer(name="ਗੁਰਪ੍ਰੀਤ ਕੌਰ")
    assert "Gurpreet Kaur" in checked.text
    assert 'href="/en/apply/name-latin"' in checked.text
    assert 'value="Gurpreet Kaur"' in (await reader.open("/apply/name-latin")).text
    corrected = await reader.send("/apply/name-latin", name_latin="Gurpreet Kaur")
    assert corrected.url.path == "/en/apply/check"
    assert reader.client.last("application.check")[1].applicant.name_latin == "Gurpreet Kaur"
    await reader.send("/apply/who", **PERSON | {"name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "id_last4": "0000"})
    assert reader.client.last("application.check")[1].applicant.name_latin == "Gurpreet Kaur", "the same name"
    await reader.send("/apply/who", **PERSON | {"name": "ਹਰਜੀਤ"})
    assert "Gurpreet Kaur" in (await reader.open("/apply/check")).text, "another name is suggested anew"


async def test_a_name_for_which_no_spelling_is_suggested_is_asked_for() -> None:
    async with somebody(application__check=Checked(name_latin="")) as person:
        asked = await person.send("/apply/who", **PERSON | {"name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ"})
    assert asked.url.path == "/en/apply/name-latin"


POLICE = HOME.model_copy(update={"code": "police", "sites": ("PCS1", "PCS2")})
OTHER_SITE = SITE.model_copy(update={"code": "PCS2"})
TWO_SITES = {
    "approval__sites": SiteList(items=(SITE, OTHER_SITE)),
    "approval__departments": DepartmentList(items=(HOME, POLICE)),
}


async def test_the_secretariat_is_asked_for_only_where_the_department_sits_at_several() -> None:
    async with somebody(**TWO_SITES) as person:
        offered = await person.send("/apply/who", **PERSON)
        for value in ("home@PCS1", "police@PCS1", "police@PCS2"):
            assert f'name="department" value="{value}"' in offered.text, "one press"
        for department in ("police", "police@PCS3", "home/../x"):
            refused = await person.send("/apply/department", department=department)
            assert (refused.status_code, 'href="#department"' in refused.text) == (422, True), department
        for department, site in (("police@PCS2", "PCS2"), ("home", "PCS1"), ("home@PCS2", "PCS1")):
            asked = await person.send("/apply/department", department=department)
            assert asked.url.path == "/en/apply/visit"
            assert person.client.last("application.check")[1].site == site


async def test_the_places_of_earlier_applications_stand_on_top() -> None:
    earlier = [
        HistoryLine(reference=REFERENCE, status="left", site=site, department=department, submitted_at=now())
        for department, site in (("police", "PCS2"), ("police", "PCS2"), ("gone", "PCS1"))
    ]
    history = ApplicationList(items=tuple(earlier))
    async with somebody(application__list_applications=history, **TWO_SITES) as person:
        offered = (await person.send("/apply/who", **PERSON)).text
        on_top = offered.partition("Where you applied before")[2].partition("All departments")[0]
        assert re.findall(r'name="department" value="([^"]+)"', on_top) == ["police@PCS2"]
        searched = (await person.open("/apply/department?q=home")).text
    assert "Where you applied before" not in searched


async def test_neither_a_closed_department_or_officer_nor_one_without_a_login_is_offered() -> None:
    closed = HOME.model_copy(update={"code": "old", "closed": True})
    waits = HOME.model_copy(update={"code": "new", "unstaffed": True})
    gone = BALDEV.model_copy(update={"code": "gone", "closed": True})
    directory = {
        "approval__departments": DepartmentList(items=(HOME, closed, waits)),
        "approval__officers": OfficerList(items=(BALDEV, gone)),
    }
    async with somebody(**directory) as person:
        asked = await person.send("/apply/who", **PERSON)
        assert 'value="home@PCS1"' in asked.text
        assert 'value="old@' not in asked.text
        assert 'value="new@' not in asked.text
        host = await person.send("/apply/department", department="home")
        assert 'value="baldev"' in host.text
        assert 'value="gone"' not in host.text


async def test_the_check_page_names_a_department_that_has_lost_its_login_meanwhile() -> None:
    app, client = stub()
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("applicant")))
        person = Reader(http, client)
        await person.answer()
        waits = HOME.model_copy(update={"unstaffed": True})
        app.state.gateway.departments.value = DepartmentList(items=(waits,))
        shown = await person.open("/apply/check")
    assert f"Questions about your visit: {HOME.name['en']}" in shown.text


async def test_another_site_makes_the_time_a_question_again() -> None:
    async with somebody(**TWO_SITES) as person:
        await person.answer()
        asked = await person.send("/apply/department", department="police@PCS2")
    assert asked.url.path == "/en/apply/visit"
    assert " checked" not in asked.text.partition("Which day?")[2]


async def test_every_page_says_how_far_one_has_come(reader: Reader) -> None:
    first = (await reader.open("/apply/who")).text
    assert "Step 1 of 4" in first
    assert "Use the answers" not in first, "this is the first application"
    assert "Step 2 of 4" in (await reader.send("/apply/who", **PERSON)).text
    checked = await reader.answer()
    assert "Step 4 of 4" in checked.text
    for step, name in enumerate(("who", "department", "visit"), 1):
        assert f"Step {step} of 4" in (await reader.open(f"/apply/{name}")).text
    for name in ("companions", "companion"):
        assert "Step 4 of 5" in (await reader.open(f"/apply/{name}")).text


async def test_a_returning_visitor_chooses_day_and_half_and_sends() -> None:
    summary = HistoryLine(
        reference=REFERENCE, status="left", site="PCS1", department="home", submitted_at=now()
    )
    given = {"application__list_applications": ApplicationList(items=(summary,)), **closed(APPLICATION)}
    async with somebody(**given) as person:
        first = await person.open("/apply/who")
        assert f'action="/en/applications/{REFERENCE}/again"' in first.text
        assert "Use the answers of my last application" in first.text
        wrong = await person.send(f"/applications/{REFERENCE}/again", id_last4="0000")
        assert (wrong.status_code, 'href="#id_last4"' in wrong.text) == (422, True)
        assert f'action="/en/applications/{REFERENCE}/again"' in wrong.text
        asked = await person.send(f"/applications/{REFERENCE}/again", id_last4="4821")
        assert asked.url.path == "/en/apply/visit"
        assert APPLICATION.purpose in asked.text
        assert 'value="meeting" checked' in asked.text
        visit = {"purpose_kind": "meeting", "purpose": APPLICATION.purpose}
        checked = await person.send("/apply/visit", **visit, **{"date-0": f"{DAY}", "half-0": "am"})
        assert checked.url.path == "/en/apply/check"
        done = await person.send("/apply/check", **hidden(checked))
    assert REFERENCE in done.text
    assert person.client.last("application.submit")[1].purpose == APPLICATION.purpose


async def test_the_last_answers_stay_closed_without_the_last_four() -> None:
    async with somebody(**closed(APPLICATION)) as person:
        for typed in ({"id_last4": "0000"}, {}):
            refused = await person.send(f"/applications/{REFERENCE}/again", **typed)
            assert 'name="id_last4"' in refused.text
            assert APPLICATION.purpose not in refused.text
            assert "answers0" not in person.http.cookies
        person.client.answers["application.open"] = TooManyAttempts("too many", retry_after=60)
        late = await person.send(f"/applications/{REFERENCE}/again", id_last4="4821")
    assert late.status_code == 429
    assert not person.client.was_asked("application.submit")


async def test_a_refused_submission_links_to_the_question_with_the_problem(reader: Reader) -> None:
    checked = await reader.answer()
    problems = {"preferred.0.to": "window_over", "companions.1.id_type": "companion_id_missing"}
    reader.client.answers["application.submit"] = InvalidInput(
        fields=tuple(FieldError(field=field, code=code) for field, code in problems.items())
    )
    refused = await reader.send("/apply/check", **hidden(checked))
    assert refused.status_code == 422
    for question in ("when", "companions"):
        assert f'href="#{question}"' in refused.text
        assert f'id="{question}"' in refused.text
    assert hidden(refused)["key"] != hidden(checked)["key"], "another body needs another key"


async def test_a_problem_that_came_up_since_is_shown_before_the_submission(reader: Reader) -> None:
    await reader.answer()
    reader.client.answers["application.check"] = Checked(
        problems=(FieldError(field="preferred.0.date", code="date_past"),)
    )
    shown = await reader.open("/apply/check")
    assert shown.text.count("This day has passed") == 2
    assert not reader.client.was_asked("application.submit")


async def test_masking_of_an_aadhaar_number_is_announced_before_and_after_the_submission(
    reader: Reader,
) -> None:
    reader.client.answers["application.check"] = Checked(masked=("purpose",))
    reader.client.answers["application.submit"] = Acknowledged(
        reference=REFERENCE, status="submitted", masked=("purpose",)
    )
    checked = await reader.answer()
    assert "You wrote an Aadhaar number" in checked.text
    assert "You wrote an Aadhaar number" in (await reader.send("/apply/check", **hidden(checked))).text


async def test_an_application_that_had_arrived_with_other_answers_is_not_sent_twice(reader: Reader) -> None:
    checked = await reader.answer()
    reader.client.answers["application.submit"] = IdempotencyKeyReused()
    conflict = await reader.send("/apply/check", **hidden(checked))
    assert (conflict.status_code, "did arrive" in conflict.text) == (409, True)
    assert hidden(conflict)["key"] != hidden(checked)["key"]


async def test_each_part_of_an_office_is_refused_at_its_own_field() -> None:
    problems = tuple(
        FieldError(field=f"applicant.official.{part}", code="official_missing")
        for part in ("designation", "employee_no")
    )
    async with somebody(application__check=Checked(problems=problems)) as person:
        office = {"organisation": "Mandi Board", "designation": "\u200b", "employee_no": "\u200b"}
        refused = await person.send("/apply/who", **PERSON | {"kind": "official"} | office)
    assert refused.status_code == 422
    assert ['href="#designation"' in refused.text, 'href="#employee_no"' in refused.text,
    'href="#organisation"' in refused.text] == [
        True, True, False,
    ]  # fmt: skip
    assert "Enter your employee number" in refused.text
    assert person.client.last("application.check")[1].applicant.official.organisation == "Mandi Board"


async def test_a_purpose_may_have_1000_characters_and_a_new_line_counts_as_one(reader: Reader) -> None:
    await reader.answer()
    lines = "\r\n".join(["x" * 99] * 10)
    visit = {"officer": "anyone", "purpose_kind": "other", **when()}
    assert (await reader.send("/apply/visit", **visit, purpose=lines)).url.path == "/en/apply/check"
    assert reader.client.last("application.check")[1].purpose == lines.replace("\r", "")
    longer = await reader.send("/apply/visit", **visit, purpose="ਪ" * 1001)
    assert longer.status_code == 422
    assert "This is too long" in longer.text
    assert "ਪ" * 1001 in longer.text, "what was typed is still there, to be shortened"
    assert 'data-maxlength="1000"' in longer.text


async def test_a_problem_of_a_companion_is_shown_at_its_field() -> None:
    problems = (
        FieldError(field="companions.0.id_last4", code="full_number"),
        FieldError(field="companions.0.name_latin", code="name_not_latin"),
    )
    wrong = {"name": "Harjit", "id_type": "pan", "id_last4": "ABCDE1234F"}
    async with somebody() as person:
        await person.answer()
        usual = person.client.answers["application.check"]
        for of, changed in (("0", {}), ("1", {"which": "0"})):
            person.client.answers["application.check"] = Checked(problems=problems)
            refused = await person.send("/apply/companion", of=of, **wrong, **changed)
            assert refused.status_code == 422
            assert 'href="#id_last4"' in refused.text
            assert 'href="#name"' in refused.text
            assert hidden(refused).get("which") == changed.get("which")
            person.client.answers["application.check"] = usual
            await person.send("/apply/companion", of="0", name="Simran", child="yes")


async def test_a_child_needs_no_id_card(reader: Reader) -> None:
    await reader.answer()
    await reader.send("/apply/companion", name="Simran", child="yes", id_type="pan", id_last4="1234")
    [simran] = reader.client.last("application.check")[1].companions
    assert (simran.name, simran.child, simran.id_type, simran.id_last4) == ("Simran", True, None, None)


async def test_a_companion_posted_twice_is_added_once_and_the_right_one_is_removed(reader: Reader) -> None:
    await reader.answer()
    one = {"of": "0", "name": "Simran", "child": "yes"}
    await reader.send("/apply/companion", **one)
    shown = await reader.send("/apply/companion", **one)
    assert shown.text.count("Simran") == 3, "in the list, and in the names of its link and its button"
    await reader.send("/apply/companion", of="1", name="Harjit", child="yes")
    await reader.send("/apply/companions/remove", which="0", of="2")
    await reader.send("/apply/companions/remove", which="0", of="2")  # the second click
    for which, of in (("0", "x"), ("9" * 5000, "1"), ("0", "9" * 5000)):
        wrong = await reader.send("/apply/companions/remove", which=which, of=of)
        assert "Harjit" in wrong.text
    await reader.send("/apply/companions", more="no", vehicle="", assistance="", deliver_by="sms")
    assert [one.name for one in reader.client.last("application.check")[1].companions] == ["Harjit"]


async def test_a_companion_is_changed_in_place(reader: Reader) -> None:
    await reader.answer()
    for number, name in enumerate(("Simran", "Harjit")):
        await reader.send("/apply/companion", of=str(number), name=name, child="yes")
    shown = await reader.open("/apply/companion?which=0")
    assert 'value="Simran"' in shown.text
    assert (hidden(shown)["which"], hidden(shown)["of"]) == ("0", "2")
    change = {"which": "0", "of": "2", "name": "Simran Kaur", "id_type": "pan", "id_last4": "234F"}
    listed = await reader.send("/apply/companion", **change)
    assert "Simran Kaur" in listed.text
    assert [one.name for one in reader.client.last("application.check")[1].companions] == [
        "Simran Kaur",
        "Harjit",
    ]
    await reader.send("/apply/companions/remove", which="1", of="2")
    stale = await reader.send("/apply/companion", **change | {"name": "Somebody else"})
    assert "Somebody else" not in stale.text, "the list changed in another tab"
    assert (await reader.open("/apply/companion?which=7")).url.path == "/en/apply/companions"


async def test_a_department_is_found_by_its_name_or_by_an_officer_in_it(reader: Reader) -> None:
    await reader.answer(officer="anyone")
    reader.client.answers["approval.departments"] = DepartmentList(
        items=(HOME.model_copy(update={"found": (BALDEV,)}),)
    )
    found = await reader.open("/apply/department?q=baldew")
    assert reader.client.last("approval.departments")[1].q == "baldew"
    assert "Baldev Singh, Clerk" in found.text
    await reader.send("/apply/department", department="home@PCS1/baldev")
    visit = await reader.open("/apply/visit")
    assert 'value="baldev" checked' in visit.text, "one press chooses the person, too"
    reader.client.answers["approval.departments"] = DepartmentList(items=())
    nothing = await reader.open("/apply/department?q=xyz")
    assert "No department was found" in nothing.text
    assert 'value="home@PCS1"' in (await reader.open("/apply/department")).text, "all of them are kept"


DAY = now().astimezone(IST).date() + timedelta(days=1)


def places(free: int, *, on: date = DAY) -> Availability:
    window = WindowAvailability(start=time(10), end=time(12), places=20, free=free)
    return Availability(limited=True, days=(DayAvailability(day=on, windows=(window,)),))


def when(day: date = DAY) -> dict[str, str]:
    return {"date-0": day.isoformat(), "from-0": "10:00", "to-0": "12:00"}


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (places(0), "There are not enough free places at this time"),
        (places(5, on=DAY + timedelta(days=1)), "The department receives no visitors on this day"),
    ],
)
async def test_a_time_at_which_the_department_has_no_place_is_not_taken(
    found: Availability, sentence: str
) -> None:
    async with somebody(approval__availability=found) as person:
        for name, form in (("who", PERSON), ("department", {"department": "home"})):
            await person.send(f"/apply/{name}", **form)
        for times in (when(), {"date-0": f"{DAY}", "half-0": "am"}):
            refused = await person.send("/apply/visit", **VISIT, **times)
            assert (refused.status_code, sentence in refused.text) == (422, True)


async def test_a_place_that_was_taken_before_the_application_is_sent_is_asked_for_again(
    reader: Reader,
) -> None:
    checked = await reader.answer()
    day = reader.client.last("application.check")[1].preferred[0].day
    reader.client.answers["approval.availability"] = places(0, on=day)
    refused = await reader.send("/apply/check", **hidden(checked))
    assert (refused.status_code, "There are not enough free places at this time" in refused.text) == (
        422,
        True,
    )
    assert not reader.client.was_asked("application.submit")


async def test_full_days_are_marked_and_the_next_free_one_is_suggested() -> None:
    free = places(5, on=DAY + timedelta(days=2))
    found = Availability(limited=True, days=(*places(0).days, *free.days))
    async with somebody(approval__availability=found) as person:
        for name, form in (("who", PERSON), ("department", {"department": "home"})):
            shown = await person.send(f"/apply/{name}", **form)
        assert shown.url.path == "/en/apply/visit"
        assert f"Full: {DAY:%A}, {DAY.day} {DAY:%B}" in shown.text
        days = re.findall(r'type="radio" name="date-0" id="[^"]+" value="([^"]+)"', shown.text)
        assert days == [f"{DAY + timedelta(days=2)}", f"{DAY}"], (
            "the full day for who waits for a place, but none on which nobody is received"
        )
        assert "The next day with free places is" in shown.text
        free_day = when(DAY + timedelta(days=2))
        assert (await person.send("/apply/visit", **VISIT, **free_day)).url.path == "/en/apply/check"


async def test_nothing_is_chosen_that_nobody_said(reader: Reader) -> None:
    await reader.send("/apply/who", **PERSON)
    asked = (await reader.send("/apply/department", department="home")).text
    assert " checked" not in asked
    missing = await reader.send("/apply/visit")
    assert missing.status_code == 422
    for place in ("purpose_kind", "purpose", "date-0", "half-0"):
        assert f'href="#{place}"' in missing.text
        assert f'id="{place}"' in missing.text
    assert "#officer" not in missing.text, "whoever names nobody meets anyone who deals with it"


@pytest.mark.parametrize(
    ("half", "hours"), [("am", ("09:00", "13:00")), ("pm", ("14:00", "16:00"))], ids=["morning", "afternoon"]
)
async def test_half_a_day_has_the_hours_of_its_site_on_that_day(half: str, hours: tuple[str, str]) -> None:
    with_break = tuple(
        OpeningHours(weekday=day, opens=opens, closes=closes, valid_from=date(2020, 1, 1))
        for day in range(7)
        for opens, closes in ((time(9), time(13)), (time(14), time(16)))
    )
    sites = SiteList(items=(SITE.model_copy(update={"hours": with_break}),))
    async with somebody(approval__sites=sites) as person:
        await person.answer()
        checked = await person.send("/apply/visit", **VISIT, **{"date-0": f"{DAY}", "half-0": half})
        assert checked.url.path == "/en/apply/check"
        (slot,) = person.client.last("application.check")[1].preferred
        assert (f"{slot.start:%H:%M}", f"{slot.end:%H:%M}") == hours
        again = (await person.open("/apply/visit")).text
        assert re.search(rf'name="half-0" id="[^"]+" value="{half}" checked', again)
        exact = {"date-0": f"{DAY}", "half-0": half, "from-0": "10:00", "to-0": "10:30"}
        await person.send("/apply/visit", **VISIT, **exact)
        (slot,) = person.client.last("application.check")[1].preferred
    assert (slot.start, slot.end) == (time(10), time(10, 30)), "exact hours count"


async def test_half_a_day_without_free_hours_is_refused_where_it_was_chosen() -> None:
    async with somebody(approval__availability=places(5)) as person:
        await person.send("/apply/who", **PERSON)
        await person.send("/apply/department", department="home")
        refused = await person.send("/apply/visit", **VISIT, **{"date-0": f"{DAY}", "half-0": "pm"})
        assert (refused.status_code, 'href="#half-0"' in refused.text) == (422, True)
        late = FieldError(field="preferred.0.to", code="window_over")
        person.client.answers["application.check"] = Checked(problems=(late,))
        refused = await person.send("/apply/visit", **VISIT, **{"date-0": f"{DAY}", "half-0": "am"})
    assert 'href="#half-0"' in refused.text
    assert 'href="#to-0"' not in refused.text


async def test_who_comes_alone_is_not_asked_about_others(reader: Reader) -> None:
    await reader.answer()
    assert "deliver_by" not in (await reader.open("/apply/visit")).text
    asked = await reader.send("/apply/visit", **VISIT, **when(), wishes="yes")
    assert asked.url.path == "/en/apply/companions"
    assert 'value="no" checked' not in asked.text
    again = await reader.send("/apply/visit", **VISIT, **when())
    assert again.url.path == "/en/apply/check", "the wish was taken back"
