"""The pages after applying: timeline, holder, pass, and the changes of the applicant."""

import re
from datetime import date, time, timedelta
from typing import Any

import pytest

from contracts.errors import Conflict, TooManyAttempts, Unavailable
from contracts.model import Companion, Person, Slot
from contracts.rpc.application import (
    ApplicationList,
    Durations,
    HistoryLine,
    LookupHit,
    LookupHits,
    PassSummary,
    StatusView,
    TimelineEntry,
)
from contracts.rpc.approval.reviews import DecisionView, EarlierReview, ReviewList, Whereabouts
from contracts.rpc.call import Nothing
from contracts.visiting_rules import ClosedWish
from services.chassis.runtime.clock import now
from services.gateway.pages.shared.waiting_times import within
from tests.support.factories.gateway import NUMBER, REFERENCE, claims, signed, staff_claims
from tests.support.factories.pages import AT, REVIEW_ID, SECOND, application, happened, review
from tests.support.system.page_reader import Reader, closed, hidden, somebody, visiting
from tests.unit.gateway.pages.applicant import PAGE, key_of, wait


def good_pass(**given: Any) -> PassSummary:
    return PassSummary(
        **{"number": NUMBER, "valid_from": now(), "valid_to": now() + timedelta(hours=3), **given}
    )


# ---------------------------------------------------------------- the timeline


SENT = {"purpose": "application_submitted", "channel": "whatsapp"}
NOTICE = {"purpose": "rejected"}
CONFIRMATION, FAILED = "Confirmation of your application, by WhatsApp", "The message could not be delivered"
TIMELINE: tuple[tuple[TimelineEntry, tuple[str, ...]], ...] = (
    (happened("submitted"), ("1 December 2026, 10:30 am", "Application sent")),
    (happened("message_delivered", 1, **SENT), ("The message was sent", CONFIRMATION)),
    (happened("message_arrived", 2, **SENT, possible_duplicate=1),
     ("The message has arrived", CONFIRMATION, "You may have got it twice")),
    (happened("message_read", 3, **SENT), ("The message was read", CONFIRMATION)),
    (happened("escalated", 240, level=1, department="home", step="stand_in"),
     ("The visit is near: the officer&#39;s stand-in was asked to decide", "Home")),
    (happened("rejected", 300, department="home", revision=1, reason="no_appointment"),
     ("The department did not approve", "Home", "There is no appointment", "Come with the file")),
    (happened("message_failed", 301, **NOTICE, channel="whatsapp", reason="unconfirmed", next="sms"),
     (FAILED, "Nobody has confirmed that it arrived", "It is sent again, by SMS")),
    (happened("message_failed", 302, **NOTICE, channel="sms", reason="expired"),
     (FAILED, "Notice that the department did not approve, by SMS", "It was too late to send it")),
)  # fmt: skip
"""What happened, and the words of the page."""


async def test_the_timeline_shows_every_entry_with_its_details(reader: Reader) -> None:
    reader.client.answers["application.view"] = application(
        status="rejected",
        reason="no_appointment",
        note="Come with the file",
        timeline=tuple(entry for entry, _ in TIMELINE),
    )
    text = (await reader.open(PAGE)).text
    entries = [
        re.sub(r"<[^>]+>|\s+", " ", item) for item in re.findall(r"<li><time.*?</li>", text, re.DOTALL)
    ]
    for item, (_, words) in zip(entries, TIMELINE, strict=True):
        assert [word for word in words if word not in item] == []
    assert "Reason:" in text


async def test_the_timeline_shows_gates_counts_and_the_end_of_a_pass(reader: Reader) -> None:
    reader.client.answers["application.view"] = application(
        status="left",
        timeline=(
            happened("entered", 1, gate="PCS1-G1", count=3, inside=3),
            happened("left", 2, gate="PCS1-G2", count=1, inside=2),
            happened("pass_revoked", 3, reason="security"),
            happened("cancelled", 4, by="counter"),
            happened("amended", 5, revision=2, changed="dates"),
            happened("something_new", 6),
        ),
    )
    text = (await reader.open(PAGE)).text
    for words in (
        "Gate 1, 3 people",
        "Gate 2, 1 person<",
        "For security reasons",
        "At the reception counter",
        "Other dates asked for",
    ):
        assert words in text
    assert "something_new" in text, "a word that the pages do not know is shown rather than lost"


