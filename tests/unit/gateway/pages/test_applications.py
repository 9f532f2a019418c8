"""The pages after applying: timeline, holder, pass, and the changes of the applicant."""

import re
from collections.abc import AsyncIterator
from datetime import date, time, timedelta
from typing import Any
from uuid import uuid4

import pytest

from contracts.crockford import new_reference
from contracts.errors import Conflict, FieldError, InvalidInput, NotFound, TooManyAttempts, Unavailable
from contracts.model import Companion, Official, Person, Slot
from contracts.rpc.accounts import ApplicantSession, OtpAccepted
from contracts.rpc.application import (
    Acknowledged,
    ApplicationList,
    Durations,
    HistoryLine,
    LookupHit,
    LookupHits,
    PassSummary,
    StatusView,
)
from contracts.rpc.approval import Availability, DecisionView, EarlierReview, ReviewList, Whereabouts
from contracts.rpc.call import Nothing
from contracts.visiting_rules import ClosedWish
from services.chassis.runtime.clock import now
from services.gateway.pages.shared.waiting_times import within
from tests.support.factories.gateway import NUMBER, REFERENCE, TableClient, browser, claims, signed
from tests.support.factories.pages import AT, REVIEW_ID, SECOND, application, happened, review
from tests.support.system.page_reader import Reader, closed, hidden, stub

PAGE = f"/applications/{REFERENCE}"


def good_pass(**given: Any) -> PassSummary:
    return PassSummary(
        **{"number": NUMBER, "valid_from": now(), "valid_to": now() + timedelta(hours=3), **given}
    )


def wait(half: int | None = 3 * 3600, most: int | None = 2 * 86400) -> Durations:
    return Durations(answered=40, half_within=half, nearly_all_within=most)


@pytest.fixture
async def reader() -> AsyncIterator[tuple[Reader, TableClient]]:
    """Yield an applicant whose application is open; the department has it."""
    app, client = stub(application__view=application(), application__durations=wait())
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("applicant")))
        yield Reader(http), client


def key_of(text: str) -> str:
    found = re.search(r'name="key" value="([^"]+)"', text)
    assert found is not None
    return found[1]


# ---------------------------------------------------------------- the timeline


