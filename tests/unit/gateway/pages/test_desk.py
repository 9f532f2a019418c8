"""The desk of a department: a decision reaches the service once, problems stand beside fields."""

import re
from collections.abc import AsyncIterator
from datetime import date, time, timedelta
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from contracts.errors import Conflict, FieldError, InvalidInput, NotFound, Unavailable
from contracts.model import IST, Slot
from contracts.rpc.approval import (
    Approve,
    ClosedDate,
    DepartmentList,
    EarlierReview,
    FirstApproval,
    OfficerList,
    QueueCounts,
    ReviewList,
    ReviewView,
    SiteList,
)
from contracts.rpc.notify import MessagePreview
from contracts.visiting_rules import ClosedWish
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import REFERENCE, TableClient, browser, claims, signed, stubbed
from tests.support.factories.pages import DECIDED, FIRST, POLICE, REVIEW_ID, SECOND, review
from tests.support.system.page_reader import BALDEV, HOME, SAME_SITE, SITE

REVIEW = f"/en/desk/reviews/{REVIEW_ID}"


class Clerk:
    """An officer at the desk."""

    def __init__(self, http: httpx.AsyncClient, client: TableClient, app: FastAPI) -> None:
        self.http, self.client, self.app = http, client, app

    async def decide(self, verb: str, **form: str) -> httpx.Response:
        return await self.http.post(
            f"{REVIEW}/{verb}", data={"key": "k-1", "revision": "3", **form}, headers=SAME_SITE
        )

    def sent(self, method: str) -> Any:
        return self.client.last(f"approval.{method}")[1]


@pytest.fixture
async def clerk() -> AsyncIterator[Clerk]:
    answers = {
        f"approval__{name}": review(status="approved", decision=DECIDED)
        for name in ("approve", "reject", "return_to_applicant", "forward", "withdraw")
    }
    app, client = stubbed(
        approval__list_reviews=ReviewList(items=(review(),), next="after-this"),
        approval__search_reviews=ReviewList(items=(review(),)),
        approval__view_review=review(), approval__sites=SiteList(items=(SITE,)),
        approval__officers=OfficerList(items=(BALDEV,)),
        approval__departments=DepartmentList(items=(HOME, POLICE)), **answers,
    )  # fmt: skip
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("staff")))
        yield Clerk(http, client, app)