async def test_the_holder_of_an_application_comes_from_approval(reader: Reader) -> None:
    reader.client.answers["approval.whereabouts"] = Whereabouts(
        department="finance", since=AT + timedelta(hours=1)
    )
    assert "Now with: finance, since 1 December 2026, 11:30 am" in (await reader.open(PAGE)).text
    reader.client.answers["approval.whereabouts"] = Unavailable("down")
    assert "Now with: Home, since 1 December 2026, 10:30 am" in (await reader.open(PAGE)).text, (
        "else where it was sent"
    )


async def test_a_returned_application_is_held_by_the_applicant(reader: Reader) -> None:
    for why, day in (
        ("returned", {}),
        ("day_closed", {"closed_day": date(2026, 12, 3), "closure_reason": "officer_away"}),
    ):
        happenings = (happened("submitted"), happened(why, 30, department="home"))
        last = happened("left", 90, gate="PCS1-G1", count=1, inside=0)
        reader.client.answers["application.view"] = application(
            status="returned", note="Which file?", timeline=(*happenings, last), **day
        )
        reader.client.asked.clear()
        text = (await reader.open(PAGE)).text
        assert "with you since 1 December 2026, 11:00 am" in text
        assert text.count("Which file?") == 2, "as what is missing, and beside what happened"
        assert not reader.client.was_asked("approval.whereabouts")


async def test_an_issued_visit_that_lost_a_day_says_which_and_why_and_its_pass_stays(reader: Reader) -> None:
    reader.client.answers["application.view"] = application(
        status="issued",
        date=date(2026, 12, 1),
        further_days=(date(2026, 12, 3),),
        closed_day=date(2026, 12, 2),
        closure_reason="officer_away",
        note="Back on Thursday",
        timeline=(
            happened("submitted"),
            happened("day_dropped", 30, department="home", closed="2026-12-02", closure="officer_away"),
        ),
    )
    text = (await reader.open(PAGE)).text
    assert "On Wednesday, 2 December 2026 the department receives nobody." in text
    assert "Your pass is for: 1 December and 3 December 2026." in text
    assert "The department closed one day of the visit" in text
    assert text.count("Back on Thursday") == 2, "at the top, and beside what happened"
    assert "/dates" not in text, "no other date is needed"


@pytest.mark.parametrize(
    ("dates", "sentence"),
    [((1,), "You cannot come then. Choose another date."), ((1, 2), "still decides on your other dates")],
)
async def test_a_waiting_visitor_reads_that_a_date_is_closed_and_is_offered_another(
    reader: Reader, dates: tuple[int, ...], sentence: str
) -> None:
    wish = ClosedWish(
        day=date(2026, 12, 1), closed_by="site", reason="Gurpurab", reason_translations={"pa": "ਗੁਰਪੁਰਬ"}
    )
    preferred = tuple(Slot(day=date(2026, 12, day), start=time(10), end=time(12)) for day in dates)
    waiting = application(status="submitted", preferred=preferred, closed_wishes=(wish,))
    reader.client.answers["application.view"] = waiting
    text = (await reader.open(PAGE)).text
    assert "On Tuesday, 1 December 2026 the secretariat is closed." in text
    assert "Gurpurab" in text
    assert sentence in text
    assert text.count("/dates") == 1
    assert "ਗੁਰਪੁਰਬ" in (await reader.http.get(f"/pa{PAGE}")).text
    assert "Gurpurab" in (await reader.http.get(f"/hi{PAGE}")).text, "no other text is there"