async def test_the_timeline_shows_every_entry_with_its_details(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    client.answers["application.view"] = application(
        status="rejected",
        reason="no_appointment",
        note="Come with the file",
        timeline=(
            happened("submitted"),
            happened("message_delivered", 1, purpose="application_submitted", channel="whatsapp"),
            happened(
                "message_arrived",
                2,
                purpose="application_submitted",
                channel="whatsapp",
                possible_duplicate=1,
            ),
            happened("message_read", 3, purpose="application_submitted", channel="whatsapp"),
            happened("escalated", 240, level=1, department="home", step="stand_in"),
            happened("rejected", 300, department="home", revision=1, reason="no_appointment"),
            happened(
                "message_failed",
                301,
                purpose="rejected",
                channel="whatsapp",
                reason="unconfirmed",
                next="sms",
            ),
            happened("message_failed", 302, purpose="rejected", channel="sms", reason="expired"),
        ),
    )
    text = (await person.open(PAGE)).text
    entries = [
        re.sub(r"<[^>]+>|\s+", " ", item) for item in re.findall(r"<li><time.*?</li>", text, re.DOTALL)
    ]
    wanted = [
        ("1 December 2026, 10:30 am", "Application sent"),
        ("The message was sent", "Confirmation of your application, by WhatsApp"),
        (
            "The message was delivered",
            "Confirmation of your application, by WhatsApp",
            "You may have got it twice",
        ),
        ("The message was read", "Confirmation of your application, by WhatsApp"),
        ("The visit is near: the officer&#39;s stand-in was asked to decide", "Home"),
        ("The department did not approve", "Home", "There is no appointment", "Come with the file"),
        (
            "The message could not be delivered",
            "Nobody has confirmed that it arrived",
            "It is sent again, by SMS",
        ),
        (
            "The message could not be delivered",
            "Notice that the department did not approve, by SMS",
            "It was too late to send it",
        ),
    ]
    assert [
        [part for part in parts if part not in item] for item, parts in zip(entries, wanted, strict=True)
    ] == [[]] * len(wanted)
    assert "Reason:" in text


async def test_the_timeline_shows_gates_counts_and_the_end_of_a_pass(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    client.answers["application.view"] = application(
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
    text = (await person.open(PAGE)).text
    for words in (
        "Gate 1, 3 people",
        "Gate 2, 1 person<",
        "For security reasons",
        "At the reception counter",
        "Other dates asked for",
    ):
        assert words in text
    assert "something_new" in text, "a word that the pages do not know is shown rather than lost"


async def test_the_holder_of_an_application_comes_from_approval(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    client.answers["approval.whereabouts"] = Whereabouts(department="finance", since=AT + timedelta(hours=1))
    assert "Now with: finance, since 1 December 2026, 11:30 am" in (await person.open(PAGE)).text
    client.answers["approval.whereabouts"] = Unavailable("down")
    assert "Now with: Home, since 1 December 2026, 10:30 am" in (await person.open(PAGE)).text, (
        "else where it was sent"
    )


async def test_a_returned_application_is_held_by_the_applicant(reader: tuple[Reader, TableClient]) -> None:
    person, client = reader
    client.answers["application.view"] = application(
        status="returned",
        note="Which file?",
        timeline=(happened("submitted"), happened("returned", 30, department="home")),
    )
    client.asked.clear()
    text = (await person.open(PAGE)).text
    assert "with you since 1 December 2026, 11:00 am" in text
    assert text.count("Which file?") == 2, "as what is missing, and beside what happened"
    assert not client.was_asked("approval.whereabouts")


async def test_an_issued_visit_that_lost_a_day_says_which_and_why_and_its_pass_stays(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    client.answers["application.view"] = application(
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
    text = (await person.open(PAGE)).text
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
    reader: tuple[Reader, TableClient], dates: tuple[int, ...], sentence: str
) -> None:
    person, client = reader
    wish = ClosedWish(
        day=date(2026, 12, 1), closed_by="site", reason="Gurpurab", reason_translations={"pa": "ਗੁਰਪੁਰਬ"}
    )
    preferred = tuple(Slot(day=date(2026, 12, day), start=time(10), end=time(12)) for day in dates)
    waiting = application(status="submitted", preferred=preferred, closed_wishes=(wish,))
    client.answers["application.view"] = waiting
    text = (await person.open(PAGE)).text
    assert "On Tuesday, 1 December 2026 the secretariat is closed." in text
    assert "Gurpurab" in text
    assert sentence in text
    assert text.count("/dates") == 1
    assert "ਗੁਰਪੁਰਬ" in (await person.http.get(f"/pa{PAGE}")).text
    assert "Gurpurab" in (await person.http.get(f"/hi{PAGE}")).text, "no other text is there"


async def test_a_visitor_who_was_sent_back_reads_that_the_day_is_open_again() -> None:
    view = application(
        status="returned",
        closed_day=date(2026, 12, 1),
        day_reopened=True,
        timeline=(happened("submitted"), happened("day_reopened", 30, department="home")),
    )
    line = HistoryLine(**view.model_dump(include=set(HistoryLine.model_fields) - {"pass_"}))
    facts = view.model_dump(include=set(StatusView.model_fields))
    app, _client = stub(
        **closed(view),
        application__list_applications=ApplicationList(items=(line,)),
        application__status=StatusView(**facts),
    )
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("applicant")))
        person = Reader(http)
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


async def test_usual_waiting_times_are_shown_and_fetched_once_a_minute(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    for _ in range(3):
        assert (
            "half of its applications within 3 hours, and nearly all of them within 2 days"
            in (await person.open(PAGE)).text
        )
    assert sum(name == "application.durations" for name, *_ in client.asked) == 1


async def test_waiting_times_that_are_the_same_are_one_sentence() -> None:
    found = StatusView(
        reference=REFERENCE, status="submitted", site="PCS1", department="home",
        timeline=(happened("submitted"),),
    )  # fmt: skip
    app, _client = stub(application__status=found, application__durations=wait(half=20, most=50))
    async with browser(app) as http:
        text = (await Reader(http).send("/status", reference=REFERENCE, mobile_last4="3210")).text
    assert "This department answers nearly all of its applications within 1 minute." in text
    assert text.count("within 1 minute") == 1


async def test_an_opened_application_shows_what_was_answered(reader: tuple[Reader, TableClient]) -> None:
    person, client = reader
    client.answers["application.view"] = application(
        officer="baldev", vehicle="PB65AB1234", assistance="guide",
        companions=(Companion(name="Harjit Singh", id_type="pan", id_last4="0917"),
                    Companion(name="Simran", child=True)),
    )  # fmt: skip
    text = (await person.open(PAGE)).text
    for answer in (
        "Gurpreet Kaur", "Baldev Singh, Clerk", "A meeting: Arms licence renewal",
        "Harjit Singh (PAN card)",
        "Simran (Child)", "PB65AB1234", "Someone to guide me",
        "Thursday, 3 December 2026, 10:00 am – 12:00 pm",
    ):  # fmt: skip
        assert answer in text
    client.answers["approval.officers"] = Unavailable("down")
    assert "baldev" in (await person.open(PAGE)).text, "its code, while the directory is away"


async def test_what_was_answered_needs_the_last_four_of_the_id_card() -> None:
    app, _ = stub(**closed(application(vehicle="PB65AB1234")))
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("applicant")))
        asked = await Reader(http).open(PAGE)
    assert "Arms licence" not in asked.text
    assert "PB65AB1234" not in asked.text


@pytest.mark.parametrize("answer", [Durations(answered=2), Unavailable("down")])
async def test_without_known_waiting_times_the_page_leaves_them_out(answer: Any) -> None:
    app, _ = stub(
        application__view=application(applicant=Person(name="G", name_latin="G")),
        application__durations=answer,
    )
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("applicant")))
        shown = await Reader(http).open(PAGE)
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


