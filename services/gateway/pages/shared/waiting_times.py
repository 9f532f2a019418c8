"""Who holds an application now and since when, and how long a decision usually takes, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from contracts import rpc
from contracts.model import ApplicationStatus, Language
from contracts.rpc.application import ReferenceOnly, TimelineEntry
from contracts.rpc.approval.places import WaitView
from services.gateway.pages.shared.languages import texts
from services.gateway.pages.shared.view import View

MOST_MINUTES, MOST_HOURS = 60, 36
"""Limits up to which a length of time is shown in minutes, and in hours."""


@dataclass(frozen=True)
class Holder:
    """Holder of an application: a department by its code, or the applicant (None)."""

    department: str | None
    since: datetime
    place: WaitView | None = None
    """The department has approved the visit, and its window is full: the wait for a place."""
    place_code: str = ""
    """It leads to the page that takes or gives up the place, where the reader has proved the mobile."""


async def usual_wait(view: View, department: str) -> tuple[str, str] | None:
    """Return within which time half, and nearly all, of a department's applications are decided.

    The result is None while that is not known.
    """
    found = await view.caller.state.response_times.of(department)
    if found is None or found.half_within is None or found.nearly_all_within is None:
        return None
    return within(found.half_within, view.language), within(found.nearly_all_within, view.language)


def within(seconds: int, language: Language) -> str:
    """Return a length of time in words, rounded up: ``within 3 hours``."""
    catalogue = texts(language)
    minutes, hours, days = (max(ceil(seconds / unit), 1) for unit in (60, 3_600, 86_400))
    if minutes <= MOST_MINUTES:
        words = catalogue.ngettext("within %(num)s minute", "within %(num)s minutes", minutes)
        return words % {"num": minutes}
    if hours <= MOST_HOURS:
        return catalogue.ngettext("within %(num)s hour", "within %(num)s hours", hours) % {"num": hours}
    return catalogue.ngettext("within %(num)s day", "within %(num)s days", days) % {"num": days}


async def holder(
    view: View, reference: str, status: ApplicationStatus, department: str, timeline: Sequence[TimelineEntry]
) -> Holder | None:
    """Return who has to act now; None if nobody has.

    The approval service knows the present department, since an application may have been forwarded. While
    it does not answer, the timeline shows where the application was sent.
    """
    if status == "returned":
        return Holder(None, _last(timeline, "returned", "day_closed"))
    if status == "approved":
        return Holder(department, _last(timeline, "approved"))
    if status != "submitted":
        return None
    question = ReferenceOnly(reference=reference)
    if found := await view.try_query(rpc.approval.reviews.WHEREABOUTS, question, soon=True):
        return Holder(found.department, found.since, found.place, found.place_code)
    return Holder(department, _last(timeline, "submitted", "amended"))


def _last(timeline: Sequence[TimelineEntry], *words: str) -> datetime:
    return max((one.at for one in timeline if one.what in words), default=timeline[-1].at)