async def test_the_queue_lists_applications_with_links(clerk: Clerk) -> None:
    shown = await clerk.http.get("/en/desk")
    assert f'href="/en/desk?status=pending&amp;open={REVIEW_ID}"' in shown.text
    for text in ("ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "1 December 2026", "A meeting", "Anyone", "Online"):
        assert text in shown.text, text
    assert "/en/desk?status=pending&amp;after=after-this" in shown.text
    assert clerk.sent("list_reviews").status == "pending"


async def test_a_closed_wish_says_why_and_is_not_approved_with_one_click(clerk: Clerk) -> None:
    wish = ClosedWish(day=FIRST.day, closed_by="site", reason="Gurpurab", reason_translations={"pa": "ਗੁਰਪੁਰਬ"})
    shut = review(preferred=(FIRST,), visit=FIRST, closed=(FIRST.day,), closed_wishes=(wish,))
    clerk.client.answers["approval.list_reviews"] = ReviewList(items=(shut,))
    text = (await clerk.http.get("/en/desk")).text
    assert "The secretariat is closed on this day: Gurpurab" in text
    assert "Day closed" in text
    assert "data-approve" not in text
    assert 'name="review"' not in text, "nor with many others"
    clerk.client.answers["approval.view_review"] = shut
    opened = (await clerk.http.get(f"/en/desk/reviews/{REVIEW_ID}")).text
    assert "The secretariat is closed on this day: Gurpurab" in opened
    assert f'value="{FIRST.day}' not in opened, "the closed date is not offered"
    assert "ਗੁਰਪੁਰਬ" in (await clerk.http.get(f"/pa/desk/reviews/{REVIEW_ID}")).text


async def test_the_desk_of_a_department_that_is_closed_today_says_so_and_on_no_other_day(
    clerk: Clerk,
) -> None:
    today = now().astimezone(IST).date()
    for day, is_shown in ((today, True), (today + timedelta(days=1), False)):
        closed = (ClosedDate(day=day, reason="officer_away"),)
        clerk.client.answers["approval.list_reviews"] = ReviewList(items=(), closed=closed)
        text = (await clerk.http.get("/en/desk")).text
        assert ("Closed today: The officer is away" in text) == is_shown
        filtered = (await clerk.http.get(f"/en/desk?day={day}")).text
        assert "Nobody can be approved for this day." in filtered


@pytest.mark.parametrize("status", ["pending", "approved", "rejected", "returned", "withdrawn", "closed"])
async def test_each_tab_lists_reviews_of_its_status(clerk: Clerk, status: str) -> None:
    shown = await clerk.http.get(f"/en/desk?status={status}")
    assert clerk.sent("list_reviews").status == status
    assert f'href="/en/desk?status={status}" aria-current="page"' in shown.text


async def test_what_was_decided_today_has_a_tab_with_the_newest_decision_first(clerk: Clerk) -> None:
    await clerk.http.get("/en/desk?status=decided")
    sent = clerk.sent("list_reviews")
    assert (sent.status, sent.order, sent.decided_on) == (None, "decided", now().astimezone(IST).date())


async def test_filters_of_the_address_reach_the_service_and_stay_in_every_link(clerk: Clerk) -> None:
    asked = "site=PCS1&officer=baldev&channel=portal&day=2026-12-01&waiting=4&escalated=yes"
    shown = await clerk.http.get(f"/en/desk?status=pending&order=waiting&{asked}&after=x")
    sent = clerk.sent("list_reviews")
    assert (sent.order, sent.site, sent.officer, sent.channel) == ("waiting", "PCS1", "baldev", "portal")
    assert (sent.visit_on, sent.waiting_hours, sent.escalated) == (date(2026, 12, 1), 4, True)
    assert (sent.after, sent.counts) == ("x", True)
    link = f"/en/desk?status=pending&order=waiting&{asked}".replace("&", "&amp;")
    assert f'href="{link}&amp;open={REVIEW_ID}"' in shown.text
    assert f'href="{link}&amp;after=after-this"' in shown.text


async def test_the_stream_of_changes_holds_no_data(clerk: Clerk) -> None:
    clerk.client.answers["approval.list_reviews"] = ReviewList(items=(review(),))
    clerk.app.state.gateway.queue_changes.end()
    stream = await clerk.http.get("/en/desk/changes")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert (stream.headers["cache-control"], stream.text) == ("no-store", "retry: 1000\n\n")


async def test_applications_for_nobody_in_particular_can_be_filtered(clerk: Clerk) -> None:
    shown = await clerk.http.get("/en/desk?officer=anyone")
    sent = clerk.sent("list_reviews")
    assert (sent.officer, sent.unassigned) == (None, True)
    assert '<option value="anyone" selected>No particular officer' in shown.text


@pytest.mark.parametrize(
    "query", ["day=tomorrow", "waiting=long", "channel=pigeon", "site=%3Cx%3E", "order=luck"]
)
async def test_a_value_that_no_filter_has_is_not_found(clerk: Clerk, query: str) -> None:
    assert (await clerk.http.get(f"/en/desk?{query}")).status_code == 404


def queue_counts(decided_today: int = 1, **by_status: int) -> QueueCounts:
    parts = {"at_counter": 1, "today": 4, "tomorrow": 2, "later": 5}
    return QueueCounts.model_validate({"by_status": by_status, "decided_today": decided_today, **parts})


async def test_the_queue_shows_a_vehicle_and_the_assistance_that_was_asked_for(clerk: Clerk) -> None:
    tags = ('govuk-tag--grey">Vehicle<', 'govuk-tag--grey">A wheelchair<')
    for changes, shown in (
        ({"vehicle": "CH01AB1234", "assistance": "wheelchair"}, True),
        ({"vehicle": None, "assistance": None}, False),
    ):
        queue = clerk.client.answers["approval.list_reviews"]
        items = tuple(one.model_copy(update=changes) for one in queue.items)
        clerk.client.answers["approval.list_reviews"] = queue.model_copy(update={"items": items})
        text = (await clerk.http.get("/en/desk")).text
        assert [tag in text for tag in tags] == [shown, shown]


async def test_the_queue_says_how_many_there_are_in_each_tab_and_part(clerk: Clerk) -> None:
    counts = QueueCounts(
        by_status={"pending": 12, "approved": 10_000},
        decided_today=3,
        at_counter=1,
        today=4,
        tomorrow=2,
        later=5,
    )
    waits = review(at_counter=True, visit=SECOND)
    clerk.client.answers["approval.list_reviews"] = ReviewList(items=(waits, review()), counts=counts)
    text = (await clerk.http.get("/en/desk")).text
    assert re.search(r"To decide <span[^>]*>12<", text)
    assert re.search(r"Approved <span[^>]*>10,000\+<", text)
    assert re.search(r"Decided today <span[^>]*>3<", text)
    assert re.search(r"Waiting at the counter <span[^>]*>1<", text)


async def test_an_application_opens_beside_the_list(clerk: Clerk) -> None:
    text = (await clerk.http.get(f"/en/desk?channel=portal&open={REVIEW_ID}")).text
    assert 'id="review"' in text
    assert "Arms licence" in text
    assert 'aria-current="true"' in text
    assert 'href="/en/desk?status=pending&amp;channel=portal">Back to the list' in text
    for wrong in ("nonsense", "0195f3a2"):
        assert (await clerk.http.get(f"/en/desk?open={wrong}")).status_code == 404


async def test_the_first_choice_is_approved_from_its_row_and_the_filters_stay(clerk: Clerk) -> None:
    text = (await clerk.http.get("/en/desk?channel=portal")).text
    row = re.search(r"<tbody.*</tbody>", text, re.DOTALL)
    assert row is not None
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', row[0]))
    assert (fields["slot"], fields["revision"]) == ("2026-12-01 10:00 12:00", "3")
    done = await clerk.decide("approve", **{**fields, "back": unescape(fields["back"])})
    expected = f"/en/desk?status=pending&channel=portal&about={REVIEW_ID}&notice=approved"
    assert done.headers["location"] == expected
    assert (clerk.sent("approve").slot, clerk.sent("approve").revision) == (FIRST, 3)
    assert clerk.client.last("approval.approve")[3] == fields["key"]
    counts = QueueCounts(
        by_status={"pending": 11}, decided_today=1, at_counter=0, today=11, tomorrow=0, later=0
    )
    clerk.client.answers["approval.list_reviews"] = ReviewList(items=(review(),), counts=counts)
    shown = (await clerk.http.get(expected)).text
    assert "Approved. 11 left to decide." in shown
    assert f'href="{REVIEW}">Look at it again, or withdraw it' in shown


async def test_a_decision_leads_on_to_the_next_application(clerk: Clerk) -> None:
    following = str(uuid4())
    onward = {"onward": "yes", "back": "status=pending&site=PCS1&name=Kaur", "next": following}
    forms = {
        "approve": {"slot": "2026-12-01 10:00 12:00"},
        "reject": {"reason": "security"},
        "return": {"note": "x"},
    }
    for verb, form in forms.items():
        done = await clerk.decide(verb, **form, **onward)
        address = httpx.URL(done.headers["location"])
        assert (address.path, address.params["open"], address.params["site"]) == (
            "/en/desk",
            following,
            "PCS1",
        )
        assert "name" not in address.params, "only filters go back into an address"


async def test_a_time_that_has_ended_is_not_offered_with_one_click(clerk: Clerk) -> None:
    over = Slot(day=date(2026, 1, 5), start=time(10), end=time(12))
    clerk.client.answers["approval.list_reviews"] = ReviewList(items=(review(visit=over, preferred=(over,)),))
    text = (await clerk.http.get("/en/desk")).text
    assert "Choose a time" in text
    assert f'action="{REVIEW}/approve"' not in text


def ticked(review_id: UUID, day: str = "2026-12-01") -> str:
    return f"{review_id}|3|{day}|10:00|12:00"


async def many(clerk: Clerk, *values: str) -> httpx.Response:
    form = {"key": "k-9", "back": "status=pending&channel=portal", "review": list(values)}
    return await clerk.http.post("/en/desk/approve", data=form, headers=SAME_SITE)


async def test_of_many_at_once_each_fails_on_its_own_and_says_why(clerk: Clerk) -> None:
    first, second = uuid4(), uuid4()

    def answer(request: Approve) -> ReviewView:
        if request.review_id == second:
            raise Conflict(code="already_decided", decided_by="HOM-0002", decided_at=now().isoformat())
        return review()

    clerk.client.answers["approval.approve"] = answer
    done = await many(clerk, ticked(first), ticked(second))
    address = done.headers["location"]
    assert address.endswith(f"done=1&notice=many&failed={second}.already_decided")
    keys = {key for name, _, _, key in clerk.client.asked if name == "approval.approve"}
    assert keys == {f"k-9:{first}", f"k-9:{second}"}
    shown = (await clerk.http.get(address)).text
    for text in ("1 approved.", "These were not approved", "someone else decided it first"):
        assert text in shown, text


@pytest.mark.parametrize(
    ("values", "notice", "sentence"),
    [
        ((), "none_chosen", "tick the applications first"),
        (("nonsense", "|||||"), "none_chosen", "tick the applications first"),
        ((ticked(REVIEW_ID), ticked(REVIEW_ID, "2026-12-02")), "different_days", "for the same day"),
    ],
)
async def test_many_for_no_day_or_for_several_days_are_not_approved(
    clerk: Clerk, values: tuple[str, ...], notice: str, sentence: str
) -> None:
    done = await many(clerk, *values)
    assert f"notice={notice}" in done.headers["location"]
    assert sentence in (await clerk.http.get(done.headers["location"])).text
    assert not clerk.client.was_asked("approval.approve")


async def test_earlier_applications_stand_on_the_page(clerk: Clerk) -> None:
    earlier = EarlierReview(
        id=uuid4(),
        reference=REFERENCE,
        name="Gurpreet Kaur",
        status="rejected",
        visit=SECOND,
        reason="duplicate",
    )
    clerk.client.answers["approval.view_review"] = review(earlier=(earlier,))
    text = (await clerk.http.get(REVIEW)).text
    assert f'href="/en/desk/reviews/{earlier.id}">Wednesday, 2 December 2026' in text
    assert "There is already another application for this" in text
    assert re.search(r'href="#earlier">Earlier applications to this department: 1</a> · Rejected: 1<', text)


async def test_an_unknown_tab_is_not_found(clerk: Clerk) -> None:
    assert (await clerk.http.get("/en/desk?status=everything")).status_code == 404


async def test_a_search_leads_to_a_page_whose_address_does_not_name_anybody(clerk: Clerk) -> None:
    sent = await clerk.http.post("/en/desk/search", data={"q": "Kaur"}, headers=SAME_SITE)
    assert (sent.status_code, sent.headers["location"]) == (303, "/en/desk/search")
    for _ in range(2):  # also when it is reloaded
        found = await clerk.http.get(sent.headers["location"])
        assert (found.status_code, clerk.sent("search_reviews").q) == (200, "Kaur")
        assert 'value="Kaur"' in found.text
    clerk.http.cookies.clear()
    clerk.http.cookies.set("session", signed(claims("staff")))
    assert (await clerk.http.get("/en/desk/search")).headers["location"] == "/en/desk"


async def test_the_tabs_keep_their_counts_beside_the_results_of_a_search(clerk: Clerk) -> None:
    counted = ReviewList(items=(review(),), counts=queue_counts(pending=11))
    clerk.client.answers["approval.list_reviews"] = counted
    sent = await clerk.http.post("/en/desk/search", data={"q": "Kaur"}, headers=SAME_SITE)
    found = await clerk.http.get(sent.headers["location"])
    short = await clerk.http.post("/en/desk/search", data={"q": "K"}, headers=SAME_SITE)
    for shown in (found, short):
        assert '<span class="epass-count">11</span>' in shown.text


async def test_the_list_and_the_panel_name_the_visitor_in_latin_letters_and_the_secretariat(
    clerk: Clerk,
) -> None:
    shown = (await clerk.http.get("/en/desk?status=pending")).text
    assert re.search(r'epass-queue__latin">Gurpreet Kaur<', shown)
    panel = (await clerk.http.get(REVIEW)).text
    assert re.search(r"Secretariat</dt><dd[^>]*>Secretariat-1<", panel)


@pytest.mark.parametrize(
    ("tab", "heading"), [("pending", "Waiting"), ("decided", "Decided"), ("closed", "Closed")]
)
async def test_the_column_of_the_time_says_what_it_is(clerk: Clerk, tab: str, heading: str) -> None:
    shown = (await clerk.http.get(f"/en/desk?status={tab}")).text
    assert re.search(rf'epass-queue__since[^"]*">{heading}</th>', shown)
    assert f'data-label="{heading}"' in shown


async def test_a_search_needs_two_letters(clerk: Clerk) -> None:
    short = await clerk.http.post("/en/desk/search", data={"q": "K"}, headers=SAME_SITE)
    assert short.status_code == 422
    assert "at least two letters" in short.text
    assert not clerk.client.was_asked("approval.search_reviews")


async def test_an_empty_queue_shows_a_sentence(clerk: Clerk) -> None:
    clerk.client.answers["approval.list_reviews"] = ReviewList(items=())
    assert "Nothing waits for a decision" in (await clerk.http.get("/en/desk")).text
    filtered = (await clerk.http.get("/en/desk?channel=kiosk")).text
    assert "No application matches these filters" in filtered
    assert 'href="/en/desk?status=pending">Clear the filters' in filtered


async def test_a_review_shows_everything_that_the_officer_decides_on(clerk: Clerk) -> None:
    text = (await clerk.http.get(REVIEW)).text
    for shown in (
        REFERENCE,
        "Gurpreet Kaur",
        "Harjit Singh",
        "Arms licence",
        "PB65AB1234",
        "…4821",
        "1 December 2026",
        "Proved by a code",
    ):
        assert shown in text, shown
    assert f'action="{REVIEW}/approve"' in text
    for verb in ("reject", "return", "forward"):
        assert f'href="{REVIEW}/{verb}?' in text
    assert f'href="{REVIEW}/withdraw"' not in text


async def test_an_approval_shows_its_terms_and_can_be_withdrawn(clerk: Clerk) -> None:
    clerk.client.answers["approval.view_review"] = review(status="approved", decision=DECIDED)
    text = (await clerk.http.get(f"{REVIEW}?notice=done")).text
    for shown in ("Done.", "HOM-0002", "Gate 1", "2 entries", "may come in", f"{REVIEW}/withdraw"):
        assert shown in text, shown
    assert f'action="{REVIEW}/approve"' not in text


async def test_a_preferred_slot_is_approved_with_one_choice(clerk: Clerk) -> None:
    page = await clerk.http.get(f"{REVIEW}/approve")
    for value in ("2026-12-01 10:00 12:00", "2026-12-02 10:00 12:00", "own"):
        assert f'name="slot" type="radio" value="{value}"' in page.text
    done = await clerk.decide("approve", slot="2026-12-02 10:00 12:00")
    assert done.headers["location"] == f"{REVIEW}?notice=done"
    sent = clerk.sent("approve")
    assert (sent.slot, sent.entries, sent.gate, sent.vehicle_allowed, sent.revision) == (
        SECOND,
        1,
        None,
        False,
        3,
    )
    assert clerk.client.last("approval.approve")[3] == "k-1"


async def test_another_time_is_approved_with_gate_entries_and_vehicle(clerk: Clerk) -> None:
    own = {"slot": "own", "date": "2026-12-03", "from": "14:00", "to": "15:30"}
    await clerk.decide("approve", **own, gate="PCS1-G1", entries="4", vehicle_allowed="yes")
    sent = clerk.sent("approve")
    assert sent.slot == Slot(day=date(2026, 12, 3), start=time(14), end=time(15, 30))
    assert (sent.gate, sent.entries, sent.vehicle_allowed) == ("PCS1-G1", 4, True)


SEVERAL = {"slot": "2026-12-01 10:00 12:00", "last_day": "2026-12-04", "days_reason": "Three hearings"}
DAYS = (date(2026, 12, 2), date(2026, 12, 4))


async def test_several_days_are_approved_with_a_last_day_and_a_reason(clerk: Clerk) -> None:
    await clerk.decide("approve", **SEVERAL)
    sent = clerk.sent("approve")
    assert (sent.slot, sent.last_day, sent.days_reason) == (FIRST, date(2026, 12, 4), "Three hearings")


async def test_an_approval_for_several_days_says_which_and_what_was_left_out(clerk: Clerk) -> None:
    decision = DECIDED.model_copy(update={"further_days": DAYS, "days_reason": "Three hearings"})
    clerk.client.answers["approval.view_review"] = review(status="approved", decision=decision)
    text = " ".join((await clerk.http.get(REVIEW)).text.split())
    assert "1–2 December and 4 December 2026, each day 10:00 am – 12:00 pm" in text
    assert "2 entries each day" in text
    assert "Not on Thursday, 3 December 2026" in text
    assert "Three hearings" in text


async def test_an_approval_for_one_day_says_nothing_of_several(clerk: Clerk) -> None:
    clerk.client.answers["approval.view_review"] = review(status="approved", decision=DECIDED)
    text = (await clerk.http.get(REVIEW)).text
    assert "each day" not in text
    assert "Not on" not in text


async def test_after_an_approval_the_days_that_were_left_out_are_named(clerk: Clerk) -> None:
    """Also those after the last day on which the visit takes place, which the decision does not name."""
    decision = DECIDED.model_copy(update={"further_days": DAYS, "days_reason": "Three hearings"})
    approved = review(status="approved", decision=decision)
    clerk.client.answers |= {"approval.approve": approved, "approval.view_review": approved}
    done = await clerk.decide("approve", **SEVERAL | {"last_day": "2026-12-06"}, onward="yes")
    assert done.headers["location"] == f"{REVIEW}?notice=done"
    text = " ".join((await clerk.http.get(done.headers["location"])).text.split())
    assert "Not on 3 December and 5–6 December 2026" in text
    done = await clerk.decide("approve", slot="2026-12-01 10:00 12:00", onward="yes")
    assert "notice=approved" in done.headers["location"]


async def test_a_day_without_places_is_named(clerk: Clerk) -> None:
    clerk.client.answers["approval.approve"] = Conflict("full", code="window_full", date="2026-12-02")
    shown = await clerk.decide("approve", **SEVERAL)
    assert shown.status_code == 409
    assert 'id="last_day-error"' in shown.text
    assert "On Wednesday, 2 December 2026 there are not enough free places." in shown.text
    assert "Three hearings" in shown.text


async def test_the_second_officer_is_offered_what_the_first_one_chose(clerk: Clerk) -> None:
    first = FirstApproval(
        approved_by="HOM-0002", approved_at=now(), slot=SECOND, gate="PCS1-G1", entries=3,
        further_days=(date(2026, 12, 4),), days_reason="Three hearings",
    )  # fmt: skip
    clerk.client.answers["approval.view_review"] = review(second_officer=True, first_approval=first)
    text = " ".join((await clerk.http.get(REVIEW)).text.split())
    assert "2 December and 4 December 2026, each day 10:00 am – 12:00 pm" in text
    for chosen in (
        'value="2026-12-02 10:00 12:00" checked',
        '<option value="PCS1-G1" selected',
        'value="2026-12-04"',
        'value="3"',
        ">Three hearings</textarea>",
    ):
        assert chosen in text, chosen


OWN = {"slot": "own", "date": "2026-12-03", "from": "14:00", "to": "15:30"}
BAD_FORMS: list[tuple[str, dict[str, str], str, str]] = [
    ("approve", {}, "slot", "Choose one of these"),
    ("approve", {"slot": "own"}, "date", "Choose a day"),
    ("approve", {**OWN, "date": "tomorrow"}, "date", "Choose a day"),
    ("approve", {**OWN, "from": "25:99"}, "from", "Choose a start time"),
    ("approve", {**OWN, "to": ""}, "to", "Choose an end time"),
    ("approve", {"slot": "one two three"}, "slot", "Choose"),
    ("approve", {**OWN, "entries": "often"}, "entries", "from 1 to 20"),
    ("approve", {**OWN, "entries": "0"}, "entries", "from 1 to 20"),
    ("approve", {**OWN, "entries": "9" * 5000}, "entries", "from 1 to 20"),
    ("approve", {**OWN, "gate": "<gate>"}, "gate", "Choose one of these"),
    ("approve", {**OWN, "last_day": "some day"}, "last_day", "Choose a day"),
    ("approve", {**OWN, "days_reason": "x" * 501}, "days_reason", "too long"),
    ("reject", {}, "reason", "Choose one of these"),
    ("reject", {"reason": "I do not like him"}, "reason", "Choose one of these"),
    ("reject", {"reason": "other", "note": "x" * 501}, "note", "too long"),
    ("return", {"note": " "}, "note", "Enter a note"),
    ("forward", {"department": "no such/thing"}, "department", "Choose one of these"),
    ("withdraw", {}, "reason", "Choose one of these"),
]


@pytest.mark.parametrize(
    ("verb", "form", "field", "sentence"),
    BAD_FORMS,
    ids=[f"{verb} {field}" for verb, _, field, _ in BAD_FORMS],
)
async def test_an_unreadable_value_is_reported_beside_its_field(
    clerk: Clerk, verb: str, form: dict[str, str], field: str, sentence: str
) -> None:
    shown = await clerk.decide(verb, **form)
    assert shown.status_code == 422
    assert f'href="#{field}"' in shown.text
    assert f'id="{field}-error"' in shown.text
    assert sentence in shown.text
    assert "<title>Error:" in shown.text
    assert not any(asked[0] in {"approval.approve", "approval.reject"} for asked in clerk.client.asked)


FINDINGS = [
    ("approve", "slot.date", "closed_day", "date", "closed on this day"),
    ("approve", "slot.date", "date_past", "date", "has passed"),
    ("approve", "slot.date", "date_too_far", "date", "too far ahead"),
    ("approve", "slot.from", "outside_hours", "from", "not open at this time"),
    ("approve", "slot.to", "window_order", "to", "after the beginning"),
    ("approve", "slot.to", "window_too_short", "to", "at least 15 minutes"),
    ("approve", "slot.to", "window_over", "to", "has passed today"),
    ("approve", "gate", "unknown_gate", "gate", "has no such gate"),
    ("approve", "last_day", "ends_before_it_begins", "last_day", "before the first"),
    ("approve", "last_day", "too_many_days", "last_day", "Seven days in all"),
    ("approve", "last_day", "no_further_day", "last_day", "on any further day"),
    ("approve", "days_reason", "days_reason_missing", "days_reason", "why one day is not enough"),
    ("approve", "vehicle_allowed", "no_vehicle", "vehicle_allowed", "names no vehicle"),
    ("reject", "note", "required", "note", "Enter a note"),
    ("return_to_applicant", "note", "required", "note", "Enter a note"),
    ("forward", "department", "exactly_one", "department", "not both"),
    ("forward", "department", "same_department", "department", "already"),
    ("forward", "officer", "unknown_officer", "officer", "no longer in this department"),
]


@pytest.mark.parametrize(("method", "path", "code", "field", "sentence"), FINDINGS)
async def test_a_refusal_is_shown_beside_its_field_and_nothing_typed_is_lost(
    clerk: Clerk, method: str, path: str, code: str, field: str, sentence: str
) -> None:
    clerk.client.answers[f"approval.{method}"] = InvalidInput(fields=(FieldError(field=path, code=code),))
    forms = {"approve": {**OWN, "vehicle_allowed": "yes"}, "reject": {"reason": "other", "note": "As told"},
             "return_to_applicant": {"note": "As told"}, "forward": {"officer": "baldev"}}  # fmt: skip
    shown = await clerk.decide("return" if method == "return_to_applicant" else method, **forms[method])
    assert shown.status_code == 422
    assert f'id="{field}-error"' in shown.text
    assert sentence in shown.text
    remaining = {"approve": 'value="2026-12-03"', "forward": 'value="baldev" selected'}.get(method, "As told")
    assert remaining in shown.text


async def test_a_problem_of_a_preferred_slot_is_shown_at_the_choice(clerk: Clerk) -> None:
    clerk.client.answers["approval.approve"] = InvalidInput(
        fields=(FieldError(field="slot.date", code="closed_day"),)
    )
    shown = await clerk.decide("approve", slot="2026-12-01 10:00 12:00")
    assert 'id="slot-error"' in shown.text
    assert 'id="date-error"' not in shown.text


async def test_an_officer_who_is_too_late_sees_who_decided_and_when(clerk: Clerk) -> None:
    clerk.client.answers["approval.approve"] = Conflict(
        code="already_decided", decided_by="HOM-0002", decided_at=now().isoformat()
    )
    late = await clerk.decide("approve", slot="2026-12-01 10:00 12:00")
    assert late.headers["location"] == f"{REVIEW}?notice=already_decided"
    clerk.client.answers["approval.view_review"] = review(
        status="rejected", decision=DECIDED.model_copy(update={"status": "rejected"})
    )
    shown = await clerk.http.get(late.headers["location"])
    assert "Someone else acted first: HOM-0002 decided this on" in shown.text
    assert "was not recorded" in shown.text


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("application_closed", "has ended in the meantime"),
        ("not_approved", "no longer an approval"),
        ("something_new", "Someone else acted first"),
    ],
)
async def test_other_conflicts_show_a_notice(clerk: Clerk, code: str, sentence: str) -> None:
    clerk.client.answers["approval.withdraw"] = Conflict(code=code)
    late = await clerk.decide("withdraw", reason="security")
    assert sentence in (await clerk.http.get(late.headers["location"])).text