async def test_the_confirmation_shows_the_usual_waiting_time(reader: tuple[Reader, TableClient]) -> None:
    person, _ = reader
    done = await person.send("/apply/check", **hidden(await person.answer()))
    assert done.url.path == "/en/apply/done"
    assert "half of its applications within 3 hours" in done.text


# ------------------------------------------------------------- status by reference


async def test_a_wrong_reference_and_a_wrong_last_four_get_the_same_answer() -> None:
    found = StatusView(
        reference=REFERENCE,
        status="submitted",
        site="PCS1",
        department="home",
        timeline=(happened("submitted"),),
    )

    def answer(asked: Any) -> StatusView:
        if (asked.reference, asked.mobile_last4) != (REFERENCE, "3210"):
            raise NotFound("there is no such application")
        return found

    app, client = stub(application__status=answer, application__durations=wait())
    async with browser(app) as http:
        person = Reader(http)
        right = await person.send("/status", reference=REFERENCE, mobile_last4="3210")
        wrong = [
            await person.send("/status", reference=reference, mobile_last4=last4)
            for reference, last4 in ((REFERENCE, "0000"), ("PCS-0000-0000", "3210"))
        ]
    assert right.status_code == 200
    assert "Now with: Home" in right.text
    assert "within 3 hours" in right.text
    plain = [re.sub(r'value="[^"]*"', "", one.text) for one in wrong]
    assert (wrong[0].status_code, wrong[1].status_code) == (422, 422)
    assert plain[0] == plain[1]
    assert "There is no application with this reference and this mobile number" in plain[0]
    assert sum(name == "approval.whereabouts" for name, *_ in client.asked) == 1, "of the right one only"


async def test_who_got_the_messages_of_somebody_else_stops_them_after_the_digits_were_checked() -> None:
    found = StatusView(
        reference=REFERENCE,
        status="issued",
        site="PCS1",
        department="home",
        timeline=(happened("submitted"),),
    )
    app, client = stub(application__status=found, notify__wrong_number=Nothing())
    async with browser(app) as http:
        person = Reader(http)
        assert (await person.send("/status/result")).url.path == "/en/status"
        assert not client.was_asked("notify.wrong_number"), "nobody has typed the digits"
        await person.send("/status", reference=REFERENCE, mobile_last4="3210")
        stopped = await person.send("/status/result")
    assert client.last("notify.wrong_number")[1].mobile_last4 == "3210"
    assert "No more messages about this application are sent to your number." in stopped.text


async def test_a_status_has_an_address_that_can_be_shown_again_in_another_language() -> None:
    found = StatusView(
        reference=REFERENCE,
        status="issued",
        site="PCS1",
        department="home",
        timeline=(happened("submitted"),),
    )
    app, client = stub(application__status=found)
    async with browser(app) as http:
        person = Reader(http)
        shown = await person.send("/status", reference=REFERENCE, mobile_last4="3210")
        again = await http.get(shown.url.path.replace("/en/", "/pa/"))
        stranger = await browser(app).get("/en/status/result")
        await person.send("/sign-out")
        cleared = await http.get("/en/status/result")
    assert shown.url.path == "/en/status/result"
    assert "3210" not in str(shown.url)
    assert REFERENCE in again.text
    assert client.last("application.status")[1].mobile_last4 == "3210"
    for other in (stranger, cleared):
        assert other.headers["location"] == "/en/status"


