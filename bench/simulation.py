"""A discrete-event simulation of steps with queues: what waits where, and for how long.

A step has replicas. One that is free takes all units that wait, up to the largest batch, and works on them
for ``fixed + each * units`` seconds of a processor, and then ``pause`` seconds without one (a commit, a
confirm). Then each unit goes to the steps that follow, to each of them one copy. The processors of the
machine are shared by all steps; with ``processors=None`` each replica has one of its own.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count

Arrival = tuple[float, str]
"""When a unit arrives from outside, and at which step."""


@dataclass(frozen=True)
class Step:
    """What happens to a unit at one place.

    Attributes:
        name: of the step.
        fixed: seconds of a processor for each batch.
        each: seconds of a processor for each unit of a batch.
        pause: seconds after that in which the replica waits for others.
        replicas: how many batches are in hand at once.
        most: units in a batch at most.
        poll: seconds until an idle replica looks, at most; 0 if it is called at once.
        gathers: whether a replica waits so long after each batch, too, so that more come.
        then: the steps to which each unit goes.
        random: whether service times are exponential, with that mean, instead of always the same.
        first: whether it gets a processor before others do.
    """

    name: str
    fixed: float
    each: float
    pause: float = 0.0
    replicas: int = 1
    most: int = 64
    poll: float = 0.0
    gathers: bool = False
    then: tuple[str, ...] = ()
    random: bool = False
    first: bool = False


@dataclass
class Seen:
    """What was seen of one step.

    Attributes:
        arrived, left: units.
        waits: seconds of each unit until its batch began.
        ages: seconds of each unit from its arrival in the system until it left this step.
        busy: processor seconds.
        most_waiting: the longest queue.
        empty_at: when the queue was first empty after it had been longest.
        left_at: when the last unit left.
    """

    arrived: int = 0
    left: int = 0
    batches: int = 0
    waits: list[float] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    busy: float = 0.0
    most_waiting: int = 0
    empty_at: float = 0.0
    left_at: float = 0.0


@dataclass(frozen=True)
class Outage:
    """A step takes no batch between two moments."""

    step: str
    begin: float
    end: float


@dataclass(frozen=True)
class _Unit:
    born: float
    came: float


class Simulation:
    """One run.

    Args:
        steps: in any order.
        processors: of the machine; None for one for each replica.
        seed: of the random numbers.
        again: what clients do who wait for an answer: a unit that leaves the first of these steps makes one
            arrive at the second at once. Use it with an end.
    """

    def __init__(
        self,
        steps: Iterable[Step],
        processors: int | None = None,
        seed: int = 1,
        again: tuple[str, str] | None = None,
    ) -> None:
        self._steps = {step.name: step for step in steps}
        self._random = random.Random(f"services {seed}")  # not those of the arrivals
        self._free = processors
        self._again = again
        self._for_processor: list[tuple[bool, int, Callable[[], None]]] = []
        self._queues: dict[str, deque[_Unit]] = {name: deque() for name in self._steps}
        self._idle = {name: step.replicas for name, step in self._steps.items()}
        self._looking: set[str] = set()
        self._outages: Sequence[Outage] = ()
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._number = count()
        self.now = 0.0
        self.seen = {name: Seen() for name in self._steps}

    def run(
        self, arrivals: Iterable[Arrival], until: float = float("inf"), outages: Sequence[Outage] = ()
    ) -> Mapping[str, Seen]:
        """Let units arrive, in the order of their times, and work until everything is done or time is up."""
        self._outages = outages
        for outage in outages:
            self._at(outage.end, partial(self._look, outage.step))
        coming = iter(arrivals)

        def arrive(name: str) -> None:
            self._arrive(name, _Unit(self.now, self.now))
            expect_next()

        def expect_next() -> None:
            if following := next(coming, None):
                self._at(following[0], partial(arrive, following[1]))

        expect_next()
        while self._events and self._events[0][0] <= until:
            self.now, _, happen = heapq.heappop(self._events)
            happen()
        return self.seen

    def waiting(self) -> dict[str, int]:
        """Return how many units wait at each step, and are in hand there."""
        return {name: seen.arrived - seen.left for name, seen in self.seen.items()}

    def _at(self, time: float, happen: Callable[[], object]) -> None:
        heapq.heappush(self._events, (time, next(self._number), happen))

    def _arrive(self, name: str, unit: _Unit) -> None:
        queue, seen = self._queues[name], self.seen[name]
        queue.append(unit)
        seen.arrived += 1
        if len(queue) > seen.most_waiting:
            seen.most_waiting, seen.empty_at = len(queue), 0.0
        if self._idle[name] and name not in self._looking:
            self._looking.add(name)
            pause = self._steps[name].poll
            self._at(self.now + (self._random.uniform(0, pause) if pause else 0), partial(self._look, name))

    def _look(self, name: str) -> None:
        """Take what waits, if a replica is free and the step works."""
        self._looking.discard(name)
        if any(one.step == name and one.begin <= self.now < one.end for one in self._outages):
            return
        step, queue, seen = self._steps[name], self._queues[name], self.seen[name]
        while self._idle[name] and queue:
            self._idle[name] -= 1
            batch = [queue.popleft() for _ in range(min(len(queue), step.most))]
            seen.batches += 1
            mean = step.fixed + step.each * len(batch)
            seconds = self._random.expovariate(1 / mean) if step.random else mean
            self._with_processor(step, partial(self._work, step, batch, seconds))
        if not queue and not seen.empty_at:
            seen.empty_at = self.now

    def _with_processor(self, step: Step, work: Callable[[], None]) -> None:
        if self._free is None:
            work()
        elif self._free:
            self._free -= 1
            work()
        else:
            heapq.heappush(self._for_processor, (not step.first, next(self._number), work))

    def _work(self, step: Step, batch: list[_Unit], seconds: float) -> None:
        seen = self.seen[step.name]
        seen.waits += [self.now - unit.came for unit in batch]
        seen.busy += seconds
        self._at(self.now + seconds, self._give_processor_back)
        self._at(self.now + seconds + step.pause, partial(self._leave, step, batch))

    def _give_processor_back(self) -> None:
        if self._for_processor:
            heapq.heappop(self._for_processor)[2]()
        elif self._free is not None:
            self._free += 1

    def _leave(self, step: Step, batch: list[_Unit]) -> None:
        seen = self.seen[step.name]
        seen.left += len(batch)
        seen.left_at = self.now
        seen.ages += [self.now - unit.born for unit in batch]
        self._idle[step.name] += 1
        for name in step.then:
            for unit in batch:
                self._arrive(name, _Unit(unit.born, self.now))
        if self._again and step.name == self._again[0]:
            for _ in batch:
                self._arrive(self._again[1], _Unit(self.now, self.now))
        if step.name in self._looking:
            return
        if step.gathers:
            self._looking.add(step.name)
            self._at(self.now + step.poll, partial(self._look, step.name))
        else:
            self._look(step.name)


def steady(rate: float, seconds: float, step: str, seed: int = 1) -> Iterable[Arrival]:
    """Yield arrivals at random moments (Poisson), so many a second."""
    return by_profile([(seconds, rate)], step, seed)


def by_profile(profile: Iterable[tuple[float, float]], step: str, seed: int = 1) -> Iterable[Arrival]:
    """Yield arrivals at random moments whose rate changes: for so many seconds, so many a second."""
    chance, at, end = random.Random(f"arrivals {step} {seed}"), 0.0, 0.0
    for seconds, rate in profile:
        at, end = end, end + seconds
        while rate and (at := at + chance.expovariate(rate)) < end:
            yield at, step


def quantile(values: Sequence[float], q: float) -> float:
    """Return a quantile of values."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * q), len(ordered) - 1)] if ordered else float("nan")
