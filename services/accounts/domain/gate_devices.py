"""When somebody has to look after a gate device."""

from datetime import datetime, timedelta

from contracts.model import GateDeviceWorry, is_ahead

SILENT = timedelta(days=1)
"""On the page, which does not know when a gate is open: it may be closed at night, and on a holiday."""


def worries_of(
    reported_at: datetime | None,
    unsent_since: datetime | None,
    now: datetime,
    *,
    silent: timedelta,
    unsent: timedelta,
) -> tuple[GateDeviceWorry, ...]:
    """Return what is wrong with an enrolled device.

    Args:
        reported_at: when it has last reported; a time from the future says nothing.
        unsent_since: since when it has scans that it could not send; None if it has none.
        silent: after so long without a report a device is silent. One that is used reports each minute.
        unsent: for so long its scans may wait. Longer, and the other gates and the desk know too little.
    """
    found: list[GateDeviceWorry] = []
    if reported_at is None or reported_at <= now - silent or is_ahead(reported_at, now):
        found.append("silent")
    if unsent_since is not None and unsent_since <= now - unsent:
        found.append("unsent")
    return tuple(found)