async def test_an_application_that_was_changed_is_read_again_and_the_note_is_not_lost(clerk: Clerk) -> None:
    clerk.client.answers["approval.reject"] = Conflict(code="application_changed", revision=4)
    clerk.client.answers["approval.view_review"] = review(revision=4, purpose="Arms licence, file 114")
    changed = await clerk.decide("reject", reason="other", note="As told")
    assert changed.status_code == 409
    for shown in ("has changed the application", "file 114", "As told", 'name="revision" value="4"'):
        assert shown in changed.text, shown
    assert 'value="k-1"' not in changed.text, "another decision needs another key"


async def test_forwarding_to_another_department_leads_back_to_the_queue(clerk: Clerk) -> None:
    page = (await clerk.http.get(f"{REVIEW}/forward")).text
    assert 'value="police"' in page
    assert 'value="home"' not in page
    gone = await clerk.decide("forward", department="police")
    assert gone.headers["location"] == "/en/desk?notice=forwarded"
    assert "with the other department now" in (await clerk.http.get(gone.headers["location"])).text
    remaining = await clerk.decide("forward", officer="baldev")
    assert remaining.headers["location"] == f"{REVIEW}?notice=done"
    assert (clerk.sent("forward").department, clerk.sent("forward").officer) == (None, "baldev")