async def test_a_visitor_who_was_sent_back_reads_that_the_day_is_open_again() -> None:
    view = application(
        status="returned",
        closed_day=date(2026, 12, 1),
        day_reopened=True,
        timeline=(happened("submitted"), happened("day_reopened", 30, department="home")),
    )
    line = HistoryLine(**view.model_dump(include=set(HistoryLine.model_fields) - {"pass_"}))
    facts = view.model_dump(include=set(StatusView.model_fields))
    async with somebody(
        **closed(view),
        application__list_applications=ApplicationList(items=(line,)),
        application__status=StatusView(**facts),
    ) as person:
        opened = (await person.send(f"{PAGE}/open", id_last4="4821")).text
        history = (await person.open("/applications")).text
        status = (await person.send("/status", reference=REFERENCE, mobile_last4="3210")).text
    assert "On Tuesday, 1 December 2026 the department receives visitors again." in opened
    for text in (opened, status):
        assert "The department offers the closed day again" in text
        assert re.search(r'href="[^"]*/dates"[^>]*>\s*Choose a date', text)
    for text in (opened, history, status):
        assert "A date is needed" in text
        assert "Another date is needed" not in text


async def test_usual_waiting_times_are_shown_and_fetched_once_a_minute(reader: Reader) -> None:
    for _ in range(3):
        assert (
            "half of its applications within 3 hours, and nearly all of them within 2 days"
            in (await reader.open(PAGE)).text
        )
    assert sum(name == "application.durations" for name, *_ in reader.client.asked) == 1


async def test_waiting_times_that_are_the_same_are_one_sentence() -> None:
    found = StatusView(
        reference=REFERENCE, status="submitted", site="PCS1", department="home",
        timeline=(happened("submitted"),),
    )  # fmt: skip
    async with visiting(application__status=found, application__durations=wait(half=20, most=50)) as person:
        text = (await person.send("/status", reference=REFERENCE, mobile_last4="3210")).text
    assert "This department answers nearly all of its applications within 1 minute." in text
    assert text.count("within 1 minute") == 1


async def test_an_opened_application_shows_what_was_answered(reader: Reader) -> None:
    reader.client.answers["application.view"] = application(
        officer="baldev", vehicle="PB65AB1234", assistance="guide",
        companions=(Companion(name="Harjit Singh", id_type="pan", id_last4="0917"),
                    Companion(name="Simran", child=True)),
    )  # fmt: skip
    text = (await reader.open(PAGE)).text
    for answer in (
        "Gurpreet Kaur", "Baldev Singh, Clerk", "A meeting: Arms licence renewal",
        "Harjit Singh (PAN card)",
        "Simran (Child)", "PB65AB1234", "Someone to guide me",
        "Thursday, 3 December 2026, 10:00 am – 12:00 pm",
    ):  # fmt: skip
        assert answer in text
    reader.client.answers["approval.officers"] = Unavailable("down")
    assert "baldev" in (await reader.open(PAGE)).text, "its code, while the directory is away"


@pytest.mark.parametrize("answer", [Durations(answered=2), Unavailable("down")])
async def test_without_known_waiting_times_the_page_leaves_them_out(answer: Any) -> None:
    async with somebody(
        application__view=application(applicant=Person(name="G", name_latin="G")),
        application__durations=answer,
    ) as person:
        shown = await person.open(PAGE)
    assert shown.status_code == 200
    assert "answers half" not in shown.text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "within 1 minute"), (61, "within 2 minutes"), (3_600, "within 60 minutes"),
    (3_601, "within 2 hours"), (129_600, "within 36 hours"),
     (129_601, "within 2 days"), (172_801, "within 3 days")],
)  # fmt: skip
def test_a_length_of_time_is_rounded_up(seconds: int, words: str) -> None:
    assert within(seconds, "en") == words


async def test_the_confirmation_shows_the_usual_waiting_time(reader: Reader) -> None:
    done = await reader.send("/apply/check", **hidden(await reader.answer()))
    assert done.url.path == "/en/apply/done"
    assert "half of its applications within 3 hours" in done.text


# ------------------------------------------------------------- status by reference


