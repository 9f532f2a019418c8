"""An invariant as arithmetic: a whole equals the sum of its parts, and certain faults do not exist. Pure.

An event that one service published and the next has not received is in flight. If it was published a while
ago, it must still be in the outbox, in the consumer's queue, in a delay queue or in the dead letters.
Otherwise it is lost, and the balance does not hold.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

Row = tuple[Any, ...]
Queued = Callable[[tuple[str, ...]], int]
"""Returns how many messages are in these consumers' queues, their dead letters and the delay queues."""
K = TypeVar("K")


@dataclass(frozen=True)
class InFlight:
    """Events that the consumer has not received although they were published longer ago than a message needs.

    Args:
        number: of such events.
        queues: where the consumer would receive them.
        unsent: how many events of these types are still in the outbox.
    """

    number: int
    queues: tuple[str, ...]
    unsent: int


@dataclass(frozen=True)
class Balance:
    """One invariant with its numbers.

    Args:
        whole: the name of what the parts add up to; ``number`` is its value.
        parts: numbers by name.
        faults: numbers by name; each is 0 if the invariant holds.
        in_flight: events that may be lost; see ``judge``.
    """

    name: str
    whole: str
    number: int
    parts: Mapping[str, int]
    faults: Mapping[str, int] = field(default_factory=dict)
    in_flight: tuple[tuple[str, InFlight], ...] = ()

    @property
    def holds(self) -> bool:
        """Return whether the invariant holds."""
        return self.number == sum(self.parts.values()) and not any(self.faults.values())

    def judge(self, queued: Queued) -> "Balance":
        """Return the balance with lost events as a fault, no longer as a part of those in flight."""
        parts, faults = dict(self.parts), dict(self.faults)
        for name, flight in self.in_flight:
            lost = max(0, flight.number - flight.unsent - queued(flight.queues))
            faults[f"{name} and lost"] = lost
            if name in parts:
                parts[name] -= lost
        return replace(self, parts=parts, faults=faults, in_flight=())


def merge_join(left: Iterable[Row], right: Iterable[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Pair the rows of equal first columns, None if a side has no such row.

    Both sides are ordered by that column.
    """
    lefts, rights = iter(left), iter(right)
    one, other = next(lefts, None), next(rights, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[0] < other[0]):
            yield one, None
            one = next(lefts, None)
        elif one is None or other[0] < one[0]:
            yield None, other
            other = next(rights, None)
        else:
            yield one, other
            one, other = next(lefts, None), next(rights, None)
