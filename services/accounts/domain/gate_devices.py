"""When somebody has to look after a gate device."""

from datetime import datetime, timedelta

from contracts.model import GateDeviceWorry

SILENT = timedelta(days=1)
"""A device that is used reports each minute; a gate may be closed at night, and on a holiday."""
UNSENT = timedelta(hours=1)
"""Longer without a network, and the other gates and the desk know too little."""


def worries_of(
    reported_at: datetime | None, unsent_since: datetime | None, now: datetime
) -> tuple[GateDeviceWorry, ...]:
    """Return what is wrong with an enrolled device.

    Args:
        reported_at: when it has last reported.
        unsent_since: since when it has scans that it could not send; None if it has none.
        now: this instant.
    """
    found: list[GateDeviceWorry] = []
    if reported_at is None or reported_at <= now - SILENT:
        found.append("silent")
    if unsent_since is not None and unsent_since <= now - UNSENT:
        found.append("unsent")
    return tuple(found)
