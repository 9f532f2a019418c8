"""A checker of histories: whether what concurrent clients saw can have happened one thing after the other.

A history is linearizable if its operations can be put into one order in which each comes after all that had
ended before it began, and in which a sequential model gives exactly the answers that were seen. This is the
search of Wing and Gong (1993), which remembers pairs of what is done and the state that this led to (Lowe
2017), so that it looks at none twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Generic, Protocol, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")
S = TypeVar("S")

MOST_PAIRS = 2_000_000
"""How many pairs of operations done and state are looked at; a history that needs more is too long."""


@dataclass(frozen=True)
class Operation(Generic[Q, A]):
    """One operation of one client.

    Args:
        request: what was asked for.
        answer: what was seen; None where there is nothing to see.
        began: when, in seconds of any one clock.
        ended: when the answer was there; None where the outcome is unknown. Then the operation may have
            happened at any time since it began, or never.
    """

    request: Q
    answer: A | None
    began: float
    ended: float | None


class Model(Protocol[Q, A, S]):
    """What a thing does if one operation comes after the other; a state can be hashed."""

    def start(self) -> S:
        """Return the first state."""

    def after(self, state: S, request: Q) -> Iterable[tuple[A | None, S]]:
        """Return each possible answer with the state that follows."""


class TooLong(Exception):
    """A history has too many operations at once to be searched."""


@dataclass(frozen=True)
class Violation(Generic[Q, A]):
    """A history that cannot have happened one thing after the other.

    Args:
        order: the longest order that fits.
        stuck: what was seen and fits nowhere after it.
    """

    order: tuple[Operation[Q, A], ...]
    stuck: tuple[Operation[Q, A], ...]

    def __str__(self) -> str:
        lines = ["after"]
        lines += [f"  {one.request} -> {one.answer}" for one in self.order]
        lines += ["none of these can be next:"]
        lines += [f"  {one.request} -> {one.answer}" for one in self.stuck]
        return "\n".join(lines)


def violation(history: Sequence[Operation[Q, A]], model: Model[Q, A, S]) -> Violation[Q, A] | None:
    """Return how a history contradicts a model; None if it is linearizable.

    Raises:
        TooLong: the search needs more than MOST_PAIRS.
    """
    seen_to_end = sum(1 << number for number, one in enumerate(history) if one.ended is not None)
    begin = (0, model.start())
    came_from: dict[tuple[int, S], tuple[tuple[int, S], int] | None] = {begin: None}
    waiting, furthest = [begin], begin
    while waiting:
        pair = waiting.pop()
        done, state = pair
        if done & seen_to_end == seen_to_end:
            return None
        if (done & seen_to_end).bit_count() > (furthest[0] & seen_to_end).bit_count():
            furthest = pair
        for number in _next(history, done):
            operation = history[number]
            for answer, following in model.after(state, operation.request):
                reached = (done | 1 << number, following)
                if reached in came_from or (operation.ended is not None and answer != operation.answer):
                    continue
                came_from[reached] = (pair, number)
                waiting.append(reached)
        if len(came_from) > MOST_PAIRS:
            raise TooLong(f"{len(history)} operations")
    order = []
    step = came_from[furthest]
    while step is not None:
        order.append(history[step[1]])
        step = came_from[step[0]]
    stuck = (history[number] for number in _next(history, furthest[0]))
    return Violation(tuple(reversed(order)), tuple(one for one in stuck if one.ended is not None))


def _next(history: Sequence[Operation[Q, A]], done: int) -> list[int]:
    """Return which operations can be next: no other one that is not done ended before they began."""
    left = [number for number in range(len(history)) if not done >> number & 1]
    first_end = min((_end(history[number]) for number in left), default=inf)
    return [number for number in left if history[number].began <= first_end]


def _end(operation: Operation[Q, A]) -> float:
    return inf if operation.ended is None else operation.ended
