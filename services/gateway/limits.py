"""How often one address may ask for what costs or what can be guessed. Each replica counts for itself, in memory.

The limits are generous, since many people share one address (a kiosk, a mobile operator's gateway); accounts has
stricter ones for each number and each login. What four characters protect is limited by itself too: a reference asked for
by status, an application opened by its ID's last four.
"""

from time import time

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from contracts.errors import TooManyAttempts

LIMITS: dict[str, tuple[RateLimitItem, ...]] = {
    "otp": (RateLimitItemPerMinute(60), RateLimitItemPerHour(600)),
    "otp_verify": (RateLimitItemPerMinute(120),),
    "login": (RateLimitItemPerMinute(60), RateLimitItemPerHour(600)),
    "status": (RateLimitItemPerMinute(60), RateLimitItemPerHour(300)),
    "status_reference": (RateLimitItemPerHour(20),),
    "open": (RateLimitItemPerHour(10),),
}


class Limits:
    """Counts per key: an address, or what is guessed at.

    Args:
        enabled: false counts nothing (the bench).
    """

    def __init__(self, enabled: bool) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage()) if enabled else None

    def hit(self, what: str, key: str) -> None:
        """Counts one attempt.

        Raises:
            TooManyAttempts: with ``retry_after`` in seconds.
        """
        if self._limiter is None:
            return
        for item in LIMITS[what]:
            if not self._limiter.hit(item, what, key):
                wait = self._limiter.get_window_stats(item, what, key).reset_time - time()
                raise TooManyAttempts("this was asked too often", retry_after=max(int(wait) + 1, 1))
