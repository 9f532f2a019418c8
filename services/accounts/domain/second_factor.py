"""The rules of second factors: how long each step of one lasts, and which time steps are accepted."""

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
AT_ONCE = timedelta(minutes=1)
"""For so long who has shown it again may replace it: between the code and the form that it was asked for."""


def accepted_steps(now: datetime, last_step: int) -> Sequence[int]:
    """Return the time steps whose codes are accepted now: each step once, and none before the last one.

    Args:
        last_step: the step of the last code that was accepted.
    """
    step = int(now.timestamp() // STEP.total_seconds())
    return [one for one in range(step - WINDOW, step + WINDOW + 1) if one > last_step]
