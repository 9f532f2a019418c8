"""Applying through the pages: one question per page, every rule checked by the service, nothing lost."""

from collections.abc import AsyncIterator

import pytest

from contracts.errors import FieldError, IdempotencyKeyReused, InvalidInput
from contracts.rpc.application import Acknowledged, ApplicationList, ApplicationSummary, Checked
from contracts.rpc.approval import DepartmentList
from contracts.visiting_rules import PERSONAL_DATA_KEPT
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import REFERENCE, TableClient
from tests.support.page_reader import BALDEV, HOME, Reader, hidden, somebody


@pytest.fixture
async def reader() -> AsyncIterator[tuple[Reader, TableClient]]:
    async with somebody() as both:
        yield both


async def test_everything_that_was_answered_reaches_the_service_once(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    checked = await person.answer()
    assert checked.url.path == "/en/apply/check"
    sent = hidden(checked)
    done = await person.send("/apply/check", **sent)
    assert REFERENCE in done.text
    _, request, principal, used = client.last("application.submit")
    assert (request.applicant.name, request.officer, request.purpose, principal.mobile, used) == (
        "Gurpreet Kaur", "baldev", "Arms licence renewal", "+919876543210", sent["key"],
    )  # fmt: skip


async def test_before_sending_it_says_what_happens_with_the_answers_and_whom_to_ask(
    reader: tuple[Reader, TableClient],
) -> None:
    person, _ = reader
    text = (await person.answer()).text
    assert f"They are erased {PERSONAL_DATA_KEPT.days} days after the visit" in text
    assert "Questions about your visit: Home." in text
    assert "ADO Branch" in text
    assert "Clear my answers and sign out" in text


async def test_a_second_click_leads_to_the_same_reference(reader: tuple[Reader, TableClient]) -> None:
    person, client = reader
    sent = hidden(await person.answer())
    await person.send("/apply/check", **sent)
    again = await person.send("/apply/check", **sent)
    assert again.url.path == "/en/apply/done"
    assert REFERENCE in again.text
    assert sum(name == "application.submit" for name, *_ in client.asked) == 1


async def test_a_problem_found_by_the_service_is_shown_beside_its_field_in_the_readers_language() -> None:
    problems = (
        FieldError(field="applicant.id_last4", code="full_number"),
        FieldError(field="site", code="unknown_site"),
    )
    async with somebody(application__check=Checked(problems=problems)) as (person, client):
        await person.send("/apply/who", kind="citizen")
        refused = await person.send("/apply/id", id_type="aadhaar", id_last4="499118665246")
    assert refused.status_code == 422
    assert refused.text.count("never the whole number") >= 2, "in the summary and at the field"
    assert 'href="#id_last4"' in refused.text
    assert "Error:" in refused.text
    assert client.last("application.check")[1].applicant.id_last4 == "499118665246"


async def test_problems_of_later_questions_are_not_shown_yet() -> None:
    problems = (FieldError(field="purpose", code="purpose_missing"),)
    async with somebody(application__check=Checked(problems=problems)) as (person, _):
        await person.send("/apply/who", kind="citizen")
        shown = await person.send("/apply/name", name="Harjit")
    assert shown.url.path == "/en/apply/id"


async def test_nobody_skips_a_question(reader: tuple[Reader, TableClient]) -> None:
    person, _ = reader
    assert (await person.open("/apply/deliver")).url.path == "/en/apply/who"
    assert (await person.open("/apply/check")).url.path == "/en/apply/who"


async def test_a_name_in_another_script_is_offered_in_english_letters(
    reader: tuple[Reader, TableClient],
) -> None:
    person, _ = reader
    await person.send("/apply/who", kind="citizen")
    asked = await person.send("/apply/name", name="ਗੁਰਪ੍ਰੀਤ ਕੌਰ")
    assert asked.url.path == "/en/apply/name-latin"
    assert 'value="Gurprit Kaur"' in asked.text


async def test_another_site_makes_the_department_a_question_again(reader: tuple[Reader, TableClient]) -> None:
    person, _ = reader
    await person.answer()
    assert (await person.send("/apply/site", site="PCS2")).url.path == "/en/apply/department"
    assert (await person.send("/apply/department", department="home")).url.path == "/en/apply/officer"


async def test_a_refused_submission_links_to_the_question_with_the_problem(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    checked = await person.answer()
    client.answers["application.submit"] = InvalidInput(
        fields=(FieldError(field="preferred.0.to", code="window_over"),)
    )
    refused = await person.send("/apply/check", **hidden(checked))
    assert refused.status_code == 422
    assert 'href="#when"' in refused.text
    assert hidden(refused)["key"] != hidden(checked)["key"], "another body needs another key"


async def test_a_form_of_another_site_changes_nothing(reader: tuple[Reader, TableClient]) -> None:
    person, client = reader
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}, {}):
        answer = await person.http.post("/en/apply/who", data={"kind": "citizen"}, headers=headers)
        assert answer.status_code == 403
    assert not [name for name, *_ in client.asked if name.startswith("application")]