async def test_rejecting_returning_and_withdrawing_send_reason_and_note(clerk: Clerk) -> None:
    await clerk.decide("reject", reason="no_appointment", note="Come on Monday")
    assert (clerk.sent("reject").reason, clerk.sent("reject").note) == ("no_appointment", "Come on Monday")
    await clerk.decide("return", note="Which file?")
    assert clerk.sent("return_to_applicant").note == "Which file?"
    await clerk.decide("withdraw", reason="security")
    assert clerk.sent("withdraw").reason == "security"


@pytest.mark.parametrize("verb", ["delete", "approve%20", "__class__"])
async def test_an_unknown_verb_is_not_found(clerk: Clerk, verb: str) -> None:
    assert (await clerk.http.get(f"{REVIEW}/{verb}")).status_code == 404
    assert (await clerk.decide(verb)).status_code == 404


@pytest.mark.parametrize(
    "form",
    [{}, {"revision": "x"}, {"revision": "9" * 5000}, {"key": "k" * 300}, {"key": "\x00"}, {"slot": "\x00"}],
)
async def test_a_forged_form_never_causes_an_internal_error(clerk: Clerk, form: dict[str, str]) -> None:
    for verb in ("approve", "reject", "return", "forward", "withdraw"):
        answer = await clerk.http.post(f"{REVIEW}/{verb}", data=form, headers=SAME_SITE)
        assert answer.status_code in {303, 422}, (verb, form)