async def test_the_link_of_a_message_fills_in_the_reference_and_opens_nothing() -> None:
    app, client = stub()
    reference = new_reference()
    async with browser(app) as http:
        person = Reader(http)
        real, made_up = [await person.open(f"/s/{one}") for one in (reference, "PCS-0000-0000")]
        typed = await person.open(f"/s/{reference.lower().replace('-', '')}")
        wrong = await person.open("/s/%3Cb%3E")
    assert real.status_code == wrong.status_code == 200
    assert f'value="{reference}"' in real.text
    assert 'action="/en/status"' in real.text
    assert 'id="mobile_last4"' in real.text
    assert "noindex" in real.headers["x-robots-tag"]
    assert real.text.replace(reference, "PCS-0000-0000") == made_up.text
    assert f'value="{reference}"' in typed.text, "however it is written"
    assert 'value="&lt;b&gt;"' in wrong.text
    assert client.asked == [], "nothing is looked up"


@pytest.mark.parametrize(
    ("status", "words", "page"),
    [
        ("rejected", "To read what the department wrote", ""),
        ("returned", "To complete the application", "/complete"),
    ],
)
async def test_the_status_of_a_decision_leads_to_the_words_of_the_department(
    status: str, words: str, page: str
) -> None:
    found = StatusView(
        reference=REFERENCE, status=status, site="PCS1", department="home", timeline=(happened(status),)
    )
    app, _client = stub(application__status=found)
    async with browser(app) as http:
        shown = await Reader(http).send("/status", reference=REFERENCE, mobile_last4="3210")
        http.cookies.set("session", signed(claims("applicant")))
        after_signing_in = await http.get(f"/en/sign-in?to=applications/{REFERENCE}{page}")
    assert words in shown.text
    assert shown.text.index('name="to"') < shown.text.index("What happened"), "the action is on top"
    assert hidden(shown)["to"] == f"applications/{REFERENCE}{page}"
    assert after_signing_in.headers["location"] == f"/en{PAGE}{page}"


async def test_the_link_of_a_message_leads_straight_to_another_date_with_one_code() -> None:
    view = application(status="returned", closed_day=date(2026, 12, 3), closure_reason="officer_away")
    found = StatusView(
        reference=REFERENCE, status="returned", site="PCS1", department="home", timeline=view.timeline,
        closed_day=view.closed_day,
    )  # fmt: skip
    app, client = stub(
        application__status=found,
        **closed(view),
        accounts__request_otp=OtpAccepted(request_id=uuid4(), resend_after=30),
        accounts__verify_otp=ApplicantSession(
            access_token=signed(claims("applicant")), expires_at=now() + timedelta(hours=1)
        ),
    )
    async with browser(app) as http:
        person = Reader(http)
        status = await person.send("/status", reference=REFERENCE, mobile_last4="3210")
        code = await person.send("/sign-in", mobile="9876543210", **hidden(status))
        card = await person.send("/sign-in/code", code="123456")
        wrong = await person.send(f"{PAGE}/open", id_last4="0000", **hidden(card))
        dates = await person.send(f"{PAGE}/open", id_last4="4821", **hidden(wrong))
        again = await person.send("/status", reference=REFERENCE, mobile_last4="3210")
    assert "Another date is needed" in status.text
    assert "ends in 3210" in status.text
    assert code.url.path == "/en/sign-in/code"
    assert 'id="id_last4"' in card.text
    assert "Arms licence" not in card.text
    assert (wrong.status_code, dates.url.path) == (422, f"/en{PAGE}/dates")
    assert "Choose other dates" in dates.text
    assert f'href="/en{PAGE}/dates"' in again.text, "who is signed in needs no code at all"
    assert sum(name == "accounts.request_otp" for name, *_ in client.asked) == 1


