"""For how long a second factor counts that a session has shown, wherever a service asks for it again."""

from datetime import datetime, timedelta

FRESH = timedelta(minutes=5)
"""For so long a session may do what asks for the second factor again."""
AHEAD = timedelta(seconds=30)
"""By so much may the clock of the process of accounts that took the code be ahead."""


def is_fresh(factor_at: float | None, now: datetime, lasts: timedelta = FRESH) -> bool:
    """Return whether a session has shown its second factor a moment ago.

    Args:
        factor_at: when it did last, in seconds since 1970; None if it never did.
        now: this instant. The clock that wrote ``factor_at`` may be ahead by :data:`AHEAD`, and no more.
        lasts: for how long it counts.
    """
    return (
        factor_at is not None
        and -AHEAD.total_seconds() <= now.timestamp() - factor_at < lasts.total_seconds()
    )
