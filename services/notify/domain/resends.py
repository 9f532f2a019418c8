"""The limit on sending a pass again."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from contracts.errors import TooManyAttempts

RESENDS = 3
RESEND_WINDOW = timedelta(minutes=10)


def check_limit(earlier: Sequence[datetime], now: datetime) -> None:
    """Raise `TooManyAttempts` for the fourth resend within ten minutes.

    Raises:
        TooManyAttempts: with ``retry_after`` in seconds.
    """
    recent = sorted(instant for instant in earlier if instant > now - RESEND_WINDOW)
    if len(recent) >= RESENDS:
        wait = recent[-RESENDS] + RESEND_WINDOW - now
        raise TooManyAttempts(
            "this pass was sent again too often", retry_after=max(1, round(wait.total_seconds()))
        )
