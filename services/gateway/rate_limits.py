"""Rate limits: on one address for what is costly, on one address or mobile for what can be guessed.

Each replica counts for itself, in memory. The limits are generous, since many people share one address (a
kiosk, a mobile operator's network); accounts has stricter ones for each number and each login. What only four
characters protect has a limit of its own: the status of one reference, and an application that is opened by
the last four of its ID.
"""

from collections.abc import Callable
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
    "availability": (RateLimitItemPerMinute(60),),
    "status_reference": (RateLimitItemPerHour(20),),
    "open": (RateLimitItemPerHour(10),),
}


class RateLimits:
    """Moving-window counters, one for each limit and key.

    Args:
        enabled: false counts nothing (the bench).
    """

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def hit(self, limit: str, key: str) -> None:
        """Count one attempt of a key: a hashed address, or what is guessed at.

        Raises:
            TooManyAttempts: with ``retry_after`` in seconds.
        """
        self._apply(self._limiter.hit, limit, key)

    def check(self, limit: str, key: str) -> None:
        """Raise `TooManyAttempts` if one more attempt would be too many; count nothing.

        It is for attempts of which only the wrong ones are counted: call `hit` for those, and await nothing
        between.
        """
        self._apply(self._limiter.test, limit, key)

    def _apply(self, is_within: Callable[..., bool], limit: str, key: str) -> None:
        for item in LIMITS[limit] if self._enabled else ():
            if not is_within(item, limit, key):
                seconds = self._limiter.get_window_stats(item, limit, key).reset_time - time()
                raise TooManyAttempts("too many requests", retry_after=max(int(seconds) + 1, 1))
