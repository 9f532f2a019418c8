"""What time it is. Handlers get the time as an argument; only entrypoints ask here."""

from datetime import UTC, datetime, timedelta, timezone

IST = timezone(timedelta(hours=5, minutes=30), "IST")
"""Indian Standard Time has no summer time, so a fixed offset is exact."""


def now() -> datetime:
    """This instant, UTC."""
    return datetime.now(UTC)
