"""The desk of a department: a decision reaches the service once, problems stand beside fields."""

import re
from datetime import date, time, timedelta
from html import unescape
from uuid import UUID, uuid4

import httpx
import pytest

from contracts.errors import Conflict, Unavailable
from contracts.model import IST, Slot
from contracts.rpc.approval.closures import ClosedDate
from contracts.rpc.approval.decisions import Approve
from contracts.rpc.approval.reviews import EarlierReview, QueueCounts, ReviewList, ReviewView
from contracts.visiting_rules import ClosedWish
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import REFERENCE, claims, signed
from tests.support.factories.pages import DECIDED, FIRST, REVIEW_ID, SECOND, review
from tests.support.system.page_reader import SAME_SITE
from tests.unit.gateway.pages.clerk import REVIEW, Clerk


@pytest.mark.usefixtures("before_the_visit")
async def test_the_queue_lists_applications_with_links(clerk: Clerk) -> None:
    shown = await clerk.http.get("/en/desk")
    assert f'href="/en/desk?status=pending&amp;open={REVIEW_ID}"' in shown.text
    for text in ("ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "10:00 am – 12:00 pm", "A meeting", "Anyone", "Online"):
        assert text in shown.text, text
    assert "/en/desk?status=pending&amp;after=after-this" in shown.text
    assert clerk.sent("list_reviews").status == "pending"


async def test_an_application_whose_names_are_erased_is_opened_by_its_reference(clerk: Clerk) -> None:
    erased = review(name="", name_latin="", status="closed")
    clerk.client.answers["approval.list_reviews"] = ReviewList(items=(erased,))
    assert f">{erased.reference}</a>" in (await clerk.http.get("/en/desk?status=closed")).text


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


@pytest.mark.parametrize("status", ["pending", "closed"])
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
    "query",
    ["status=everything", "day=tomorrow", "waiting=long", "channel=pigeon", "site=%3Cx%3E", "order=luck"],
)
async def test_a_value_that_no_filter_has_is_not_found(clerk: Clerk, query: str) -> None:
    assert (await clerk.http.get(f"/en/desk?{query}")).status_code == 404


def queue_counts(decided_today: int = 1, **by_status: int) -> QueueCounts:
    parts = {"at_counter": 1, "today": 4, "tomorrow": 2, "later": 5}
    return QueueCounts.model_validate({"by_status": by_status, "decided_today": decided_today, **parts})


@pytest.mark.usefixtures("before_the_visit")
async def test_the_queue_shows_a_vehicle_and_the_assistance_that_was_asked_for(clerk: Clerk) -> None:
    tags = ('govuk-tag--grey">Vehicle<', 'govuk-tag--grey">A wheelchair<', ">without the vehicle<")
    for changes, shown in (
        ({"visit": FIRST, "vehicle": "CH01AB1234", "assistance": "wheelchair"}, True),
        ({"vehicle": None, "assistance": None}, False),
    ):
        queue = clerk.client.answers["approval.list_reviews"]
        items = tuple(one.model_copy(update=changes) for one in queue.items)
        clerk.client.answers["approval.list_reviews"] = queue.model_copy(update={"items": items})
        text = (await clerk.http.get("/en/desk")).text
        assert [tag in text for tag in tags] == [shown] * 3, "one tap lets no vehicle in"


async def test_the_queue_says_how_many_there_are_in_each_tab_and_part(clerk: Clerk) -> None:
    counts = queue_counts(3, pending=12, approved=10_000)
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


@pytest.mark.usefixtures("before_the_visit")
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
    counts = queue_counts(pending=11)
    clerk.client.answers["approval.list_reviews"] = ReviewList(items=(review(),), counts=counts)
    shown = (await clerk.http.get(expected)).text
    name = "ਗੁਰਪ੍ਰੀਤ ਕੌਰ"
    assert f"Approved. {name}, Tuesday, 1 December 2026, 10:00" in shown
    assert "11 left to decide." in shown
    shown = (await clerk.http.get(f"{expected}&row={REVIEW_ID}")).text
    assert f"Next: {name}." in shown
    assert f'href="{REVIEW}">Look at it again, or withdraw it' in shown


async def approve_and_look(clerk: Clerk) -> str:
    """Approve a review, which can be taken back for ten seconds, and return the page after it."""
    clerk.client.answers["approval.approve"] = review(
        status="approved", decision=DECIDED, leaves_at=now() + timedelta(seconds=10)
    )
    done = await clerk.decide("approve", slot="2026-12-01 10:00 12:00", onward="yes", row=str(REVIEW_ID))
    assert done.headers["location"].endswith(f"row={REVIEW_ID}&notice=approved#row-{REVIEW_ID}"), (
        "the place is kept"
    )
    return (await clerk.http.get(done.headers["location"])).text


