"""What may be decided about a review, and the event of each decision. No database."""

from contextlib import suppress
from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import Conflict, InvalidInput
from contracts.events import ClosedDay
from contracts.visiting_rules import Calendar
from services.approval.domain import reviews, visits
from services.approval.domain.reviews import Decision, Outcome
from tests.support.factories.approval import (
    MONDAY,
    NOW,
    TUESDAY,
    capacity,
    department,
    officer,
    personal,
    review,
    site,
    slot,
    submitted,
)

DECIDED = Decision("HOM-0002", NOW)
AADHAAR = "2341 2341 2346"
T1 = site()


def approve(about, where=T1, revision=None, **terms):
    wanted = visits.Terms(**{"slot": slot(), **terms})
    return reviews.approve(about, wanted, where, Calendar(NOW, 30), by="HOM-0001", revision_read=revision)


def reject(about, reason="no_appointment", note="", revision=None):
    return reviews.reject(about, reason, note, by="HOM-0001", revision_read=revision)


def send_back(about, note="Which file?", revision=None):
    return reviews.send_back(about, note, by="HOM-0001", revision_read=revision)


def withdraw(about):
    return reviews.withdraw(about, "officer_unavailable", by="HOM-0001")


def forward(about, record=None, department=None, officer=None):
    return reviews.forward(about, department, officer, record)


def codes(refusal) -> dict[str, str]:
    return {field.field: field.code for field in refusal.value.body.fields}


def test_an_approval_carries_everything_that_issuing_needs() -> None:
    about = review(officer="home-secretary")
    event = approve(about, gate="T1-G2", entries=3, vehicle_allowed=True)
    application = about.application
    for field in (
        "application_id",
        "reference",
        "revision",
        "site",
        "kind",
        "party",
        "assistance",
        "language",
        "deliver_by",
        "personal",
    ):
        assert getattr(event, field) == getattr(application, field), field
    assert (event.review_id, event.department, event.officer, event.decided_by) == (
        about.id,
        "home",
        "home-secretary",
        "HOM-0001",
    )
    assert (event.slot, event.gate, event.entries, event.vehicle_allowed) == (slot(), "T1-G2", 3, True)


def test_the_slot_need_not_be_one_of_the_preferred() -> None:
    other = slot(date(2026, 3, 5), "15:00", "16:00")
    assert other not in review().application.preferred
    assert approve(review(), slot=other).slot == other


def test_all_problems_of_an_approval_are_reported_at_once() -> None:
    on_foot = review(application=submitted(personal=personal(vehicle=None)))
    with pytest.raises(InvalidInput) as refusal:
        approve(on_foot, slot=slot(date(2026, 3, 4)), gate="T2-G1", vehicle_allowed=True)
    assert codes(refusal) == {
        "slot.date": "closed_day",
        "gate": "unknown_gate",
        "vehicle_allowed": "no_vehicle",
    }


THURSDAY, FRIDAY = date(2026, 3, 5), date(2026, 3, 6)


def days_to(last_day, limit=None, weekdays=(), **wanted):
    first = slot(**wanted)
    return visits.further_days(first, last_day, T1, limit, (), Calendar(NOW, 30), weekdays)


@pytest.mark.parametrize(
    ("last_day", "wanted", "days"),
    [
        (TUESDAY, {}, ()),
        (THURSDAY, {}, (THURSDAY,)),
        (date(2026, 3, 9), {}, (THURSDAY, FRIDAY, date(2026, 3, 9))),
        (date(2026, 3, 8), {}, (THURSDAY, FRIDAY)),
        (FRIDAY, {"day": MONDAY, "start": "11:30"}, (TUESDAY, THURSDAY, FRIDAY)),
    ],
)
def test_days_on_which_the_site_is_closed_are_left_out(last_day, wanted, days) -> None:
    """Wednesday is Holi; the site is closed at weekends."""
    assert days_to(last_day, **wanted) == days


def test_days_with_other_hours_are_left_out() -> None:
    short = site(
        hours=tuple(
            hours.model_copy(update={"closes": time(11)}) if hours.weekday == 3 else hours
            for hours in T1.hours
        )
    )
    assert visits.further_days(slot(), FRIDAY, short, None, (), Calendar(NOW, 30)) == (FRIDAY,)


def test_days_on_which_the_department_receives_nobody_are_left_out() -> None:
    assert days_to(FRIDAY, capacity(closed=(THURSDAY,))) == (FRIDAY,)
    assert days_to(FRIDAY, capacity(days=capacity().days[:4])) == (THURSDAY,)