async def test_a_review_of_another_department_or_an_unknown_one_is_not_found(clerk: Clerk) -> None:
    clerk.client.answers["approval.view_review"] = NotFound()
    assert (await clerk.http.get(REVIEW)).status_code == 404
    assert (await clerk.http.get("/en/desk/reviews/not-an-id")).status_code == 404


async def test_during_an_outage_the_same_form_can_be_sent_again(
    clerk: Clerk,
) -> None:
    clerk.client.answers["approval.approve"] = Unavailable()
    outage = await clerk.decide("approve", slot="2026-12-01 10:00 12:00")
    assert (outage.status_code, "It is not known whether this was saved" in outage.text) == (503, True)
    assert 'name="key" value="k-1"' in outage.text
    clerk.client.answers["approval.approve"] = review()
    await clerk.decide("approve", slot="2026-12-01 10:00 12:00")
    keys = [key for name, _, _, key in clerk.client.asked if name == "approval.approve"]
    assert keys == ["k-1", "k-1"]


async def test_a_rejection_shows_its_message_in_their_language_before_it_is_sent(
    clerk: Clerk,
) -> None:
    clerk.client.answers["notify.preview_rejection"] = MessagePreview(text="ਅਰਜ਼ੀ ਮਨਜ਼ੂਰ ਨਹੀਂ ਕੀਤੀ ਗਈ")
    form = {"reason": "duplicate", "note": "See your first one", "onward": "yes", "back": "status=pending"}
    sent = await clerk.decide("reject", preview="yes", **form)
    assert sent.headers["location"] == f"{REVIEW}/reject?step=message"
    shown = await clerk.http.get(sent.headers["location"])
    assert '<blockquote class="govuk-inset-text" lang="pa">ਅਰਜ਼ੀ ਮਨਜ਼ੂਰ ਨਹੀਂ ਕੀਤੀ ਗਈ' in shown.text
    asked = clerk.client.last("notify.preview_rejection")[1]
    assert (asked.language, asked.reason, asked.note) == ("pa", "duplicate", "See your first one")
    assert not clerk.client.was_asked("approval.reject")
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', shown.text))
    assert fields == {**form, "key": "k-1", "revision": "3"}
    again = await clerk.http.get(f"{REVIEW}/reject")
    assert "See your first one</textarea>" in again.text
    done = await clerk.decide("reject", **form)
    assert done.headers["location"].endswith("notice=rejected")
    assert clerk.sent("reject").note == "See your first one"


