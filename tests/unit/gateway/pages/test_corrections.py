"""The pages on which an applicant corrects an application, and a department confirms it."""

from typing import Any

import pytest

from contracts.errors import Conflict, FieldError, InvalidInput
from contracts.model import Companion
from contracts.rpc.approval.reviews import ReviewList
from contracts.rpc.corrections import Corrected
from tests.e2e.correction_states import CORRECTED, HARJIT, TO_CONFIRM, WANTED, to_confirm
from tests.support.factories.gateway import REFERENCE
from tests.support.factories.pages import DECIDED, application, happened, review
from tests.support.system.page_reader import Reader, hidden
from tests.unit.gateway.pages.applicant import PAGE
from tests.unit.gateway.pages.clerk import REVIEW, Clerk

PLACE = f"{PAGE}/correct"


@pytest.fixture(autouse=True)
def answered(reader: Reader) -> None:
    done = Corrected(reference=REFERENCE, status="submitted", waits=False)
    reader.client.answers["application.correct"] = done


async def send(reader: Reader, **typed: str) -> Any:
    """Send the form as it was opened, with some fields typed anew."""
    form = {"name": "Gurpreet Kaur", "id_type": "voter_id", "id_last4": "", "name_latin": ""}
    given = hidden(await reader.open(PLACE))
    return await reader.send(PLACE, **{**given, **form, **typed})


def asked(reader: Reader) -> dict[str, Any]:
    """Return what the last correction asked for."""
    request = reader.client.last("application.correct")[1]
    return request.model_dump(exclude_none=True, exclude={"reference", "revision", "waits"})


async def test_only_what_was_typed_anew_is_sent(reader: Reader) -> None:
    page = await send(reader, name="Gurpreet Kaur Gill", id_last4="9Z01")
    assert asked(reader) == {"name": "Gurpreet Kaur Gill", "id_last4": "9Z01"}
    request = reader.client.last("application.correct")[1]
    assert (request.revision, request.waits) == (1, False)
    assert "Your correction is saved" in page.text


async def test_a_companion_is_added_corrected_and_left_out(reader: Reader) -> None:
    reader.client.answers["application.view"] = application(
        companions=(HARJIT, Companion(name="Noor", child=True))
    )
    same = {"name-0": "Harjit Singh", "id_type-0": "driving_licence", "name-1": "Noor", "child-1": "yes"}
    await send(reader, **same, email="g@example.org")
    assert asked(reader) == {"email": "g@example.org"}, "the companions are the same"
    await send(reader, **same | {"name-1": "", "name-2": "Ravi", "child-2": "yes"})
    assert list(asked(reader)["companions"]) == [
        {"name": "Harjit Singh", "id_type": "driving_licence", "child": False},
        {"name": "Ravi", "child": True},
    ]


async def test_after_an_approval_the_page_says_that_the_department_confirms(reader: Reader) -> None:
    reader.client.answers["application.view"] = application(status="issued")
    reader.client.answers["application.correct"] = Corrected(reference=REFERENCE, status="issued", waits=True)
    assert "it has to confirm a correction" in (await reader.open(PLACE)).text
    page = await send(reader, name="Gurpreet Kaur Gill")
    assert reader.client.last("application.correct")[1].waits is True
    assert "Your correction waits for the department." in page.text


async def test_what_waits_is_shown_and_is_where_the_next_correction_begins(reader: Reader) -> None:
    reader.client.answers["application.view"] = application(status="issued", correction=WANTED)
    assert WANTED.applicant.name in (await reader.open(PAGE)).text
    assert f'value="{WANTED.applicant.name}"' in (await reader.open(PLACE)).text


async def test_a_decision_meanwhile_is_said_and_what_was_typed_stays(reader: Reader) -> None:
    form = hidden(await reader.open(PLACE))
    reader.client.answers["application.view"] = application(status="issued")
    reader.client.answers["application.correct"] = Conflict(code="application_changed")
    page = await reader.send(PLACE, **form, name="Gurpreet Kaur Gill", id_type="voter_id")
    assert page.status_code == 409
    assert "changed or decided while you wrote" in page.text
    assert 'value="Gurpreet Kaur Gill"' in page.text
    assert hidden(page)["waits"] == "yes"
    assert hidden(page)["key"] != form["key"]


async def test_each_problem_stands_at_its_field(reader: Reader) -> None:
    fields = ("name", "id_last4", "companions.0.id_last4")
    reader.client.answers["application.correct"] = InvalidInput(
        fields=tuple(FieldError(field=field, code="not_four") for field in fields)
    )
    page = await send(reader, name="X", id_last4="1")
    assert page.status_code == 422
    assert all(f'href="#{place}"' in page.text for place in ("name", "id_last4", "id_last4-0"))
    assert 'href="#name"' in (await send(reader, name="")).text


async def test_what_can_no_longer_be_corrected_says_why(reader: Reader) -> None:
    reader.client.answers["application.view"] = application(status="entered")
    page = await reader.open(PLACE)
    assert page.url.path == f"/en{PAGE}"
    assert "the visit has begun, is over, or does not take place" in page.text
    reader.client.answers["application.view"] = application()
    reader.client.answers["application.correct"] = Conflict(code="cannot_correct")
    assert "Nothing can be corrected any more" in (await send(reader, name="X Y")).text


