"""For how long a second factor counts that a session has shown, and where it is asked for again."""

from datetime import datetime, timedelta

from contracts.errors import Forbidden
from contracts.rpc.call import Principal

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


def require_fresh(principal: Principal, now: datetime) -> None:
    """Raise `Forbidden` unless a session that has shown a second factor did so within five minutes.

    A session that has shown none is of a login that had none and needed none: accounts opens no other, and
    ends those of a role that needs one by a new rule. So it goes on.

    Raises:
        Forbidden: ``second_factor_stale``.
    """
    if principal.factor_at is not None and not is_fresh(principal.factor_at, now):
        raise Forbidden("show the second factor again", code="second_factor_stale")