async def test_the_desk_says_that_a_closed_day_is_offered_again() -> None:
    decision = DecisionView(
        status="returned",
        decided_by="HOM-0001",
        decided_at=now(),
        closed_day=date(2026, 12, 3),
        day_reopened=True,
    )
    sent_back = review(status="returned", decision=decision)
    async with visiting(
        approval__list_reviews=ReviewList(items=(sent_back,)),
        approval__view_review=sent_back,
        session=claims(role="department"),
    ) as person:
        queue = (await person.open("/desk?status=returned")).text
        opened = (await person.open(f"/desk/reviews/{REVIEW_ID}")).text
    for text in (queue, opened):
        assert "A date is needed</strong>" in text
        assert "Another date is needed" not in text
    assert "It is offered again, and the visitor is asked to choose a date." in opened


async def test_another_date_is_needed_is_said_by_the_same_words_on_every_page() -> None:
    sent: dict[str, Any] = {"status": "returned", "closed_day": date(2026, 12, 3)}
    view = application(**sent, closure_reason="officer_away")
    facts = view.model_dump(include=set(LookupHit.model_fields)) | {"name": "G", "name_latin": "G"}
    hits = LookupHits(items=(LookupHit(**facts),))
    decision = DecisionView(
        status="returned", decided_by="HOM-0001", decided_at=now(), closed_day=view.closed_day
    )
    earlier = EarlierReview(id=REVIEW_ID, reference=REFERENCE, name="G", visit=SECOND, **sent)
    sent_back = review(status="returned", decision=decision, earlier=(earlier,))
    shown = {}
    async with somebody(
        application__view=view, application__lookup=hits, application__waiting_here=hits,
        application__list_applications=ApplicationList(items=(HistoryLine(**facts | {"pass": None}),)),
        application__status=StatusView(**facts, timeline=view.timeline),
        approval__list_reviews=ReviewList(items=(sent_back,)), approval__view_review=sent_back,
    ) as person:  # fmt: skip
        shown["application"] = await person.open(PAGE)
        shown["history"] = await person.open("/applications")
        shown["status"] = await person.send("/status", reference=REFERENCE, mobile_last4="3210")
        person.http.cookies.set("session", signed(staff_claims("reception")))
        shown["lookup"] = await person.send("/counter/lookup", q="Gurpreet")
        shown["counter"] = await person.open(f"/counter/applications/{REFERENCE}")
        person.http.cookies.set("session", signed(claims(role="department")))
        shown["desk"] = await person.open("/desk?status=returned")
        shown["review"] = await person.open(f"/desk/reviews/{REVIEW_ID}")
    tags = {
        page: set(re.findall(r'<strong class="govuk-tag govuk-tag--yellow">([^<]*)</strong>', one.text))
        for page, one in shown.items()
    }
    assert tags == {page: {"Another date is needed"} for page in shown}


# ----------------------------------------------------------------------- history


async def test_the_history_is_shown_in_words_and_page_by_page() -> None:
    line = HistoryLine(
        reference=REFERENCE,
        status="issued",
        site="PCS1",
        department="home",
        submitted_at=AT,
        date=date(2026, 12, 3),
        slot=Slot(day=date(2026, 12, 3), start=time(10), end=time(12)),
    )
    async with somebody(
        application__list_applications=ApplicationList(items=(line,), next="b2xkZXI=")
    ) as person:
        first = await person.open("/applications")
        person.client.answers["application.list_applications"] = ApplicationList(items=(line,))
        second = await person.open("/applications?after=b2xkZXI%3D")
        asked = person.client.last("application.list_applications")[1]
        named = line.model_copy(update={"name": "Gurpreet Kaur"})
        person.client.answers["application.list_applications"] = ApplicationList(items=(named,))
        opened = await person.open("/applications")
    assert "Thursday, 3 December 2026, 10:00 am – 12:00 pm" in first.text
    assert "Home" in first.text
    assert "Gurpreet" not in first.text
    assert "Gurpreet Kaur · Home" in opened.text
    assert 'href="/en/applications?after=b2xkZXI%3D"' in first.text
    assert asked.after == "b2xkZXI="
    assert "Older" not in second.text


