"""How long the people of an application are kept: until when at most, and until when at least."""

from datetime import datetime, timedelta

from contracts.model import ApplicationStatus

UNDECIDED: frozenset[ApplicationStatus] = frozenset({"submitted", "returned"})
INSIDE_AT_MOST = timedelta(days=1)
"""After a visit whose exit nobody recorded: until then gates may still need to know who is inside."""


def erasable_from(
    status: ApplicationStatus, last_matters_at: datetime, cancelled_at: datetime | None, at_least: timedelta
) -> datetime | None:
    """Return from when on its person may have it erased; None while a department has yet to decide.

    Args:
        at_least: for how long after its end the site has to keep it.
    """
    if status in UNDECIDED:
        return None
    if status == "entered":
        return last_matters_at + max(at_least, INSIDE_AT_MOST)
    return (cancelled_at or last_matters_at) + at_least