@pytest.mark.parametrize(
    ("last_day", "wanted", "code"),
    [
        (MONDAY, {}, "ends_before_it_begins"),
        (date(2026, 3, 10), {}, "too_many_days"),
        (date(2026, 4, 3), {"day": date(2026, 4, 1)}, "date_too_far"),
        (date(2026, 3, 4), {}, "no_further_day"),
        (date(2026, 3, 8), {"day": FRIDAY}, "no_further_day"),
        (TUESDAY, {"weekdays": (1,)}, "no_further_day"),
    ],
)
def test_a_last_day_that_cannot_be_is_refused(last_day, wanted, code) -> None:
    with pytest.raises(InvalidInput) as refusal:
        days_to(last_day, **wanted)
    assert codes(refusal) == {"last_day": code}


@given(
    st.dates(MONDAY, date(2026, 3, 31)),
    st.integers(-2, 9),
    st.sets(st.dates(MONDAY, date(2026, 4, 9)), max_size=9),
)
def test_the_days_of_a_visit_are_open_sorted_and_at_most_seven(first, later, closed) -> None:
    where = site(closed_days=tuple(ClosedDay(day=day, reason="") for day in closed))
    last = first + timedelta(days=later)
    with suppress(InvalidInput):
        found = visits.further_days(slot(first, "15:00", "16:00"), last, where, None, (), Calendar(NOW, 30))
        days = (first, *found)
        assert list(days) == sorted(set(days))
        assert days[-1] <= last
        assert (days[-1] - first).days < 7
        assert all(day.weekday() < 5 and day not in closed for day in found)
        skipped = {first + timedelta(days=ahead) for ahead in range(1, later + 1)} - set(found)
        assert all(day.weekday() > 4 or day in closed for day in skipped)


def test_several_days_need_a_reason_and_one_does_not() -> None:
    assert approve(review(), further_days=(THURSDAY,), days_reason="a hearing").further_days == (THURSDAY,)
    assert approve(review()).further_days == ()
    with pytest.raises(InvalidInput) as refusal:
        approve(review(), further_days=(THURSDAY,))
    assert codes(refusal) == {"days_reason": "days_reason_missing"}


def test_the_reason_for_several_days_is_not_published() -> None:
    event = approve(review(), further_days=(THURSDAY,), days_reason="a hearing")
    assert "hearing" not in event.model_dump_json()


def test_two_officers_agree_on_the_days_whatever_their_reasons_are() -> None:
    one = visits.Terms(slot(), further_days=(THURSDAY,), days_reason="a hearing")
    assert one == replace(one, days_reason="an inspection")
    assert one != replace(one, further_days=(FRIDAY,))


def test_a_rejection_carries_the_reason_and_the_applicants_contact() -> None:
    event = reject(review(), note="  Please call first. ")
    assert (event.reason, event.personal.note) == ("no_appointment", "Please call first.")
    assert (event.personal.contact.mobile, event.personal.contact.email) == ("+919876543210", "g@example.org")
    assert (event.language, event.deliver_by) == ("pa", "whatsapp")


@pytest.mark.parametrize("note", ["", "   ", "\x00"])
def test_a_rejection_for_another_reason_needs_a_note(note) -> None:
    with pytest.raises(InvalidInput) as refusal:
        reject(review(), reason="other", note=note)
    assert codes(refusal) == {"note": "required"}
    assert reject(review(), reason="other", note="Closed for a ceremony").personal.note
    assert reject(review(), reason="security", note="").personal.note == ""


def test_a_return_needs_a_note() -> None:
    assert send_back(review()).personal.note == "Which file?"
    with pytest.raises(InvalidInput) as refusal:
        send_back(review(), note="  ")
    assert codes(refusal) == {"note": "required"}


@pytest.mark.parametrize(
    "decide", [lambda note: reject(review(), note=note), lambda note: send_back(review(), note=note)]
)
@pytest.mark.parametrize(
    ("note", "code"), [("Pay at https://epass.example", "link"), ("Come at \u202e01:11", "control_character")]
)
def test_a_note_with_a_link_or_a_sign_that_turns_its_direction_is_refused(decide, note, code) -> None:
    with pytest.raises(InvalidInput) as refusal:
        decide(note)
    assert codes(refusal) == {"note": code}


@pytest.mark.parametrize(
    "decide", [lambda note: reject(review(), note=note), lambda note: send_back(review(), note=note)]
)
def test_an_aadhaar_number_in_a_note_is_masked(decide) -> None:
    note = decide(f"Your Aadhaar {AADHAAR} is not needed").personal.note
    assert note == "Your Aadhaar XXXX XXXX 2346 is not needed"