async def undo(clerk: Clerk, *reviews: UUID) -> str:
    form = {"key": "k-9", "back": "status=pending", "review": [str(one) for one in reviews]}
    done = await clerk.http.post("/en/desk/undo", data=form, headers=SAME_SITE)
    return (await clerk.http.get(done.headers["location"])).text


async def test_a_decision_is_taken_back_from_the_page_after_it(clerk: Clerk) -> None:
    shown = await approve_and_look(clerk)
    assert "Tuesday, 1 December 2026, 10:00 am – 12:00 pm" in shown
    assert 'action="/en/desk/undo"' in shown
    assert f'<input type="hidden" name="review" value="{REVIEW_ID}">' in shown
    clerk.client.answers["approval.undo"] = review()
    assert "1 decision is taken back. Nothing was sent." in await undo(clerk, REVIEW_ID)
    assert clerk.sent("undo").review_id == REVIEW_ID


async def test_who_is_too_late_reads_that_an_approval_can_be_withdrawn(
    clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk.client.answers["approval.undo"] = Conflict(code="too_late_to_undo")
    shown = await undo(clerk, REVIEW_ID)
    assert "It was too late" in shown
    assert "taken back" not in shown
    clerk.client.answers["approval.undo"] = Unavailable()
    assert "it is not known whether it was undone" in await undo(clerk, REVIEW_ID)
    later = now() + timedelta(seconds=11)
    monkeypatch.setattr("services.gateway.pages.desk.routes.now", lambda: later)
    assert 'action="/en/desk/undo"' not in await approve_and_look(clerk)


@pytest.mark.usefixtures("before_the_visit")
async def test_a_page_without_scripts_ticks_a_whole_part_by_a_link(clerk: Clerk) -> None:
    text = (await clerk.http.get("/en/desk")).text
    assert 'href="/en/desk?status=pending&amp;tick=tomorrow"' in text
    assert f'id="tick-{REVIEW_ID}"' in text
    ticks = r'<input class="govuk-checkboxes__input" type="checkbox" form="many"[^>]* checked>'
    assert not re.search(ticks, text)
    assert re.search(ticks, (await clerk.http.get("/en/desk?status=pending&tick=tomorrow")).text)


async def test_a_row_has_what_decides(clerk: Clerk) -> None:
    clerk.client.answers["approval.list_reviews"] = ReviewList(
        items=(review(purpose="Arms licence, hearing of 2 March", earlier_ended=("rejected", "approved")),)
    )
    text = (await clerk.http.get("/en/desk")).text
    row = re.search(r"<tbody.*</tbody>", text, re.DOTALL)
    assert row is not None
    for words in ("Arms licence, hearing of 2 March", "Last of 2: Rejected"):
        assert words in row[0]


async def test_a_decision_leads_on_to_the_next_application(clerk: Clerk) -> None:
    following = str(uuid4())
    onward = {"onward": "yes", "back": "status=pending&site=PCS1&name=Kaur", "next": following}
    slot = {"slot": "2026-12-01 10:00 12:00"}
    forms = {"approve": slot, "reject": {"reason": "security"}, "return": {"note": "x"}}
    for verb, form in forms.items():
        done = await clerk.decide(verb, **form, **onward)
        address = httpx.URL(done.headers["location"])
        assert address.path == "/en/desk"
        assert (address.params["open"], address.params["site"]) == (following, "PCS1")
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
        return review(status="approved")

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
    said = {"status": "rejected", "reason": "duplicate"}
    earlier = EarlierReview(id=uuid4(), reference=REFERENCE, name="Gurpreet Kaur", visit=SECOND, **said)
    clerk.client.answers["approval.view_review"] = review(earlier=(earlier,))
    text = (await clerk.http.get(REVIEW)).text
    assert f'href="/en/desk/reviews/{earlier.id}">Wednesday, 2 December 2026' in text
    assert "There is already another application for this" in text
    assert re.search(r'href="#earlier">Earlier applications to this department: 1</a> · Rejected: 1<', text)


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
    assert re.search(rf'epass-queue__(?:since|instant)[^"]*">{heading}</th>', shown)
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
    for shown in (REFERENCE, "Gurpreet Kaur", "Harjit Singh", "Arms licence", "PB65AB1234", "…4821",
                  "1 December 2026", "Proved by a code"):  # fmt: skip
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
