"""How long the people of an application are kept: until when at most, and until when at least."""

from datetime import datetime, timedelta

from contracts.model import ApplicationStatus

UNDECIDED: frozenset[ApplicationStatus] = frozenset({"submitted", "returned"})
INSIDE_AT_MOST = timedelta(days=1)
"""After a visit whose exit nobody recorded: until then gates may still need to know who is inside."""
ENDED: frozenset[ApplicationStatus] = frozenset({"rejected", "cancelled", "expired", "revoked"})
"""The visit does not take place."""


def erasable_from(
    status: ApplicationStatus,
    last_matters_at: datetime,
    cancelled_at: datetime | None,
    at_least: timedelta,
    *,
    was_approved: bool,
) -> datetime | None:
    """Return from when on its person may have it erased; None while a department has yet to decide.

    Args:
        last_matters_at: not before its pass ends, nor before the last scan.
        at_least: for how long after its end the site has to keep it. Where that is nothing, it is the time
            from which on it may be locked: nobody is inside with it, and no gate needs to know who came.
        was_approved: whether it has a pass, had one, or gets one: then somebody may be inside with it, even
            if it was cancelled or revoked meanwhile.
    """
    if status in UNDECIDED:
        return None
    if was_approved:
        return max(last_matters_at, cancelled_at or last_matters_at) + max(at_least, INSIDE_AT_MOST)
    return (cancelled_at or last_matters_at) + at_least


def photograph_erasable_from(
    status: ApplicationStatus,
    last_matters_at: datetime,
    cancelled_at: datetime | None,
    at_least: timedelta,
    now: datetime,
    *,
    admits: bool,
) -> datetime:
    """Return from when on a photograph alone may go: gates compare it until the visit is over.

    Args:
        at_least: for how long after that the site keeps it, although its person asks.
        admits: whether a pass is not revoked.
    """
    if status in ENDED and not admits:
        return (cancelled_at or last_matters_at) + at_least if at_least else now
    return last_matters_at + at_least