@pytest.mark.parametrize(
    "decide",
    [approve, reject, send_back, lambda about: forward(about, department("finance"), department="finance")],
)
@pytest.mark.parametrize("status", ["approved", "rejected", "returned", "withdrawn"])
def test_a_second_decision_is_refused_with_who_decided_and_when(decide, status) -> None:
    about = review(status=status, decision=DECIDED)
    with pytest.raises(Conflict) as refusal:
        decide(about)
    assert refusal.value.body.code == "already_decided"
    assert refusal.value.body.facts == {
        "status": status,
        "decided_by": "HOM-0002",
        "decided_at": "2026-03-02T05:30:00+00:00",
    }


@pytest.mark.parametrize(
    "decide",
    [
        approve,
        reject,
        send_back,
        withdraw,
        lambda about: forward(about, department("finance"), department="finance"),
    ],
)
def test_nothing_is_decided_about_an_application_that_has_ended(decide) -> None:
    with pytest.raises(Conflict) as refusal:
        decide(review(status="closed"))
    assert refusal.value.body.code == "application_closed"


@pytest.mark.parametrize("decide", [approve, reject, send_back])
def test_a_decision_about_another_revision_is_refused(decide) -> None:
    about = review(application=submitted(revision=2))
    with pytest.raises(Conflict) as refusal:
        decide(about, revision=1)
    assert (refusal.value.body.code, refusal.value.body.facts) == ("application_changed", {"revision": 2})
    assert decide(about, revision=2).revision == 2
    assert decide(about).revision == 2


def test_only_an_approval_can_be_withdrawn_and_only_once() -> None:
    event = withdraw(review(status="approved", decision=DECIDED))
    assert (event.reason, event.decided_by) == ("officer_unavailable", "HOM-0001")
    for status in ("pending", "rejected", "returned"):
        with pytest.raises(Conflict) as refusal:
            withdraw(review(status=status, decision=DECIDED))
        assert (refusal.value.body.code, refusal.value.body.facts) == ("not_approved", {"status": status})
    with pytest.raises(Conflict) as refusal:
        withdraw(review(status="withdrawn", decision=DECIDED))
    assert refusal.value.body.code == "already_decided"


def test_a_review_is_forwarded_to_a_department_or_to_an_officer_of_this_one() -> None:
    about = review(officer="home-secretary")
    assert forward(about, department("finance"), department="finance") == ("finance", None)
    assert forward(about, department(), officer="home-under-secretary") == ("home", "home-under-secretary")


@pytest.mark.parametrize(
    ("to", "record", "field", "code"),
    [
        ({}, department(), "department", "exactly_one"),
        (
            {"department": "finance", "officer": "home-secretary"},
            department("finance"),
            "department",
            "exactly_one",
        ),
        ({"department": "nowhere"}, None, "department", "unknown_department"),
        ({"department": "home"}, department(), "department", "same_department"),
        ({"officer": "finance-secretary"}, department(), "officer", "unknown_officer"),
        ({"officer": "home-secretary"}, None, "officer", "unknown_officer"),
        ({"department": "finance"}, department("finance", closed=True), "department", "closed_department"),
        (
            {"department": "finance"},
            department("finance", unstaffed=True),
            "department",
            "unstaffed_department",
        ),
        (
            {"officer": "home-secretary"},
            department(officers=(officer(closed=True),)),
            "officer",
            "closed_officer",
        ),
    ],
)
def test_a_review_is_not_forwarded_to_nowhere(to, record, field, code) -> None:
    with pytest.raises(InvalidInput) as refusal:
        forward(review(), record, **to)
    assert codes(refusal) == {field: code}


@pytest.mark.parametrize("status", ["pending", "approved", "rejected", "returned", "withdrawn", "closed"])
def test_a_cancellation_closes_whatever_was_decided_and_expiry_what_was_not(status) -> None:
    undecided = status in ("pending", "returned", "closed")
    assert reviews.status_after(status, Outcome()) == status
    assert reviews.status_after(status, Outcome(cancelled=True)) == "closed"
    for outcome in (Outcome(expired=True), Outcome(erased=True)):
        assert reviews.status_after(status, outcome) == ("closed" if undecided else status)


def test_an_amendment_names_the_officer_unless_the_review_left_the_department() -> None:
    before, after = submitted(officer="a"), submitted(officer="b")
    assert reviews.officer_after("home", "a", before, after) == "b"
    assert reviews.officer_after("finance", "f", before, after) == "f"
    assert reviews.officer_after("home", "chosen-by-the-desk", before, before) == "chosen-by-the-desk"
