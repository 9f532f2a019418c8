"""An invariant as arithmetic: a whole that equals the sum of its parts, and what must not be at all. Pure.

What one service said and the next has not heard is "in flight". Said a while ago, it must still lie somewhere: in the
outbox, in the consumer's queue, in a delay or in its dead letters. What lies nowhere is lost, and breaks the balance.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

Row = tuple[Any, ...]
Lying = Callable[[tuple[str, ...]], int]
"""How many messages lie in these consumers' queues, their dead letters and the delays."""
K = TypeVar("K")


@dataclass(frozen=True)
class InFlight:
    """What was said longer ago than a message is under way when all is well, and not heard.

    Args:
        number: of such events.
        queues: where the consumer would hear them.
        unsent: how many events of these kinds are still in the outbox.
    """

    number: int
    queues: tuple[str, ...]
    unsent: int


@dataclass(frozen=True)
class Balance:
    """One invariant with its numbers.

    Args:
        name: of the invariant.
        whole: what the parts add up to, and ``number`` how much it is.
        parts: by name.
        faults: what must not be, by name: each is 0 where it holds.
        in_flight: what is still to be judged; see ``judged``.
    """

    name: str
    whole: str
    number: int
    parts: Mapping[str, int]
    faults: Mapping[str, int] = field(default_factory=dict)
    in_flight: tuple[tuple[str, InFlight], ...] = ()

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.number == sum(self.parts.values()) and not any(self.faults.values())

    def judged(self, lying: Lying) -> "Balance":
        """The same with what is in flight told apart from what is lost."""
        parts, faults = dict(self.parts), dict(self.faults)
        for name, flight in self.in_flight:
            lost = max(0, flight.number - flight.unsent - lying(flight.queues))
            faults[f"{name} and lost"] = lost
            if name in parts:
                parts[name] -= lost
        return replace(self, parts=parts, faults=faults, in_flight=())


def side_by_side(left: Iterable[Row], right: Iterable[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Pairs rows of the same first column, None where a side has none. Both sides come in the order of that column."""
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
