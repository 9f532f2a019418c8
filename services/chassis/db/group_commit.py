"""Group commit: calls that wait while a transaction runs share the next one.

The first call that finds nobody at work leads: it takes all that wait and does their work in one transaction.
Meanwhile others gather, and one of them leads next. A call that comes alone is served at once.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
R = TypeVar("R")
LARGEST_GROUP = 64
GROUPS_AT_ONCE = 2
"""Python prepares the second while the database works on the first."""


class _Waiting(Generic[Q, R]):
    """One call, and what it gets; ``turn`` is set when it has its outcome or is to lead."""

    def __init__(self, request: Q) -> None:
        self.request = request
        self.turn = threading.Event()
        self.leads = False
        self.outcome: tuple[R | None, BaseException | None] | None = None


class GroupCommit(Generic[Q, R]):
    """Calls of one kind in one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Waiting[Q, R]] = deque()
        self._groups = 0

    def submit(self, request: Q, work: Callable[[Sequence[Q]], Sequence[R]]) -> R:
        """Return the result for one request; raise what its group raised.

        Args:
            request: of this call.
            work: takes the requests of a group, in the order in which they came, and returns a result for
                each when all are committed.
        """
        mine: _Waiting[Q, R] = _Waiting(request)
        with self._lock:
            self._waiting.append(mine)
            if self._groups < GROUPS_AT_ONCE:
                self._groups += 1
                self._let_lead(mine)
        while mine.outcome is None or mine.leads:
            mine.turn.wait()
            mine.turn.clear()
            if mine.leads:
                self._lead(mine, work)
        result, error = mine.outcome
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # without an error there is a result

    def _lead(self, leader: _Waiting[Q, R], work: Callable[[Sequence[Q]], Sequence[R]]) -> None:
        leader.leads = False
        with self._lock:
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), LARGEST_GROUP))]
        outcomes: list[tuple[R | None, BaseException | None]]
        try:
            outcomes = [(result, None) for result in work([one.request for one in group])] if group else []
        except BaseException as error:
            outcomes = [(None, error)] * len(group)
            if not isinstance(error, Exception):  # this thread is to end; the others must not wait for it
                raise
        finally:
            self._hand_over()
            for one, outcome in zip(group, outcomes, strict=True):
                one.outcome = outcome
                one.turn.set()

    def _hand_over(self) -> None:
        with self._lock:
            following = next((one for one in self._waiting if not one.leads), None)
            if following is None:
                self._groups -= 1
            else:
                self._let_lead(following)

    def _let_lead(self, one: _Waiting[Q, R]) -> None:
        one.leads = True
        one.turn.set()
