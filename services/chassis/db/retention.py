"""Months, by which records are kept: those of India, each from its first day on."""

from datetime import datetime, time

from contracts.model import IST


def month_start(at: datetime, ahead: int = 0) -> datetime:
    """Return the start of the month of an instant, or of one so many months later (negative: before)."""
    there = at.astimezone(IST)
    months = there.year * 12 + there.month - 1 + ahead
    return datetime.combine(
        there.date().replace(year=months // 12, month=months % 12 + 1, day=1), time(), IST
    )


def kept_since(now: datetime, months: int) -> datetime:
    """Return the start of the oldest month whose records are kept: so many months before the present."""
    return month_start(now, -months)
