"""Opening hours, pure: whether a slot lies within them, and how far back a span of open time reaches. All in IST."""

from datetime import date, datetime, timedelta

from contracts.errors import FieldError
from contracts.events import SiteRecord
from contracts.model import Slot
from services.chassis.runtime.clock import IST

LOOK_BACK_DAYS = 90
"""A site that was open for less than the span asked for in so many days counts as never open that long."""


def slot_problems(
    slot: Slot, site: SiteRecord | None, at: datetime, furthest_days: int
) -> tuple[FieldError, ...]:
    """What is wrong with a slot, the first thing only; nothing where it can be approved.

    Args:
        slot: the visit.
        site: where; a site that the directory does not know is never open.
        at: now.
        furthest_days: how many days ahead a visit may lie.
    """
    today = at.astimezone(IST).date()
    if slot.start >= slot.end:
        problem = ("slot.to", "not_after_from")
    elif datetime.combine(slot.day, slot.end, IST) <= at:
        problem = ("slot.date", "past")
    elif slot.day > today + timedelta(days=furthest_days):
        problem = ("slot.date", "too_far")
    elif site and site.is_closed_on(slot.day):
        problem = ("slot.date", "closed_day")
    elif site is None or not any(
        opens <= slot.start and slot.end <= closes for opens, closes in site.windows_on(slot.day)
    ):
        problem = ("slot.from", "outside_hours")
    else:
        return ()
    return (FieldError(field=problem[0], code=problem[1]),)


def open_since(site: SiteRecord, at: datetime, span: timedelta) -> datetime | None:
    """The instant since which a site has been open for ``span`` in all, up to ``at``; None where there is none.

    What waits since then or longer has waited ``span`` of working time.
    """
    today, left, earliest = at.astimezone(IST).date(), span, at
    for back in range(LOOK_BACK_DAYS):
        for opens, closes in _open_times(site, today - timedelta(days=back)):
            until = min(closes, earliest)
            if opens >= until:
                continue
            if until - opens >= left:
                return until - left
            left -= until - opens
            earliest = opens
    return None


def _open_times(site: SiteRecord, day: date) -> list[tuple[datetime, datetime]]:
    """The open times of a day, the latest first."""
    times = [
        (datetime.combine(day, opens, IST), datetime.combine(day, closes, IST))
        for opens, closes in site.windows_on(day)
    ]
    return sorted(times, reverse=True)