async def test_the_desk_says_that_a_closed_day_is_offered_again() -> None:
    decision = DecisionView(
        status="returned",
        decided_by="HOM-0001",
        decided_at=now(),
        closed_day=date(2026, 12, 3),
        day_reopened=True,
    )
    sent_back = review(status="returned", decision=decision)
    app, _client = stub(
        approval__list_reviews=ReviewList(items=(sent_back,)), approval__view_review=sent_back
    )
    async with browser(app) as http:
        http.cookies.set("session", signed(claims(role="department")))
        person = Reader(http)
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
    app, _client = stub(
        application__view=view, application__lookup=hits, application__waiting_here=hits,
        application__list_applications=ApplicationList(items=(HistoryLine(**facts | {"pass": None}),)),
        application__status=StatusView(**facts, timeline=view.timeline),
        approval__list_reviews=ReviewList(items=(sent_back,)), approval__view_review=sent_back,
    )  # fmt: skip
    shown = {}
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("applicant")))
        person = Reader(http)
        shown["application"] = await person.open(PAGE)
        shown["history"] = await person.open("/applications")
        shown["status"] = await person.send("/status", reference=REFERENCE, mobile_last4="3210")
        http.cookies.set("session", signed(claims(role="reception", department=None, site="PCS1")))
        shown["lookup"] = await person.send("/counter/lookup", q="Gurpreet")
        shown["counter"] = await person.open(f"/counter/applications/{REFERENCE}")
        http.cookies.set("session", signed(claims(role="department")))
        shown["desk"] = await person.open("/desk?status=returned")
        shown["review"] = await person.open(f"/desk/reviews/{REVIEW_ID}")
    tags = {
        page: set(re.findall(r'<strong class="govuk-tag govuk-tag--yellow">([^<]*)</strong>', one.text))
        for page, one in shown.items()
    }
    assert tags == {page: {"Another date is needed"} for page in shown}


async def test_whose_day_was_closed_has_had_the_application_since_then(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    client.answers["application.view"] = application(
        status="returned",
        closed_day=date(2026, 12, 3),
        closure_reason="officer_away",
        timeline=(
            happened("submitted"),
            happened("day_closed", 30, department="home"),
            happened("left", 90, gate="PCS1-G1", count=1, inside=0),
        ),
    )
    assert "with you since 1 December 2026, 11:00 am" in (await person.open(PAGE)).text


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
    app, client = stub(application__list_applications=ApplicationList(items=(line,), next="b2xkZXI="))
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("applicant")))
        person = Reader(http)
        first = await person.open("/applications")
        client.answers["application.list_applications"] = ApplicationList(items=(line,))
        second = await person.open("/applications?after=b2xkZXI%3D")
        asked = client.last("application.list_applications")[1]
        named = line.model_copy(update={"name": "Gurpreet Kaur"})
        client.answers["application.list_applications"] = ApplicationList(items=(named,))
        opened = await person.open("/applications")
    assert "Thursday, 3 December 2026, 10:00 am – 12:00 pm" in first.text
    assert "Home" in first.text
    assert "Gurpreet" not in first.text
    assert "Gurpreet Kaur · Home" in opened.text
    assert 'href="/en/applications?after=b2xkZXI%3D"' in first.text
    assert asked.after == "b2xkZXI="
    assert "Older" not in second.text


async def test_an_application_shows_nothing_before_the_last_four_were_entered() -> None:
    app, client = stub(**closed(application(status="issued", pass_=good_pass())))
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("applicant")))
        person = Reader(http)
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
    assert {name for name, _, _, key in client.asked if key} == set(), "no command was given"


async def test_after_too_many_wrong_last_fours_the_page_says_when_to_try_again() -> None:
    app, _ = stub(application__open=TooManyAttempts("too many", retry_after=3_590))
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("applicant")))
        late = await Reader(http).send(f"{PAGE}/open", id_last4="4821")
    assert (late.status_code, late.headers["retry-after"]) == (429, "3590")
    assert "Try again in 60 minutes" in late.text


