"""The clock. Only entrypoints and processes read it; handlers get the time as the argument ``now``."""

from datetime import UTC, datetime

from contracts.model import IST

__all__ = ["IST", "now"]


def now() -> datetime:
    """Return the current instant in UTC."""
    return datetime.now(UTC)