async def test_the_timeline_says_what_was_corrected_without_a_name(reader: Reader) -> None:
    entry = happened("corrected", fields="name,companions", waits=1)
    reader.client.answers["application.view"] = application(timeline=(entry,))
    text = " ".join((await reader.open(PAGE)).text.split())
    assert "The application was corrected" in text
    assert "Name, Companions" in text
    assert "The department has to confirm it" in text
    assert "By the data officer" not in text
    by_officer = entry.model_copy(update={"facts": {**entry.facts, "by": "privacy"}})
    reader.client.answers["application.view"] = application(timeline=(by_officer,))
    assert "By the data officer, as you asked" in (await reader.open(PAGE)).text


async def test_the_desk_shows_what_was_corrected_and_when(clerk: Clerk) -> None:
    clerk.client.answers["approval.view_review"] = review(**CORRECTED)
    text = " ".join((await clerk.http.get(REVIEW)).text.split())
    assert "Corrected by the visitor on" in text
    assert "Name, ID card, Companions, Email" in text
    clerk.client.answers["approval.view_review"] = review(**CORRECTED, corrected_by="privacy")
    assert "Corrected by the data officer for the visitor on" in (await clerk.http.get(REVIEW)).text
    clerk.client.answers["approval.view_review"] = to_confirm(corrected_by="privacy")
    for page, said in (("", "The data officer corrects for the visitor"), ("/correction", "came in person")):
        assert said in (await clerk.http.get(f"{REVIEW}{page}")).text
    clerk.client.answers["approval.view_review"] = review()
    assert "Corrected" not in (await clerk.http.get(REVIEW)).text


async def test_the_department_sees_both_and_confirms_the_one_that_it_has_read(clerk: Clerk) -> None:
    clerk.client.answers |= {
        "approval.view_review": to_confirm(),
        "approval.settle_correction": review(status="approved", decision=DECIDED),
    }
    assert f"{REVIEW}/correction" in (await clerk.http.get(REVIEW)).text
    page = await clerk.http.get(f"{REVIEW}/correction")
    for words in ("Gurpreet Kaur", TO_CONFIRM.name, "…4821", "…9Z01", "Harjit Singh", "g@example.org"):
        assert words in page.text
    done = await clerk.decide("correction", number="2", confirm="yes")
    assert done.headers["location"] == f"{REVIEW}?notice=done"
    sent = clerk.sent("settle_correction")
    assert (sent.number, sent.confirm, sent.note) == (2, True, "")
    clerk.client.answers["approval.settle_correction"] = to_confirm()
    half = await clerk.decide("correction", number="2", confirm="yes")
    assert half.headers["location"] == f"{REVIEW}?notice=second_officer"


async def test_a_refusal_needs_a_word_and_who_is_late_is_told(clerk: Clerk) -> None:
    clerk.client.answers["approval.view_review"] = to_confirm()
    clerk.client.answers["approval.settle_correction"] = InvalidInput.of("note", "required")
    page = await clerk.decide("correction", number="2", confirm="no")
    assert (page.status_code, 'href="#note"' in page.text) == (422, True)
    for code, notice in (("already_settled", "correction_settled"), ("second_officer", "second_officer")):
        clerk.client.answers["approval.settle_correction"] = Conflict(code=code)
        late = await clerk.decide("correction", number="2", confirm="yes")
        assert late.headers["location"] == f"{REVIEW}?notice={notice}"
    clerk.client.answers["approval.settle_correction"] = Conflict(code="visit_begun")
    begun = await clerk.decide("correction", number="2", confirm="yes")
    assert begun.status_code == 409
    assert "Somebody of the party has gone in" in begun.text


async def test_another_person_on_a_standing_pass_can_only_be_refused(clerk: Clerk) -> None:
    for state, is_offered in ((None, True), ("in_force", False), ("suspended", False)):
        clerk.client.answers["approval.view_review"] = to_confirm(standing_state=state)
        text = (await clerk.http.get(f"{REVIEW}/correction")).text
        assert ("Confirm the correction" in text) is is_offered
        assert ("Refuse this, end the pass" in text) is not is_offered
        assert "Refuse it" in text


async def test_nothing_to_confirm_leads_back_to_the_application(clerk: Clerk) -> None:
    page = await clerk.http.get(f"{REVIEW}/correction")
    assert page.headers["location"] == REVIEW


async def test_the_queue_of_corrections_asks_for_those_that_wait(clerk: Clerk) -> None:
    await clerk.http.get("/en/desk?status=corrections")
    question = clerk.sent("list_reviews")
    assert (question.status, question.corrected, question.order) == (None, True, "visit")


@pytest.mark.parametrize("urgent", [True, False])
async def test_a_correction_is_marked_while_its_visit_is_near(clerk: Clerk, *, urgent: bool) -> None:
    waits = to_confirm(correction=TO_CONFIRM.model_copy(update={"urgent": urgent}))
    clerk.client.answers |= {
        "approval.list_reviews": ReviewList(items=(waits,)), "approval.view_review": waits,
    }  # fmt: skip
    assert ("The visit is near" in (await clerk.http.get("/en/desk?status=corrections")).text) == urgent
    assert ("Please decide before then" in (await clerk.http.get(f"{REVIEW}/correction")).text) == urgent
