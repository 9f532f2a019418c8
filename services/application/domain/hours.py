"""When a site can be visited: its dated opening hours and closed days, and which wished-for windows fit in."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from contracts.events import SiteRecord
from contracts.model import Slot
from services.application.domain.findings import Findings
from services.chassis.runtime.clock import IST

SHORTEST = timedelta(minutes=15)
Window = tuple[time, time]


@dataclass(frozen=True)
class Calendar:
    """What can be asked for, seen from one instant."""

    at: datetime
    furthest_days: int

    @property
    def today(self) -> date:
        """The date in India."""
        return self.at.astimezone(IST).date()

    @property
    def furthest(self) -> date:
        """The last date that can be asked for."""
        return self.today + timedelta(days=self.furthest_days)

    def days(self) -> Iterable[date]:
        """Today and all dates that can be asked for."""
        return (self.today + timedelta(days=ahead) for ahead in range(self.furthest_days + 1))


def end_of(slot: Slot) -> datetime:
    """The instant at which a window ends."""
    return datetime.combine(slot.day, slot.end, IST)


def slots_of(
    findings: Findings, field: str, slots: Iterable[Slot], site: SiteRecord | None, calendar: Calendar
) -> tuple[Slot, ...]:
    """The wished-for windows. Those that cannot be are noted; without a site its hours are not asked."""
    checked: list[Slot] = []
    for number, slot in enumerate(slots):
        path = f"{field}.{number}"
        if slot in checked:
            findings.refuse(f"{path}.date", "duplicate_slot")
        elif (
            _has_order(findings, path, slot)
            and _has_a_date(findings, path, slot, calendar)
            and site is not None
        ):
            _check_hours(findings, path, slot, site.windows_on(slot.day))
        checked.append(slot)
    return tuple(checked)


def _has_order(findings: Findings, path: str, slot: Slot) -> bool:
    length = datetime.combine(slot.day, slot.end) - datetime.combine(slot.day, slot.start)
    if length <= timedelta():
        findings.refuse(f"{path}.to", "window_order")
    elif length < SHORTEST:
        findings.refuse(f"{path}.to", "window_too_short")
    return length >= SHORTEST


def _has_a_date(findings: Findings, path: str, slot: Slot, calendar: Calendar) -> bool:
    if slot.day < calendar.today:
        findings.refuse(f"{path}.date", "date_past")
    elif slot.day > calendar.furthest:
        findings.refuse(f"{path}.date", "date_too_far")
    elif end_of(slot) <= calendar.at:
        findings.refuse(f"{path}.to", "window_over")
    else:
        return True
    return False


def _check_hours(findings: Findings, path: str, slot: Slot, windows: tuple[Window, ...]) -> None:
    if not windows:
        findings.refuse(f"{path}.date", "closed_day")
    elif not any(opens <= slot.start and slot.end <= closes for opens, closes in windows):
        starts_inside = any(opens <= slot.start < closes for opens, closes in windows)
        findings.refuse(f"{path}.to" if starts_inside else f"{path}.from", "outside_hours")
