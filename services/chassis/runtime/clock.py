"""The clock. Only entrypoints and processes read it; handlers get the time as the argument ``now``."""

from datetime import UTC, datetime, timedelta, timezone

IST = timezone(timedelta(hours=5, minutes=30), "IST")
"""Indian Standard Time has no summer time, so a fixed offset is exact."""


def now() -> datetime:
    """Return the current instant in UTC."""
    return datetime.now(UTC)
