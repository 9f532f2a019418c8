"""The rules of visits: days, windows, opening hours, entry margins, and the sentence of each error code."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from contracts.events import OpeningHours
from contracts.model import Language, Slot
from contracts.visiting_rules import Calendar, entry_window, slot_problem, windows_on
from services.application.domain import findings
from services.approval.domain import capacity, reviews
from services.gateway.pages.shared.languages import texts
from services.gateway.pages.shared.messages import SENTENCES
from tests.support.factories.approval import HOLI, MONDAY, NOW, SATURDAY, TUESDAY, site, slot

T1 = site()
TRANSLATED: tuple[Language, ...] = ("pa", "hi")


def problem(wanted: Slot, where=T1, now=NOW, furthest=30) -> str | None:
    windows = windows_on(where, wanted.day) if where else None
    found = slot_problem(wanted, windows, Calendar(now, furthest))
    return found.code if found else None


@pytest.mark.parametrize(("start", "end"), [("09:00", "17:00"), ("09:00", "09:15"), ("16:30", "17:00")])
def test_a_slot_within_the_opening_hours_is_accepted_to_the_minute(start, end) -> None:
    assert problem(slot(TUESDAY, start, end)) is None


@pytest.mark.parametrize(
    ("start", "end"), [("08:59", "10:00"), ("16:30", "17:01"), ("06:00", "07:00"), ("00:00", "23:59")]
)
def test_a_slot_that_leaves_the_opening_hours_is_refused(start, end) -> None:
    assert problem(slot(TUESDAY, start, end)) == "outside_hours"


def test_a_slot_on_a_day_without_hours_or_on_a_closed_day_is_refused() -> None:
    assert problem(slot(SATURDAY)) == "closed_day"
    assert problem(slot(HOLI)) == "closed_day"


def test_hours_are_not_checked_without_a_site() -> None:
    assert problem(slot(SATURDAY), None) is None


@pytest.mark.parametrize(("start", "end"), [("12:00", "10:00"), ("10:00", "10:00")])
def test_a_slot_that_ends_before_it_begins_is_refused(start, end) -> None:
    assert problem(slot(TUESDAY, start, end)) == "window_order"


def test_a_slot_shorter_than_fifteen_minutes_is_refused() -> None:
    assert problem(slot(TUESDAY, "10:00", "10:14")) == "window_too_short"
    assert problem(slot(TUESDAY, "10:00", "10:15")) is None


def test_a_slot_today_is_possible_until_it_ends() -> None:
    assert problem(slot(MONDAY, "10:00", "11:01")) is None
    assert problem(slot(MONDAY, "10:00", "11:00")) == "window_over"
    assert problem(slot(date(2026, 2, 27))) == "date_past"


def test_today_is_the_day_in_chandigarh_and_not_in_greenwich() -> None:
    after_midnight = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)  # Tuesday, 00:30 IST
    assert problem(slot(MONDAY, "16:00", "17:00"), now=after_midnight) == "date_past"
    assert problem(slot(TUESDAY), now=after_midnight, furthest=0) is None
    assert problem(slot(TUESDAY), now=after_midnight - timedelta(hours=1), furthest=0) == "date_too_far"


def test_the_thirtieth_day_ahead_is_the_furthest() -> None:
    assert problem(slot(MONDAY + timedelta(days=30))) is None
    assert problem(slot(MONDAY + timedelta(days=31))) == "date_too_far"


def test_opening_hours_are_valid_from_their_first_to_their_last_date() -> None:
    winter = OpeningHours(weekday=1, opens=time(11), closes=time(13), valid_from=TUESDAY, valid_to=TUESDAY)
    dated = site(hours=(winter,))
    week = timedelta(days=7)
    assert problem(slot(TUESDAY, "11:00", "13:00"), dated) is None
    assert problem(slot(TUESDAY + week, "11:00", "13:00"), dated) == "closed_day"
    assert problem(slot(TUESDAY, "11:00", "13:00"), dated, now=NOW - week, furthest=10) is None
    assert problem(slot(TUESDAY - week, "11:00", "13:00"), dated, now=NOW - 2 * week) == "closed_day"


def test_entry_is_open_from_a_margin_before_the_slot_to_a_margin_after_it_in_indian_time() -> None:
    visit = Slot(day=date(2026, 12, 1), start=time(10), end=time(12))

    begins, ends = entry_window(visit, timedelta(minutes=30))

    assert begins.isoformat() == "2026-12-01T09:30:00+05:30"
    assert ends.isoformat() == "2026-12-01T12:30:00+05:30"


def test_entry_to_a_slot_of_the_whole_day_reaches_into_its_neighbours() -> None:
    visit = Slot(day=date(2026, 12, 31), start=time(0), end=time(23, 59))

    begins, ends = entry_window(visit, timedelta(minutes=30))

    assert begins.isoformat() == "2026-12-30T23:30:00+05:30"
    assert ends.isoformat() == "2027-01-01T00:29:00+05:30"


def without_sentence(codes, sentences) -> list[str]:
    """Codes that lack a sentence in English, or its translation into Punjabi or Hindi."""
    return [
        code
        for code in codes
        if code not in sentences
        or any(texts(language).gettext(sentences[code]) == sentences[code] for language in TRANSLATED)
    ]


def test_every_error_code_has_its_sentence_in_the_three_languages_of_the_pages() -> None:
    assert without_sentence({**findings.PROBLEMS, **reviews.PROBLEMS, **capacity.PROBLEMS}, SENTENCES) == []


def test_a_code_without_a_sentence_or_translation_is_found() -> None:
    assert without_sentence(["window_order", "new_code"], SENTENCES) == ["new_code"]
    assert without_sentence(["window_order"], {"window_order": "No catalogue has this"}) == ["window_order"]