async def test_an_application_shows_nothing_before_the_last_four_were_entered() -> None:
    async with somebody(**closed(application(status="issued", pass_=good_pass()))) as person:
        for inner in ("", "/qr", "/cancel", "/dates", "/complete"):
            shown = await person.open(f"{PAGE}{inner}")
            assert 'name="id_last4"' in shown.text
            assert "Gurpreet" not in shown.text
        for inner in ("/cancel", "/dates", "/complete", "/again", "/resend"):
            refused = await person.send(
                f"{PAGE}{inner}",
                key="k",
                cancel="yes",
                purpose="x",
                **{"date-0": "2026-12-03", "from-0": "10:00", "to-0": "11:00"},
            )
            assert 'name="id_last4"' in refused.text
    assert {name for name, _, _, key in person.client.asked if key} == set(), "no command was given"


async def test_after_too_many_wrong_last_fours_the_page_says_when_to_try_again() -> None:
    async with somebody(application__open=TooManyAttempts("too many", retry_after=3_590)) as person:
        late = await person.send(f"{PAGE}/open", id_last4="4821")
    assert (late.status_code, late.headers["retry-after"]) == (429, "3590")
    assert "Try again in 60 minutes" in late.text


# --------------------------------------------------------------------- the pass


async def test_a_pass_that_opens_the_gate_shows_its_qr(reader: Reader) -> None:
    start = (now() + timedelta(days=1)).replace(hour=5, minute=0)
    reader.client.answers["application.view"] = application(
        status="issued", pass_=good_pass(valid_from=start, valid_to=start + timedelta(hours=3))
    )
    assert f"{PAGE}/qr" in (await reader.open(PAGE)).text
    shown = await reader.open(f"{PAGE}/qr")
    assert "<svg" in shown.text
    assert "7K3M 9QW3" in shown.text
    assert f"{start:%A}, {start.day} {start:%B %Y}, 11:00 am – 1:00 pm" in shown.text, (
        "the visit, not when the gate is open"
    )
    assert shown.text.count("You can come up to 30 minutes early") == 1
    assert reader.client.last("issuance.qr")[1].number == NUMBER


async def test_a_pass_for_several_days_shows_them_and_its_qr_until_the_last(reader: Reader) -> None:
    start = (now() - timedelta(days=2)).replace(hour=5, minute=0)
    further = tuple((start + timedelta(days=days)).date() for days in (1, 3))
    good = good_pass(valid_from=start, valid_to=start + timedelta(hours=3), further_days=further)
    reader.client.answers["application.view"] = application(status="left", pass_=good)
    shown = await reader.open(f"{PAGE}/qr")
    assert "<svg" in shown.text
    assert "each day 11:00 am – 1:00 pm" in shown.text
    over = good.model_copy(update={"further_days": further[:1]})
    reader.client.answers["application.view"] = application(status="left", pass_=over)
    assert "<svg" not in (await reader.open(f"{PAGE}/qr")).text


@pytest.mark.parametrize("over", [{"revoked": True}, {"valid_to": AT - timedelta(days=900)}])
async def test_a_pass_that_is_over_shows_no_qr(reader: Reader, over: dict[str, Any]) -> None:
    reader.client.answers["application.view"] = application(status="issued", pass_=good_pass(**over))
    shown = await reader.open(f"{PAGE}/qr")
    assert shown.url.path == f"/en{PAGE}"
    assert "<svg" not in shown.text
    assert not reader.client.was_asked("issuance.qr")


async def test_sending_the_message_again_shows_a_notice(reader: Reader) -> None:
    reader.client.answers |= {
        "application.view": application(status="issued", pass_=good_pass()),
        "notify.resend": Nothing(),
    }
    key = key_of((await reader.open(PAGE)).text)
    assert "The message was sent again." in (await reader.send(f"{PAGE}/resend", key=key)).text
    assert reader.client.last("notify.resend")[3] == key
    reader.client.answers["notify.resend"] = TooManyAttempts(retry_after=301)
    late = await reader.send(f"{PAGE}/resend", key="another")
    assert "sent again too many times. Try again in 6 minutes." in " ".join(late.text.split())
    reader.client.answers["notify.resend"] = Conflict("over", code="pass_expired")
    over = await reader.send(f"{PAGE}/resend", key="third")
    assert "This pass has expired" in over.text
    assert [one.url.path for one in (late, over)] == [f"/en{PAGE}"] * 2, "an address that may be shown again"


# --------------------------------------------------------------------- changing
