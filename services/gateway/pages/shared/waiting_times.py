"""Who has an application now and since when, and how long such applications take, in words."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from contracts import rpc
from contracts.errors import ContractError
from contracts.model import ApplicationStatus, Language
from contracts.rpc.application import ReferenceOnly, TimelineEntry
from services.gateway.pages.shared.languages import texts
from services.gateway.pages.shared.view import View

WAIT_SECONDS = 1.0
MOST_MINUTES, MOST_HOURS = 60, 36
"""Up to so many, a length of time is told in minutes, or in hours."""


@dataclass(frozen=True)
class Holder:
    """Who has it: a department by its code, or the applicant (None)."""

    department: str | None
    since: datetime


async def usual_wait(view: View, department: str) -> tuple[str, str] | None:
    """Within which time half of a department's applications are answered, and nearly all; None where nothing can be said."""
    found = await view.caller.state.response_times.of(department)
    if found is None or found.half_within is None or found.nearly_all_within is None:
        return None
    return within(found.half_within, view.language), within(found.nearly_all_within, view.language)


def within(seconds: int, language: Language) -> str:
    """A length of time as people say it, rounded up: ``within 3 hours``."""
    say = texts(language)
    minutes, hours, days = (max(ceil(seconds / unit), 1) for unit in (60, 3_600, 86_400))
    if minutes <= MOST_MINUTES:
        return say.ngettext("within %(num)s minute", "within %(num)s minutes", minutes) % {"num": minutes}
    if hours <= MOST_HOURS:
        return say.ngettext("within %(num)s hour", "within %(num)s hours", hours) % {"num": hours}
    return say.ngettext("within %(num)s day", "within %(num)s days", days) % {"num": days}


async def holder(
    view: View, reference: str, status: ApplicationStatus, department: str, timeline: Sequence[TimelineEntry]
) -> Holder | None:
    """Who has to do something now; None when nobody has.

    The department knows best where it lies, since it may have passed it on; while it does not answer, the timeline says where it was sent.
    """
    if status == "returned":
        return Holder(None, _last(timeline, "returned"))
    if status == "approved":
        return Holder(department, _last(timeline, "approved"))
    if status != "submitted":
        return None
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            found = await view.caller.query(rpc.approval.WHEREABOUTS, ReferenceOnly(reference=reference))
    except (ContractError, TimeoutError):
        return Holder(department, _last(timeline, "submitted", "amended"))
    return Holder(found.department, found.since)


def _last(timeline: Sequence[TimelineEntry], *words: str) -> datetime:
    return max((one.at for one in timeline if one.what in words), default=timeline[-1].at)
