"""Group commit: calls that wait while others are at work are handled together, in one transaction.

A call leads when fewer than `GROUPS_AT_ONCE` groups are at work. It takes all that wait, at most
`LARGEST_GROUP`, and does their work. Meanwhile others gather, and one of them leads next. A call that comes
alone is handled alone, at once. A call that has waited for `PATIENCE` leads one group more, so that groups
that wait for a lock hold up nobody else.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from services.chassis.runtime import logs, metrics

log = logs.logger(__name__)
Q = TypeVar("Q")
R = TypeVar("R")
LARGEST_GROUP = 64
GROUPS_AT_ONCE = 2
"""Python prepares the second while the database works on the first."""
PATIENCE = 0.5
"""Seconds."""


class _Call(Generic[Q, R]):
    """One call: its request, and then its result or error; both are None if it has to be handled alone."""

    def __init__(self, request: Q) -> None:
        self.request = request
        self.turn = threading.Event()  # set when it is to lead, and when it is done
        self.leads = False
        self.is_done = False
        self.result: R | None = None
        self.error: BaseException | None = None


class GroupCommit(Generic[Q, R]):
    """Calls of one kind in one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Call[Q, R]] = deque()
        self._groups = 0

    def submit(
        self, request: Q, one: Callable[[Q], R], many: Callable[[Sequence[Q]], Sequence[R | None]]
    ) -> R:
        """Return the result for one request.

        Args:
            request: of this call.
            one: handles a request in a transaction of its own; its error is the caller's.
            many: handles a group in one transaction, in the order in which its requests came. It returns a
                result for each, None for one that it leaves to ``one``. If it fails, all go to ``one``.
        """
        mine: _Call[Q, R] = _Call(request)
        with self._lock:
            self._waiting.append(mine)
            if self._groups < GROUPS_AT_ONCE:
                self._groups += 1
                self._let_lead(mine)
        try:
            while mine.leads or not mine.is_done:
                if not mine.turn.wait(PATIENCE):
                    self._lead_one_more(mine)
                mine.turn.clear()
                if mine.leads:
                    self._lead(mine, one, many)
        finally:  # a killed thread that was to lead lets another one
            self._leave(mine)
        if mine.error is not None:
            raise mine.error
        return one(request) if mine.result is None else mine.result

    def _lead(
        self,
        leader: _Call[Q, R],
        one: Callable[[Q], R],
        many: Callable[[Sequence[Q]], Sequence[R | None]],
    ) -> None:
        leader.leads = False
        with self._lock:
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), LARGEST_GROUP))]
        if group:
            metrics.GROUP_SIZE.observe(len(group))
        try:
            if len(group) == 1:
                group[0].result = one(group[0].request)
            elif group:
                results = many([call.request for call in group])
                for call, result in zip(group, results, strict=True):
                    call.result = result
        except Exception as error:  # noqa: BLE001  a call alone raises it, a group is handled one by one
            if len(group) == 1:
                group[0].error = error
            else:  # each call meets its own error again, alone
                log.info("calls are handled one by one", calls=len(group), error=type(error).__name__)
        finally:  # also when this thread is killed, so that nobody waits for it
            self._hand_over()
            for call in group:
                call.is_done = True
                call.turn.set()

    def _lead_one_more(self, mine: _Call[Q, R]) -> None:
        with self._lock:
            if mine in self._waiting and not mine.leads:
                self._groups += 1
                mine.leads = True

    def _leave(self, mine: _Call[Q, R]) -> None:
        with self._lock:
            if mine in self._waiting:
                self._waiting.remove(mine)
        if mine.leads:
            mine.leads = False
            self._hand_over()

    def _hand_over(self) -> None:
        with self._lock:
            following = next((call for call in self._waiting if not call.leads), None)
            if following is None:
                self._groups -= 1
            else:
                self._let_lead(following)

    def _let_lead(self, call: _Call[Q, R]) -> None:
        call.leads = True
        call.turn.set()
