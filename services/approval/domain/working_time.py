"""Working time of a site: how far back a span of open time reaches. In Indian Standard Time."""

from datetime import date, datetime, timedelta

from contracts.events import SiteRecord
from contracts.model import IST
from contracts.visiting_rules import windows_on

LOOK_BACK_DAYS = 90
"""A site that was open for less than the span in so many days counts as never open that long."""


def open_since(site: SiteRecord, now: datetime, span: timedelta) -> datetime | None:
    """Return since when a site has been open for ``span`` in all, up to ``now``; None if it has not been.

    A review that has waited since that instant or longer has waited ``span`` of working time.
    """
    today, left, earliest = now.astimezone(IST).date(), span, now
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


def is_open(site: SiteRecord, now: datetime) -> bool:
    """Return whether a site is open at an instant."""
    return any(opens <= now < closes for opens, closes in _open_times(site, now.astimezone(IST).date()))


def _open_times(site: SiteRecord, day: date) -> list[tuple[datetime, datetime]]:
    """Return the open times of a day, the latest first."""
    times = [
        (datetime.combine(day, opens, IST), datetime.combine(day, closes, IST))
        for opens, closes in windows_on(site, day)
    ]
    return sorted(times, reverse=True)
