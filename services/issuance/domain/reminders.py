"""When the visitor of a pass is reminded: the evening before each day, some hours before the first. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from contracts.model import IST

NOT_SOON_AFTER_PASS = timedelta(hours=12)
"""Whoever has got the pass within this time knows: nobody who applies today is reminded this evening."""
EVENING = timedelta(hours=3)
"""So long a reminder of the evening may come late; after that it would wake people up."""


@dataclass(frozen=True)
class Reminder:
    """A reminder of one day of a visit that is due at ``at``, and of no use from ``until`` on."""

    kind: Literal["evening", "hours"]
    day: date
    at: datetime
    until: datetime


def reminders_of(
    days: Sequence[date], start: time, issued_at: datetime, evening_hour: int, hours_before: int
) -> list[Reminder]:
    """Return the reminders of a visit, the first one first.

    Two on one day only where the one some hours before is all that tells of the first day.

    Args:
        days: of the visit.
        start: when it begins on each of them.
        issued_at: when its pass was issued, of which a message was sent.
        evening_hour: the hour of the evening before each day; 0 for no such reminder.
        hours_before: how many hours before the first day's start; 0 for no such reminder.
    """
    earliest = issued_at + NOT_SOON_AFTER_PASS
    found: list[Reminder] = []
    for day in days if evening_hour else ():
        at = datetime.combine(day - timedelta(days=1), time(evening_hour), IST)
        if earliest <= at:
            found.append(Reminder("evening", day, at, at + EVENING))
    begins = datetime.combine(days[0], start, IST)
    at = begins - timedelta(hours=hours_before)
    is_told = any(one.day == days[0] for one in found) and any(one.at.date() == at.date() for one in found)
    if hours_before and earliest <= at and not is_told:
        found.append(Reminder("hours", days[0], at, begins))
    return sorted(found, key=lambda one: one.at)