async def test_a_withdrawal_shows_its_message_before_it_is_sent_and_leads_on(clerk: Clerk) -> None:
    clerk.client.answers["notify.preview_withdrawal"] = MessagePreview(text="e-Pass ਰੱਦ ਕਰ ਦਿੱਤਾ ਗਿਆ ਹੈ")
    form = {"reason": "officer_unavailable", "note": "Come next week"}
    sent = await clerk.decide("withdraw", preview="yes", **form)
    shown = await clerk.http.get(sent.headers["location"])
    assert "e-Pass ਰੱਦ ਕਰ ਦਿੱਤਾ ਗਿਆ ਹੈ" in shown.text
    assert f'href="{REVIEW}/withdraw">Change it' in shown.text
    asked = clerk.client.last("notify.preview_withdrawal")[1]
    assert (asked.language, asked.reason, asked.note) == ("pa", "officer_unavailable", "Come next week")
    assert not clerk.client.was_asked("approval.withdraw")
    done = await clerk.decide("withdraw", **form)
    assert (clerk.sent("withdraw").reason, clerk.sent("withdraw").note) == tuple(form.values())
    after = await clerk.http.get(done.headers["location"])
    assert "The approval is withdrawn, the pass is cancelled, and the visitor is told." in after.text
    assert 'href="/en/desk">Go to the queue' in after.text


async def test_a_message_that_nobody_wrote_leads_to_the_form(clerk: Clerk) -> None:
    shown = await clerk.http.get(f"{REVIEW}/reject?step=message")
    assert shown.headers["location"] == f"{REVIEW}/reject"


async def test_a_rejection_can_be_sent_while_its_message_cannot_be_shown(clerk: Clerk) -> None:
    sent = await clerk.decide("reject", preview="yes", reason="duplicate")
    shown = await clerk.http.get(sent.headers["location"])
    assert "cannot be shown just now" in shown.text
    assert "Reject and send" in shown.text
