"""Closing a day on the pages: whom it affects, the message before it is sent, and how far they were told."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from contracts.errors import Conflict, FieldError, Forbidden, InvalidInput, TooManyAttempts, Unavailable
from contracts.model import IST
from contracts.rpc.approval.capacity import Availability
from contracts.rpc.approval.closures import ClosedDate, ClosureList
from contracts.rpc.approval.directory import DepartmentList, OfficerList, SiteList
from contracts.rpc.notify import MessagePreview
from services.chassis.runtime.clock import now
from services.gateway.pages.shared.languages import day_in_words, days_in_words
from tests.support.factories.gateway import browsing, claims, staff_claims
from tests.support.factories.pages import APPLICATION, REVIEW_ID, affected, closure, review
from tests.support.system.page_reader import BALDEV, HOME, SAME_SITE, SITE, Reader

PAGE, NEW, CLOSED = "/en/desk/closures", "/en/desk/closures/new", f"/en/desk/closures/{REVIEW_ID}"
DAY = (now().astimezone(IST) + timedelta(days=3)).date()
FORM = {"key": "k-1", "day": f"{DAY}", "department": "", "reason": "officer_away", "note": "Back on Monday"}


async def _reader(session: Any) -> AsyncIterator[Reader]:
    async with browsing(
        approval__list_closures=ClosureList(
            items=(closure(), closure(lifted_at=now(), lifted_by="HOM-0001"))
        ),
        approval__affected=affected(day=DAY),
        approval__close_day=closure(),
        approval__view_closure=closure(told=38, waiting=2),
        approval__lift_closure=closure(lifted_at=now(), lifted_by="HOM-0001"),
        approval__sites=SiteList(items=(SITE,)),
        approval__departments=DepartmentList(items=(HOME,)),
        approval__officers=OfficerList(items=(BALDEV,)),
        notify__preview_closure=lambda request: MessagePreview(text=f"[{request.language}] {request.note}"),
        session=session,
    ) as (http, client):
        yield Reader(http, client)


@pytest.fixture
async def clerk() -> AsyncIterator[Reader]:
    async for one in _reader(claims("staff")):
        yield one


@pytest.fixture
async def assistant() -> AsyncIterator[Reader]:
    async for one in _reader(claims("staff", assistant_of="baldev")):
        yield one


@pytest.fixture
async def ado() -> AsyncIterator[Reader]:
    async for one in _reader(staff_claims("ado")):
        yield one


@pytest.fixture
async def auditor() -> AsyncIterator[Reader]:
    async for one in _reader(staff_claims("auditor")):
        yield one


async def test_the_page_of_a_day_says_how_many_it_affects_and_who_they_are(clerk: Reader) -> None:
    shown = (await clerk.http.get(f"{NEW}?day={DAY}")).text
    assert "17 visitors will be told and asked to choose another date." in shown
    assert "19 people" in shown
    assert "ਗੁਰਪ੍ਰੀਤ ਕੌਰ" in shown
    assert clerk.client.last("approval.affected")[1].day == DAY
    assert not clerk.client.was_asked("approval.close_day")


async def test_a_visit_of_several_days_is_listed_with_all_its_days_and_says_which_falls_away(
    clerk: Reader,
) -> None:
    shorter = affected(day=DAY, approved=1, keep_pass=1, only_that_day=0)
    days = tuple(DAY + timedelta(days=ahead) for ahead in (-1, 0, 1))
    (one, *_more) = shorter.items
    kept = one.model_copy(update={"days": days, "keeps_pass": True})
    clerk.client.answers["approval.affected"] = shorter.model_copy(update={"items": (kept,)})
    shown = (await clerk.http.get(f"{NEW}?day={DAY}")).text
    assert days_in_words(days, "en") in shown
    assert f"of which {day_in_words(DAY, 'en')} falls away" in shown
    assert "Visits of several days, which lose this day only" in shown
    assert "Nobody has to choose another date." in shown
    ends = one.model_copy(update={"days": days})
    clerk.client.answers["approval.affected"] = affected(day=DAY).model_copy(update={"items": (ends,)})
    assert "the whole visit ends" in (await clerk.http.get(f"{NEW}?day={DAY}")).text


async def test_the_message_is_shown_in_three_languages_before_anything_is_closed(clerk: Reader) -> None:
    preview = await clerk.http.post(NEW, data=FORM | {"preview": "yes"}, headers=SAME_SITE)
    assert (preview.status_code, preview.headers["location"]) == (303, f"{NEW}?step=message")
    shown = (await clerk.http.get(preview.headers["location"])).text
    for language in ("pa", "hi", "en"):
        assert f"[{language}] Back on Monday" in shown
    assert not clerk.client.was_asked("approval.close_day")
    again = (await clerk.http.get(f"{NEW}?step=form")).text
    assert "Back on Monday" in again, "what was written is still there"


async def test_the_day_can_be_closed_while_the_message_cannot_be_shown(clerk: Reader) -> None:
    clerk.client.answers["notify.preview_closure"] = Unavailable()
    await clerk.http.post(NEW, data=FORM | {"preview": "yes"}, headers=SAME_SITE)
    assert "You can still send it" in (await clerk.http.get(f"{NEW}?step=message")).text


async def test_a_confirmed_day_is_closed_once_and_its_page_says_how_far_its_visitors_were_told(
    clerk: Reader,
) -> None:
    done = await clerk.http.post(NEW, data=FORM, headers=SAME_SITE)
    assert (done.status_code, done.headers["location"]) == (303, f"{CLOSED}?notice=closed")
    _, request, _, key = clerk.client.last("approval.close_day")
    assert (request.day, request.reason, request.note, key) == (DAY, "officer_away", "Back on Monday", "k-1")
    shown = (await clerk.http.get(done.headers["location"])).text
    assert "38 of 40 visitors told." in shown
    clerk.client.answers["approval.view_closure"] = closure(told=40)
    assert "All 40 visitors were told" in (await clerk.http.get(CLOSED)).text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"day": ""}, "Choose a day"),
        ({"day": "2020-01-01"}, "This day has passed"),
        ({"day": "2099-01-01"}, "This day is too far ahead"),
        ({"reason": ""}, "Choose one of these"),
        ({"reason": "other", "note": ""}, "Enter a note"),
        ({"note": "x" * 301}, "This is too long"),
        ({"note": "Pay at www.epass.example"}, "Leave out links and addresses"),
        ({"note": "Back on \u202eyadnoM"}, "This has a character in it that cannot be printed"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field_and_nothing_is_closed(
    clerk: Reader, changes: dict[str, str], sentence: str
) -> None:
    for button in ({"preview": "yes"}, {}):
        wrong = await clerk.http.post(NEW, data=FORM | changes | button, headers=SAME_SITE)
        assert (wrong.status_code, sentence in wrong.text) == (422, True)
    assert not clerk.client.was_asked("approval.close_day")


async def test_a_refusal_of_the_service_is_shown(clerk: Reader) -> None:
    clerk.client.answers["approval.close_day"] = InvalidInput(
        "no", fields=(FieldError(field="note", code="required"),)
    )
    assert "Enter a note" in (await clerk.http.post(NEW, data=FORM, headers=SAME_SITE)).text
    clerk.client.answers["approval.close_day"] = Conflict(code="already_closed")
    late = await clerk.http.post(NEW, data=FORM, headers=SAME_SITE)
    assert late.headers["location"] == f"{PAGE}?notice=already_closed"
    assert "Somebody has closed this day already." in (await clerk.http.get(late.headers["location"])).text


async def test_who_closed_too_many_days_reads_that_the_ado_branch_closes_more(clerk: Reader) -> None:
    clerk.client.answers["approval.close_day"] = TooManyAttempts(retry_after=79200)
    refused = await clerk.http.post(NEW, data=FORM, headers=SAME_SITE)
    assert refused.status_code == 429
    assert "With this login five days were closed within 24 hours." in refused.text
    assert f'value="{DAY}"' in refused.text, "the day that was chosen is still there"


async def test_a_day_is_offered_again_with_one_click(clerk: Reader) -> None:
    lifted = await clerk.http.post(f"{CLOSED}/lift", data={"key": "k-2"}, headers=SAME_SITE)
    assert lifted.headers["location"] == f"{CLOSED}?notice=lifted"
    assert clerk.client.last("approval.lift_closure")[1].closure_id == REVIEW_ID


async def test_a_department_cannot_offer_again_what_the_ado_branch_closed(clerk: Reader, ado: Reader) -> None:
    text = "The ADO Branch closed this day. Only it can offer the day again."
    for one in (clerk, ado):
        one.client.answers["approval.view_closure"] = closure(closed_by="ADO-0001", closed_by_role="ado")
        own = (await one.http.get(CLOSED)).text
        is_department = one is clerk
        assert (text in own, "Offer the day again" in own) == (is_department, not is_department)
    clerk.client.answers["approval.lift_closure"] = Forbidden(code="closed_by_ado")
    refused = await clerk.http.post(f"{CLOSED}/lift", data={"key": "k-2"}, headers=SAME_SITE)
    assert (refused.status_code, text in refused.text) == (403, True)


async def test_an_assistant_sees_the_closed_days_and_closes_none(assistant: Reader) -> None:
    shown = (await assistant.http.get(PAGE)).text
    assert "As an assistant you see which days are closed." in shown
    assert "See whom it affects" not in shown
    assert "Offer the day again" not in (await assistant.http.get(CLOSED)).text


async def test_an_auditor_sees_the_closed_days_of_all_departments_and_closes_none(auditor: Reader) -> None:
    shown = (await auditor.http.get(PAGE)).text
    assert HOME.name["en"] in shown
    assert 'href="/en/desk/closures"' in (await auditor.http.get("/en/staff")).text
    for offer in ("See whom it affects", "As an assistant", "Close a day at short notice"):
        assert offer not in shown
    closed = (await auditor.http.get(CLOSED)).text
    assert "Offer the day again" not in closed
    for path in (f"{PAGE}/new", f"{CLOSED}/lift"):
        assert (await auditor.http.post(path, data=FORM, headers=SAME_SITE)).status_code == 403
    assert not auditor.client.was_asked("approval.close_day")
    assert not auditor.client.was_asked("approval.lift_closure")


async def test_the_ado_branch_chooses_the_department(ado: Reader) -> None:
    shown = (await ado.http.get(PAGE)).text
    assert '<option value="home"' in shown
    assert "Choose a department" in (await ado.http.get(f"{NEW}?day={DAY}")).text
    await ado.http.get(f"{NEW}?day={DAY}&department=home")
    assert ado.client.last("approval.affected")[1].department == "home"


async def test_the_applicant_reads_why_the_day_is_closed_and_keeps_everything_else() -> None:
    shown = APPLICATION.model_copy(
        update={
            "status": "returned",
            "closed_day": DAY,
            "closure_reason": "officer_away",
            "note": "Back on Monday",
        }
    )
    closed = ClosedDate(day=DAY, reason="officer_away")
    own = f"/en/applications/{APPLICATION.reference}"
    async with browsing(
        application__view=shown,
        approval__sites=SiteList(items=(SITE,)),
        approval__departments=DepartmentList(items=(HOME,)),
        approval__officers=OfficerList(items=(BALDEV,)),
        approval__availability=Availability(limited=False, closed=(closed,)),
        session=claims("applicant"),
    ) as (http, client):
        await http.post(f"{own}/open", data={"id_last4": "4821"}, headers=SAME_SITE)
        page = (await http.get(own)).text
        assert "the department receives nobody" in page
        assert "Back on Monday" in page
        assert f'href="{own}/dates"' in page
        assert f'href="{own}/complete"' not in page
        dates = (await http.get(f"{own}/dates")).text
        assert f'value="{DAY}"' not in dates, "the closed day is not offered"
        form = {"key": "k-3", "date-0": f"{DAY}", "from-0": "10:00", "to-0": "12:00"}
        wrong = await http.post(f"{own}/dates", data=form, headers=SAME_SITE)
        assert (wrong.status_code, "The department has closed this day" in wrong.text) == (422, True)
        assert not client.was_asked("application.amend")


async def test_the_desk_does_not_offer_a_closed_first_choice(clerk: Reader) -> None:
    one = review(closed=(review().preferred[0].day,))
    clerk.client.answers["approval.view_review"] = one
    clerk.client.answers["approval.availability"] = Availability(limited=False)
    shown = (await clerk.http.get(f"/en/desk/reviews/{REVIEW_ID}")).text
    assert "The department has closed this day" in shown
