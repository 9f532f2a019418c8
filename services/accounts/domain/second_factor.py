"""The rules of second factors: who needs one, how long it counts, and which time steps are accepted."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

SignInPurpose = Literal["code", "enrol", "replace"]
STEP = timedelta(seconds=30)
"""RFC 6238 (4.1): what authenticator apps expect."""
WINDOW = 1
"""Steps by which the clock of a phone may differ, to either side (RFC 6238, 5.2)."""
SIGN_IN_LASTS = timedelta(minutes=15)
"""Between the right password and the code, or the first code of a new app."""
RECOVERY_CODES = 10
FRESH = timedelta(minutes=5)
"""For so long a session may do what asks for the second factor again."""
AT_ONCE = timedelta(minutes=1)
"""For so long who has shown it again may replace it: between the code and the form that it was asked for."""
AHEAD = timedelta(seconds=30)
"""By so much may the clock of another process of accounts be ahead."""


def accepted_steps(now: datetime, last_step: int) -> Sequence[int]:
    """Return the time steps whose codes are accepted now: each step once, and none before the last one.

    Args:
        now: this instant.
        last_step: the step of the last code that was accepted.
    """
    step = int(now.timestamp() // STEP.total_seconds())
    return [one for one in range(step - WINDOW, step + WINDOW + 1) if one > last_step]


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
