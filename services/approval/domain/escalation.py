"""Escalation by the clock of the visit: which steps are due for a review that nobody has decided.

The steps are the officer's stand-in, the head of the department and the reception. A visitor who waits at the
reception waits by the clock on the wall; any other visit has working time left until it begins. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.events import ApplicationDetails, DepartmentRecord, EscalationMinutes, SiteRecord
from contracts.model import IST, Code, EscalationStep, Slot
from contracts.visiting_rules import end_of
from services.approval.domain.visits import nearest_visit, start_of, waits_at_counter
from services.approval.domain.working_time import open_since

STEPS: tuple[EscalationStep, ...] = ("stand_in", "head", "reception")
"""The step of level 1, 2 and 3."""

LEAST_FOR_EACH_STEP = timedelta(minutes=30)
"""Even if the visit is near already, each step gets this long before the next one is asked."""


@dataclass(frozen=True)
class Waiting:
    """A review that waits for a decision.

    Args:
        application: the newest revision.
        since: when this revision began to wait.
        level: how many steps were taken.
    """

    application: ApplicationDetails
    since: datetime
    level: int = 0

    @property
    def at_reception(self) -> bool:
        """Whether the visitor waits at the site: they applied there for a visit on the same day."""
        visit = nearest_visit(self.application.preferred, self.since.astimezone(IST).date())
        return waits_at_counter(self.application.channel, visit, self.since)


def nearest(preferred: tuple[Slot, ...], now: datetime) -> Slot | None:
    """Return the preferred slot that ends first of those that are not over; None if all are."""
    return min((slot for slot in preferred if end_of(slot) > now), key=end_of, default=None)


def is_near(begins: datetime, site: SiteRecord | None, minutes: EscalationMinutes, now: datetime) -> bool:
    """Return whether a visit begins within the open time before it in which a stand-in is asked to decide."""
    ahead = timedelta(minutes=minutes.stand_in)
    due = open_since(site, begins, ahead) if site is not None else None
    return (due or begins - ahead) <= now


def due_steps(
    waiting: Waiting, site: SiteRecord, minutes: EscalationMinutes, now: datetime
) -> tuple[EscalationStep, ...]:
    """Return the steps that are due and not taken yet, in their order."""
    reached = [level for level, at in _instants(waiting, site, minutes, now) if at <= now]
    return STEPS[waiting.level : max(reached, default=waiting.level)]


def next_due(
    waiting: Waiting, site: SiteRecord, minutes: EscalationMinutes, now: datetime
) -> datetime | None:
    """Return when to look at a review again: when its next step is due; None if there is none."""
    return min((at for _level, at in _instants(waiting, site, minutes, now)), default=None)


def officer_of(
    step: EscalationStep, department: DepartmentRecord | None, stand_in: Code | None
) -> Code | None:
    """Return the officer who is asked in a step, if the directory knows them."""
    if step == "stand_in":
        return stand_in
    if step == "head" and department is not None:
        return next((officer.code for officer in department.officers if not officer.closed), None)
    return None


def _instants(
    waiting: Waiting, site: SiteRecord, minutes: EscalationMinutes, now: datetime
) -> Iterator[tuple[int, datetime]]:
    """Yield each level that is left and when it is due; none once all preferred slots are over."""
    slot = nearest(waiting.application.preferred, now)
    if slot is None:
        return
    begins = start_of(slot)
    for level, step in enumerate(STEPS[waiting.level :], waiting.level + 1):
        if waiting.at_reception:
            yield level, waiting.since + level * timedelta(minutes=minutes.walk_in)
            continue
        ahead = timedelta(minutes=getattr(minutes, step))
        at = open_since(site, begins, ahead)
        if at is not None:
            yield level, max(at, waiting.since + level * LEAST_FOR_EACH_STEP)
