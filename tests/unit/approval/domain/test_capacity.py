"""Whether a department has places for a visit. No database."""

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.capacity import Capacity, VisitingDay
from contracts.errors import Conflict, InvalidInput
from services.approval.domain.capacity import Booking, Window, free_places, require_places, windows_on
from tests.support.factories.approval import MONDAY, SATURDAY, TUESDAY, capacity, slot


def problem(wanted, party=1, bookings=(), **changes) -> tuple[str, str]:
    """Return field and code of the refusal."""
    with pytest.raises((InvalidInput, Conflict)) as refusal:
        require_places(capacity(**changes), wanted, party, bookings)
    body = refusal.value.body
    return (body.fields[0].field, body.fields[0].code) if body.fields else ("", body.code)


def booked(start: str, end: str, party: int) -> Booking:
    return Booking(time.fromisoformat(start), time.fromisoformat(end), party)


def test_a_day_is_cut_into_windows_of_the_given_length_and_the_last_one_may_be_shorter() -> None:
    assert windows_on(capacity(window_minutes=90), TUESDAY) == (
        Window(time(10), time(11, 30), 20),
        Window(time(11, 30), time(13), 20),
    )
    assert [one.end for one in windows_on(capacity(window_minutes=120), TUESDAY)] == [time(12), time(13)]


def test_a_weekday_that_is_not_named_and_a_closed_date_have_no_windows() -> None:
    assert windows_on(capacity(), SATURDAY) == ()
    assert windows_on(capacity(closed=(TUESDAY,)), TUESDAY) == ()
    assert windows_on(capacity(closed=(TUESDAY,)), MONDAY) != ()


@pytest.mark.parametrize(
    ("wanted", "field", "code"),
    [
        (slot(SATURDAY), "slot.date", "department_closed"),
        (slot(TUESDAY, "09:00", "11:00"), "slot.from", "department_hours"),
        (slot(TUESDAY, "12:00", "13:30"), "slot.to", "department_hours"),
    ],
)
def test_a_visit_outside_the_visiting_hours_is_refused_at_its_field(wanted, field, code) -> None:
    assert problem(wanted) == (field, code)


def test_a_window_takes_a_party_that_just_fits_and_refuses_one_person_more() -> None:
    bookings = (booked("10:00", "11:00", 17),)
    require_places(capacity(), slot(TUESDAY, "10:00", "11:00"), 3, bookings)
    assert problem(slot(TUESDAY, "10:00", "11:00"), 4, bookings) == ("", "window_full")


def test_a_refusal_says_which_window_is_full_and_how_many_it_still_takes() -> None:
    with pytest.raises(Conflict) as refusal:
        require_places(capacity(), slot(TUESDAY, "10:00", "12:00"), 5, (booked("11:00", "12:00", 18),))
    assert refusal.value.body.facts == {
        "date": "2026-03-03",
        "start": "11:00",
        "end": "12:00",
        "free": 2,
        "party": 5,
    }


def test_a_visit_takes_its_places_in_every_window_that_it_touches_and_in_no_other() -> None:
    over_two = (booked("10:30", "11:30", 20),)
    assert problem(slot(TUESDAY, "10:00", "11:00"), 1, over_two)[1] == "window_full"
    assert problem(slot(TUESDAY, "11:00", "12:00"), 1, over_two)[1] == "window_full"
    require_places(capacity(), slot(TUESDAY, "12:00", "13:00"), 20, over_two)


def test_places_that_were_reduced_below_what_is_booked_leave_none_free() -> None:
    assert free_places(Window(time(10), time(11), 5), (booked("10:00", "11:00", 8),)) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"days": (VisitingDay(weekday=0, opens=time(10), closes=time(13), places=1),) * 2},
        {"window_minutes": 10},
        {"days": ({"weekday": 0, "opens": "13:00", "closes": "10:00", "places": 5},)},
        {"days": ({"weekday": 0, "opens": "10:00", "closes": "13:00", "places": 0},)},
        {"days": ({"weekday": 0, "opens": "10:00", "closes": "13:00Z", "places": 5},)},
        {"days": ({"weekday": 0, "opens": "10:00:30", "closes": "13:00", "places": 5},)},
    ],
)
def test_a_capacity_that_means_nothing_is_refused(wrong) -> None:
    with pytest.raises(ValidationError):
        Capacity.model_validate({"window_minutes": 60, "days": (), **wrong})


HALF_HOURS = [time(hour, minute) for hour in range(10, 13) for minute in (0, 30)] + [time(13)]
SLOTS = st.lists(st.sampled_from(HALF_HOURS), min_size=2, max_size=2, unique=True).map(sorted)


@given(st.lists(st.tuples(SLOTS, st.integers(1, 12)), max_size=40), st.sampled_from([15, 45, 60, 100]))
def test_no_window_ever_expects_more_people_than_it_takes(visits, minutes) -> None:
    bookings: list[Booking] = []
    limits = capacity(window_minutes=minutes)
    for (start, end), party in visits:
        try:
            require_places(limits, slot(TUESDAY, f"{start:%H:%M}", f"{end:%H:%M}"), party, bookings)
        except Conflict:
            continue
        bookings.append(Booking(start, end, party))
    for window in windows_on(limits, TUESDAY):
        here = [one.party for one in bookings if one.start < window.end and window.start < one.end]
        assert sum(here) <= window.places
