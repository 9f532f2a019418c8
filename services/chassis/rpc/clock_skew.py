"""How far the clock of this host is ahead of its callers', as far as their calls show it.

A call carries when it was sent and its deadline, both by its caller's clock. If this clock is ahead, calls
look late. No call arrives before it was sent, so the fastest call of the last minute shows the difference of
the clocks and little else. It is trusted once enough calls have come over enough time: after a restart or a
stop all calls look late because they are.
"""

from collections import deque
from datetime import datetime, timedelta

WINDOW_SECONDS = 60.0
ENOUGH_SECONDS, ENOUGH_CALLS = 10.0, 20


class ClockSkew:
    """The skew of the calls to one process.

    Args:
        tolerated: seconds of skew, in either direction, by which deadlines are corrected at most.
    """

    def __init__(self, tolerated: float) -> None:
        self._tolerated = tolerated
        self._ages: deque[tuple[float, float]] = deque()

    def observe(self, sent_at: datetime, arrived_at: datetime, moment: float) -> None:
        """Take a call into account.

        Args:
            sent_at: by its caller's clock.
            arrived_at: by this host's clock.
            moment: of its arrival, on the monotonic clock.
        """
        self._ages.append((moment, (arrived_at - sent_at).total_seconds()))
        while self._ages[0][0] < moment - WINDOW_SECONDS:
            self._ages.popleft()

    @property
    def measured(self) -> float:
        """Seconds by which this clock is ahead; 0 while too few calls have shown that it is."""
        if not self._ages:
            return 0.0
        least = min(age for _, age in self._ages)
        lasted = self._ages[-1][0] - self._ages[0][0]
        return least if least < 0 or (lasted >= ENOUGH_SECONDS and len(self._ages) >= ENOUGH_CALLS) else 0.0

    def is_past(self, deadline: datetime, now: datetime) -> bool:
        """Return whether a deadline of a caller has passed, by this host's clock corrected by the skew."""
        correction = max(-self._tolerated, min(self.measured, self._tolerated))
        return deadline < now - timedelta(seconds=correction)
