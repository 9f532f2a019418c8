"""How often one address may ask for what costs, and one address or mobile for what can be guessed. Each replica counts for
itself, in memory.

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


class RateLimits:
    """Counts per key: an address, or what is guessed at.

    Args:
        enabled: false counts nothing (the bench).
    """

    def __init__(self, enabled: bool) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage()) if enabled else None

    def hit(self, what: str, who: str) -> None:
        """Counts one attempt.

        Raises:
            TooManyAttempts: with ``retry_after`` in seconds.
        """
        for item in LIMITS[what]:
            if self._limiter is not None and not self._limiter.hit(item, what, who):
                raise self._too_many(self._limiter, item, what, who)

    def check(self, what: str, who: str) -> None:
        """Counts nothing: for attempts of which only the wrong ones are counted, with :meth:`hit`, and nothing awaited between.

        Raises:
            TooManyAttempts: one more attempt would be too many; ``retry_after`` in seconds.
        """
        for item in LIMITS[what]:
            if self._limiter is not None and not self._limiter.test(item, what, who):
                raise self._too_many(self._limiter, item, what, who)

    @staticmethod
    def _too_many(
        limiter: MovingWindowRateLimiter, item: RateLimitItem, what: str, who: str
    ) -> TooManyAttempts:
        wait = limiter.get_window_stats(item, what, who).reset_time - time()
        return TooManyAttempts("asked too often", retry_after=max(int(wait) + 1, 1))