async def test_applying_again_starts_with_the_old_answers_and_asks_for_the_dates_only(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    client.answers["application.view"] = application(
        status="left", officer="baldev", vehicle="PB65AB1234", assistance="guide", deliver_by="whatsapp",
        companions=(Companion(name="Harjit Singh", id_type="driving_licence"),
        Companion(name="Simran", child=True)),
    )  # fmt: skip
    asked = await person.send(f"{PAGE}/again")
    assert asked.url.path == "/en/apply/when"
    day = now().date().isoformat()
    checked = await person.send("/apply/when", **{"date-0": day, "from-0": "10:00", "to-0": "12:00"})
    assert checked.url.path == "/en/apply/check"
    await person.send("/apply/check", **hidden(checked))
    request = client.last("application.submit")[1]
    assert request.like == REFERENCE, "whose ID cards the service takes"
    assert (request.applicant.name, request.applicant.id_last4, request.officer, request.vehicle) == (
        "Gurpreet Kaur",
        "",
        "baldev",
        "PB65AB1234",
    )
    assert (request.applicant.assistance, request.applicant.deliver_by, request.purpose) == (
        "guide",
        "whatsapp",
        "Arms licence renewal",
    )
    assert [(one.name, one.id_last4, one.child) for one in request.companions] == [
        ("Harjit Singh", "", False),
        ("Simran", None, True),
    ]


async def test_applying_again_fills_in_an_office_and_asks_for_answers_not_offered_here(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    office = Official(organisation="Punjab Mandi Board", designation="Engineer", employee_no="P-1")
    client.answers["application.view"] = application(
        status="left", deliver_by="printed",
        companions=tuple(Companion(name=f"C{number}", child=True) for number in range(7)),
        applicant=Person(name="G", name_latin="G", id_type="voter_id", official=office),
    )  # fmt: skip
    await person.send(f"{PAGE}/again")
    asked = await person.send(
        "/apply/when", **{"date-0": now().date().isoformat(), "from-0": "10:00", "to-0": "12:00"}
    )
    assert asked.url.path == "/en/apply/companions"
    asked = await person.send("/apply/companions", more="no", vehicle="", assistance="", deliver_by="sms")
    assert asked.url.path == "/en/apply/check"
    assert "Punjab Mandi Board" in asked.text


# --------------------------------------------------------------------- the pass


async def test_a_pass_that_opens_the_gate_shows_its_qr(reader: tuple[Reader, TableClient]) -> None:
    person, client = reader
    start = (now() + timedelta(days=1)).replace(hour=5, minute=0)
    client.answers["application.view"] = application(
        status="issued", pass_=good_pass(valid_from=start, valid_to=start + timedelta(hours=3))
    )
    assert f"{PAGE}/qr" in (await person.open(PAGE)).text
    shown = await person.open(f"{PAGE}/qr")
    assert "<svg" in shown.text
    assert "7K3M 9QW3" in shown.text
    assert f"{start:%A}, {start.day} {start:%B %Y}, 11:00 am – 1:00 pm" in shown.text, (
        "the visit, not when the gate is open"
    )
    assert shown.text.count("You can come up to 30 minutes early") == 1
    assert client.last("issuance.qr")[1].number == NUMBER


async def test_a_pass_for_several_days_shows_them_and_its_qr_until_the_last(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    start = (now() - timedelta(days=2)).replace(hour=5, minute=0)
    further = tuple((start + timedelta(days=days)).date() for days in (1, 3))
    good = good_pass(valid_from=start, valid_to=start + timedelta(hours=3), further_days=further)
    client.answers["application.view"] = application(status="left", pass_=good)
    shown = await person.open(f"{PAGE}/qr")
    assert "<svg" in shown.text
    assert "each day 11:00 am – 1:00 pm" in shown.text
    over = good.model_copy(update={"further_days": further[:1]})
    client.answers["application.view"] = application(status="left", pass_=over)
    assert "<svg" not in (await person.open(f"{PAGE}/qr")).text


@pytest.mark.parametrize("over", [{"revoked": True}, {"valid_to": AT - timedelta(days=900)}])
async def test_a_pass_that_is_over_shows_no_qr(
    reader: tuple[Reader, TableClient], over: dict[str, Any]
) -> None:
    person, client = reader
    client.answers["application.view"] = application(status="issued", pass_=good_pass(**over))
    shown = await person.open(f"{PAGE}/qr")
    assert shown.url.path == f"/en{PAGE}"
    assert "<svg" not in shown.text
    assert not client.was_asked("issuance.qr")


async def test_sending_the_message_again_shows_a_notice(reader: tuple[Reader, TableClient]) -> None:
    person, client = reader
    client.answers |= {
        "application.view": application(status="issued", pass_=good_pass()),
        "notify.resend": Nothing(),
    }
    key = key_of((await person.open(PAGE)).text)
    assert "The message was sent again." in (await person.send(f"{PAGE}/resend", key=key)).text
    assert client.last("notify.resend")[3] == key
    client.answers["notify.resend"] = TooManyAttempts(retry_after=301)
    late = await person.send(f"{PAGE}/resend", key="another")
    assert "sent again too many times. Try again in 6 minutes." in " ".join(late.text.split())
    client.answers["notify.resend"] = Conflict("over", code="pass_expired")
    over = await person.send(f"{PAGE}/resend", key="third")
    assert "This pass has expired" in over.text
    assert [one.url.path for one in (late, over)] == [f"/en{PAGE}"] * 2, "an address that may be shown again"


@pytest.mark.parametrize("verb", ["open", "again", "resend"])
async def test_the_address_of_a_sent_form_leads_back_to_the_application(
    reader: tuple[Reader, TableClient], verb: str
) -> None:
    person, _ = reader
    shown = await person.open(f"{PAGE}/{verb}")
    assert (shown.status_code, shown.url.path) == (200, f"/en{PAGE}")


# --------------------------------------------------------------------- changing


async def test_a_visit_is_cancelled_only_after_a_confirmation(reader: tuple[Reader, TableClient]) -> None:
    person, client = reader
    client.answers["application.cancel"] = Acknowledged(reference=REFERENCE, status="cancelled")
    asked = await person.open(f"{PAGE}/cancel")
    key = key_of(asked.text)
    assert (await person.send(f"{PAGE}/cancel", key=key)).status_code == 422
    assert (await person.send(f"{PAGE}/cancel", key=key, cancel="no")).url.path == f"/en{PAGE}"
    assert not client.was_asked("application.cancel")
    assert "Your visit is cancelled." in (await person.send(f"{PAGE}/cancel", key=key, cancel="yes")).text
    assert client.last("application.cancel")[3] == key
    client.answers["application.cancel"] = Conflict("ended", code="cannot_cancel")
    assert "no longer possible" in (await person.send(f"{PAGE}/cancel", key=key, cancel="yes")).text


SLOT = {"date-0": "2026-12-04", "from-0": "11:00", "to-0": "13:00"}


async def test_other_dates_are_asked_for_while_the_department_decides(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    client.answers["application.amend"] = Acknowledged(reference=REFERENCE, status="submitted")
    key = key_of((await person.open(f"{PAGE}/dates")).text)
    assert "The department has your new dates." in (await person.send(f"{PAGE}/dates", key=key, **SLOT)).text
    _, request, _, used = client.last("application.amend")
    assert request.model_dump(exclude_none=True).keys() == {"reference", "preferred"}, "nothing but the dates"
    assert (request.preferred[0].day, used) == (date(2026, 12, 4), key)
    client.answers["application.amend"] = InvalidInput(
        fields=(FieldError(field="preferred.0.date", code="closed_day"),)
    )
    refused = await person.send(f"{PAGE}/dates", key=key, **SLOT)
    assert (refused.status_code, 'href="#date-0"' in refused.text, key in refused.text) == (422, True, False)
    day = {"day": SLOT["date-0"], "windows": [{"start": "11:00", "end": "13:00", "places": 5, "free": 0}]}
    client.answers["approval.availability"] = Availability.model_validate({"limited": True, "days": [day]})
    full = await person.send(f"{PAGE}/dates", key=key, **SLOT)
    assert (full.status_code, "There are not enough free places at this time" in full.text) == (422, True)
    client.answers["approval.availability"] = Availability(limited=False)
    client.answers["application.amend"] = Conflict("decided", code="cannot_amend")
    assert "no longer possible" in (await person.send(f"{PAGE}/dates", key=key, **SLOT)).text


async def test_other_dates_are_not_offered_after_a_decision(reader: tuple[Reader, TableClient]) -> None:
    person, client = reader
    assert f"{PAGE}/dates" in (await person.open(PAGE)).text
    client.answers["application.view"] = application(status="approved")
    assert f"{PAGE}/dates" not in (await person.open(PAGE)).text
    assert (await person.open(f"{PAGE}/dates")).url.path == f"/en{PAGE}"


RETURNED: dict[str, Any] = {
    "status": "returned", "note": "Which file?", "officer": "baldev", "vehicle": "PB65AB1234",
    "companions": (Companion(name="Harjit Singh", id_type="driving_licence"),
    Companion(name="Simran", child=True)),
}  # fmt: skip


async def test_a_returned_application_is_completed_in_a_filled_in_form(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    client.answers |= {
        "application.view": application(**RETURNED),
        "application.amend": Acknowledged(reference=REFERENCE, status="submitted"),
    }  # fmt: skip
    asked = await person.open(f"{PAGE}/complete")
    for filled in (
        "Which file?",
        "Arms licence renewal",
        'value="PB65AB1234"',
        'value="Harjit Singh"',
        "Leave this empty if the card is the same as before.",
        'value="Simran"',
    ):
        assert filled in asked.text
    assert '<option value="baldev" selected>' in asked.text
    form = {
        "purpose": "File 114/2026", "officer": "", "vehicle": "", "name-0": "Harjit Singh",
        "id_type-0": "passport", "id_last4-0": "1111",
        "name-1": "", "child-1": "yes", "name-3": "Asha", "child-3": "yes",
    }  # fmt: skip
    done = await person.send(f"{PAGE}/complete", key=key_of(asked.text), **form, **SLOT)
    assert "with the department again" in done.text
    same = {"name-0": "Harjit Singh", "id_type-0": "driving_licence", "id_last4-0": ""}
    await person.send(f"{PAGE}/complete", key="k", purpose="x", **same, **SLOT)
    (unchanged,) = client.last("application.amend")[1].companions
    assert (unchanged.id_type, unchanged.id_last4) == ("driving_licence", None)
    await person.send(f"{PAGE}/complete", key=key_of(asked.text), **form, **SLOT)
    request = client.last("application.amend")[1]
    assert (request.purpose, request.officer, request.vehicle) == ("File 114/2026", "", "")
    assert [(one.name, one.id_type, one.id_last4, one.child) for one in request.companions] == [
        ("Harjit Singh", "passport", "1111", False), ("Asha", None, None, True),
    ]  # fmt: skip


async def test_a_problem_found_by_the_service_is_shown_beside_its_field(
    reader: tuple[Reader, TableClient],
) -> None:
    person, client = reader
    found = {
        "companions.1.id_last4": "full_number",
        "vehicle": "vehicle_invalid",
        "preferred.0.to": "window_over",
        "officer": "unknown_officer",
    }
    client.answers |= {
        "application.view": application(**RETURNED),
        "application.amend": InvalidInput(
            fields=tuple(FieldError(field=field, code=code) for field, code in found.items())
        ),
    }
    form = {"purpose": "x", "officer": "baldev", "vehicle": "?", "name-2": "Asha", "id_type-2": "aadhaar",
    "id_last4-2": "499118665246",
            "name-0": "Harjit", "id_type-0": "passport", "id_last4-0": "1111"}  # fmt: skip
    refused = await person.send(f"{PAGE}/complete", key="k", **form, **SLOT)
    assert refused.status_code == 422
    for field in ("id_last4-1", "vehicle", "to-0", "officer"):
        assert f'href="#{field}"' in refused.text
        assert f'id="{field}-error"' in refused.text
    assert 'value="Asha"' in refused.text
    missing = await person.send(f"{PAGE}/complete", key="k", **{**form, "purpose": "", "name-0": ""}, **SLOT)
    assert 'href="#purpose"' in missing.text
    assert 'href="#name-0"' in missing.text


async def test_a_masked_aadhaar_number_shows_a_notice(reader: tuple[Reader, TableClient]) -> None:
    person, client = reader
    client.answers |= {
        "application.view": application(**RETURNED),
        "application.amend": Acknowledged(reference=REFERENCE, status="submitted", masked=("purpose",)),
    }
    done = await person.send(f"{PAGE}/complete", key="k", purpose="x", **SLOT)
    assert "You wrote an Aadhaar number" in done.text


async def test_an_unknown_notice_in_the_address_is_not_shown(reader: tuple[Reader, TableClient]) -> None:
    person, _ = reader
    assert "govuk-notification-banner" in (await person.open(f"{PAGE}?notice=dates")).text
    assert "govuk-notification-banner" not in (await person.open(f"{PAGE}?notice=paid")).text


@pytest.mark.parametrize(
    ("language", "words"), [("en", "20 applications are open"), ("pa", "20 ਅਰਜ਼ੀਆਂ"), ("hi", "20 आवेदन")]
)
async def test_a_mobile_with_too_many_open_applications_reads_what_to_do(language: str, words: str) -> None:
    app, _ = stub(application__view=Conflict(code="too_many_open", most=20))
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("applicant")))
        shown = await http.get(f"/{language}/applications/{REFERENCE}")
    assert (shown.status_code, words in shown.text) == (409, True)
