"""How far the clock of this host is ahead of that of each of its callers, as far as their calls show it.

A call carries when it was sent and its deadline, both by its caller's clock. If this clock is ahead, calls
look late. No call arrives before it was sent, so the fastest call of the last minute shows the difference of
the clocks and little else. It is trusted once enough calls have come over enough time: after a restart or a
stop all calls look late because they are.

This host's clock may be set meanwhile: it then no longer keeps in step with the clock that only goes forward,
and all that calls have shown moves with it. A caller whose clock is set calls under a new name.
"""

from collections import deque
from datetime import datetime, timedelta

WINDOW_SECONDS = 60.0
ENOUGH_SECONDS, ENOUGH_CALLS = 10.0, 20
SET_SECONDS = 0.5
"""A clock that goes by so much more or less than the one that only goes forward was set."""


class _Calls:
    """The calls of one caller within the last minute."""

    def __init__(self) -> None:
        self.moments: deque[float] = deque()
        self._least: deque[tuple[float, float]] = deque()
        """Moment and age of each call that was faster than all after it: the first is the fastest of all."""

    def add(self, moment: float, age: float) -> None:
        self.moments.append(moment)
        while self._least and self._least[-1][1] >= age:
            self._least.pop()
        self._least.append((moment, age))
        while self.moments[0] < moment - WINDOW_SECONDS:
            self.moments.popleft()
        while self._least[0][0] < moment - WINDOW_SECONDS:
            self._least.popleft()

    def move(self, seconds: float) -> None:
        """Note that this clock was set forward by so many seconds."""
        self._least = deque((moment, age + seconds) for moment, age in self._least)

    @property
    def skew(self) -> float:
        """Seconds by which this clock is ahead; 0 while too few calls have shown that it is."""
        least = self._least[0][1]
        lasted = self.moments[-1] - self.moments[0]
        return least if least < 0 or (lasted >= ENOUGH_SECONDS and len(self.moments) >= ENOUGH_CALLS) else 0.0


class ClockSkew:
    """The skew of the calls to one process, for each of its callers: the clock of one may be wrong.

    Args:
        tolerated: seconds of skew, in either direction, by which deadlines are corrected at most.
    """

    def __init__(self, tolerated: float) -> None:
        self._tolerated = tolerated
        self._callers: dict[str, _Calls] = {}
        self._wall_ahead: float | None = None
        """Seconds by which the wall clock was ahead of the other one at the last call."""

    def observe(self, sent_at: datetime, arrived_at: datetime, moment: float, caller: str = "") -> None:
        """Take a call into account.

        Args:
            sent_at: by its caller's clock.
            arrived_at: by this host's clock.
            moment: of its arrival, on `clock.boottime`.
            caller: its process; an earlier version names none.
        """
        self._follow_own_clock(arrived_at.timestamp() - moment)
        age = (arrived_at - sent_at).total_seconds()
        self._callers.setdefault(caller, _Calls()).add(moment, age)
        since = moment - WINDOW_SECONDS
        for silent in [one for one, calls in self._callers.items() if calls.moments[-1] < since]:
            del self._callers[silent]

    def _follow_own_clock(self, wall_ahead: float) -> None:
        set_by = 0.0 if self._wall_ahead is None else wall_ahead - self._wall_ahead
        self._wall_ahead = wall_ahead
        if abs(set_by) > SET_SECONDS:
            for calls in self._callers.values():
                calls.move(set_by)

    def measured(self, moment: float) -> float:
        """Return the seconds by which this clock is ahead of the caller's that differs most.

        It is 0 where none is seen to be. A caller that is silent for long by this moment does not count.
        """
        since = moment - WINDOW_SECONDS
        skews = (calls.skew for calls in self._callers.values() if calls.moments[-1] >= since)
        return max(skews, key=abs, default=0.0)

    def is_past(self, deadline: datetime, now: datetime, caller: str = "") -> bool:
        """Return whether a deadline of a caller has passed, by this host's clock corrected by the skew."""
        calls = self._callers.get(caller)
        skew = calls.skew if calls is not None else 0.0
        correction = max(-self._tolerated, min(skew, self._tolerated))
        return deadline < now - timedelta(seconds=correction)
