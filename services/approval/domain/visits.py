"""When a visit may take place: its terms, its days, and which of the wishes comes first."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from contracts import visiting_rules
from contracts.capacity import Capacity
from contracts.errors import InvalidInput
from contracts.events import SiteRecord
from contracts.model import IST, MOST_DAYS, MOST_STANDING_DAYS, Channel, Slot
from contracts.visiting_rules import Calendar, slot_problem, windows_on
from services.approval.domain.capacity import hours_problem

PROBLEMS: dict[str, str] = {
    **visiting_rules.PROBLEMS,
    "ends_before_it_begins": "the last day comes before the first",
    "too_many_days": "one approval reaches over at most seven days",
    "first_day_not_among": "the first day is none of these days of the week",
    "too_many_standing_days": "a standing pass reaches over at most 180 days",
    "no_further_day": "on none of the further days can the visit take place at these hours",
}
"""Error code → its sentence for developers."""


@dataclass(frozen=True)
class Terms:
    """When and how an approved visit may take place.

    Args:
        slot: the first day, and the hours of every day.
        gate: the only one at which the visitors may come in; None for any.
        entries: how often each may come in on one day.
        vehicle_allowed: whether their vehicle may come in.
        further_days: the other days, in their order.
        days_reason: why one day is not enough; two officers who give different reasons agree all the same.
        recurring: whether it is a standing pass.
    """

    slot: Slot
    gate: str | None = None
    entries: int = 1
    vehicle_allowed: bool = False
    further_days: tuple[date, ...] = ()
    days_reason: str = field(default="", compare=False)
    recurring: bool = False


def start_of(slot: Slot) -> datetime:
    """Return the instant at which a slot begins."""
    return datetime.combine(slot.day, slot.start, IST)


def nearest_visit(preferred: Iterable[Slot], today: date) -> Slot:
    """Return the earliest preferred slot from today on; the latest of all where each has passed."""
    slots = sorted(preferred, key=start_of)
    return next((slot for slot in slots if slot.day >= today), slots[-1])


def waits_at_counter(channel: Channel, visit: Slot, submitted_at: datetime) -> bool:
    """Return whether an applicant applied in the building for the same day, and so waits there."""
    return channel in {"counter", "kiosk"} and visit.day == submitted_at.astimezone(IST).date()


def further_days(
    slot: Slot,
    last_day: date,
    site: SiteRecord | None,
    capacity: Capacity | None,
    closed: Collection[date],
    calendar: Calendar,
    weekdays: Collection[int] = (),
) -> tuple[date, ...]:
    """Return the days after a slot's own, up to the last one, on which the visit can go on at its hours.

    Days are left out on which the site or the department is closed or has other hours.

    Args:
        slot: the first day, and the hours of every day.
        last_day: the last day that may be one of them.
        site: of the visit.
        capacity: of the department; None where nothing limits it.
        closed: days that the department closed at short notice.
        calendar: the days that are possible.
        weekdays: of a standing pass, the days of the week on which it admits, 0 for Monday.

    Raises:
        InvalidInput: the first day is none of these; the last day is before the first, too far away or too
            many days after it; or no day is left.
    """
    if last_day < slot.day:
        raise InvalidInput.of("last_day", "ends_before_it_begins", PROBLEMS["ends_before_it_begins"])
    if weekdays:
        if slot.day.weekday() not in weekdays:
            raise InvalidInput.of("weekdays", "first_day_not_among", PROBLEMS["first_day_not_among"])
        if (last_day - slot.day).days >= MOST_STANDING_DAYS:
            raise InvalidInput.of("last_day", "too_many_standing_days", PROBLEMS["too_many_standing_days"])
        calendar = replace(calendar, furthest_days=calendar.furthest_days + MOST_STANDING_DAYS)
    elif (last_day - slot.day).days >= MOST_DAYS:
        raise InvalidInput.of("last_day", "too_many_days", PROBLEMS["too_many_days"])
    if last_day > calendar.furthest:
        raise InvalidInput.of("last_day", "date_too_far", PROBLEMS["date_too_far"])
    later = (slot.day + timedelta(days=ahead) for ahead in range(1, (last_day - slot.day).days + 1))
    on_each = (slot.model_copy(update={"day": day}) for day in later)
    found = tuple(
        one.day
        for one in on_each
        if (not weekdays or one.day.weekday() in weekdays)
        and slot_problem(one, windows_on(site, one.day) if site else (), calendar) is None
        and (capacity is None or hours_problem(capacity, one) is None)
        and one.day not in closed
    )
    if (weekdays or last_day > slot.day) and not found:  # a standing pass has a further day
        raise InvalidInput.of("last_day", "no_further_day", PROBLEMS["no_further_day"])
    return found


def left_of(terms: Terms, site: SiteRecord | None, calendar: Calendar) -> Terms | None:
    """Return the terms with those of their days on which the visit can still take place; None without any."""
    on_each = [terms.slot.model_copy(update={"day": day}) for day in (terms.slot.day, *terms.further_days)]
    left = [
        one
        for one in on_each
        if slot_problem(one, windows_on(site, one.day) if site else (), calendar) is None
    ]
    return replace(terms, slot=left[0], further_days=tuple(one.day for one in left[1:])) if left else None