async def test_a_problem_that_came_up_since_is_shown_before_the_submission(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    await person.answer()
    client.answers["application.check"] = Checked(
        problems=(FieldError(field="preferred.0.date", code="date_past"),)
    )
    shown = await person.open("/apply/check")
    assert shown.text.count("This day has passed") == 2
    assert not client.was_asked("application.submit")


async def test_masking_of_an_aadhaar_number_is_announced_before_and_after_the_submission(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    client.answers["application.check"] = Checked(masked=("purpose",))
    client.answers["application.submit"] = Acknowledged(
        reference=REFERENCE, status="submitted", masked=("purpose",)
    )
    checked = await person.answer()
    assert "You wrote an Aadhaar number" in checked.text
    assert "You wrote an Aadhaar number" in (await person.send("/apply/check", **hidden(checked))).text


async def test_an_application_that_had_arrived_with_other_answers_is_not_sent_twice(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    checked = await person.answer()
    client.answers["application.submit"] = IdempotencyKeyReused()
    conflict = await person.send("/apply/check", **hidden(checked))
    assert (conflict.status_code, "did arrive" in conflict.text) == (409, True)
    assert hidden(conflict)["key"] != hidden(checked)["key"]


async def test_each_part_of_an_office_is_refused_at_its_own_field() -> None:
    problems = tuple(
        FieldError(field=f"applicant.official.{part}", code="official_missing")
        for part in ("designation", "employee_no")
    )
    async with somebody(application__check=Checked(problems=problems)) as (person, client):
        await person.send("/apply/who", kind="official")
        refused = await person.send(
            "/apply/office", organisation="Mandi Board", designation="\u200b", employee_no="\u200b"
        )
    assert refused.status_code == 422
    assert ['href="#designation"' in refused.text, 'href="#employee_no"' in refused.text,
    'href="#organisation"' in refused.text] == [
        True, True, False,
    ]  # fmt: skip
    assert "Enter your employee number" in refused.text
    assert client.last("application.check")[1].applicant.official.organisation == "Mandi Board"


async def test_a_purpose_may_have_1000_characters_and_a_new_line_counts_as_one(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    await person.answer()
    lines = "\r\n".join(["x" * 99] * 10)
    assert (
        await person.send("/apply/purpose", purpose_kind="other", purpose=lines)
    ).url.path == "/en/apply/check"
    assert client.last("application.check")[1].purpose == lines.replace("\r", "")
    longer = await person.send("/apply/purpose", purpose_kind="other", purpose="ਪ" * 1001)
    assert longer.status_code == 422
    assert "This is too long" in longer.text
    assert "ਪ" * 1001 in longer.text, "what was typed is still there, to be shortened"
    assert 'data-maxlength="1000"' in longer.text


async def test_a_problem_of_a_companion_is_shown_at_its_field() -> None:
    problems = (
        FieldError(field="companions.0.id_last4", code="full_number"),
        FieldError(field="companions.0.name_latin", code="name_not_latin"),
    )
    async with somebody(application__check=Checked(problems=problems)) as (person, _):
        refused = await person.send("/apply/companion", name="Harjit", id_type="pan", id_last4="ABCDE1234F")
    assert refused.status_code == 422
    assert 'href="#id_last4"' in refused.text
    assert 'href="#name"' in refused.text


async def test_a_child_needs_no_id_card(reader: tuple[Reader, TableClient]) -> None:
    person, client = reader
    await person.answer()
    await person.send("/apply/companion", name="Simran", child="yes", id_type="pan", id_last4="1234")
    [simran] = client.last("application.check")[1].companions
    assert (simran.name, simran.child, simran.id_type, simran.id_last4) == ("Simran", True, None, None)


async def test_a_companion_posted_twice_is_added_once_and_the_right_one_is_removed(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    await person.answer()
    one = {"number": "0", "name": "Simran", "child": "yes"}
    await person.send("/apply/companion", **one)
    shown = await person.send("/apply/companion", **one)
    assert shown.text.count("Simran") == 2, "in the list, and in the name of its button"
    await person.send("/apply/companion", number="1", name="Harjit", child="yes")
    await person.send("/apply/companions/remove", which="0", of="2")
    await person.send("/apply/companions/remove", which="0", of="2")  # the second click
    await person.send("/apply/companions", more="no")
    assert [one.name for one in client.last("application.check")[1].companions] == ["Harjit"]


async def test_a_problem_of_a_companion_at_the_end_is_shown_at_the_companions(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    checked = await person.answer()
    client.answers["application.submit"] = InvalidInput(
        fields=(FieldError(field="companions.1.id_type", code="companion_id_missing"),)
    )
    assert 'href="#companions"' in (await person.send("/apply/check", **hidden(checked))).text


async def test_a_department_is_found_by_its_name_or_by_an_officer_in_it(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    await person.answer()
    client.answers["approval.departments"] = DepartmentList(
        items=(HOME.model_copy(update={"found": (BALDEV,)}),)
    )
    found = await person.open("/apply/department?q=baldew")
    assert client.last("approval.departments")[1].q == "baldew"
    assert "Baldev Singh, Clerk" in found.text
    client.answers["approval.departments"] = DepartmentList(items=())
    nothing = await person.open("/apply/department?q=xyz")
    assert "No department was found" in nothing.text
    assert (await person.open("/apply/department")).text.count('type="radio"') == 1, "all of them are kept"


async def test_an_applicant_who_has_applied_before_is_offered_their_old_answers() -> None:
    old = ApplicationSummary(
        reference=REFERENCE, status="left", site="PCS1", department="home", submitted_at=now()
    )
    async with somebody(application__list_applications=ApplicationList(items=(old,))) as (person, _):
        assert "Use the answers" in (await person.open("/apply/who")).text
    async with somebody() as (person, _):
        assert "Use the answers" not in (await person.open("/apply/who")).text


async def test_clearing_leaves_nothing_in_the_browser(reader: tuple[Reader, TableClient]) -> None:
    person, client = reader
    client.answers["accounts.log_out"] = Checked()
    await person.send("/apply/who", kind="citizen")
    assert [name for name in person.http.cookies if name.startswith("answers")]
    cleared = await person.send("/sign-out")
    assert cleared.url.path == "/en/cleared"
    taken_back = [
        value for value in cleared.history[0].headers.get_list("set-cookie") if "Max-Age=0" in value
    ]
    assert {value.partition("=")[0] for value in taken_back} == {
        "session",
        *(f"{name}{number}" for name in ("answers", "result") for number in range(5)),
    }
