"""A day at three gates whose network comes and goes, and an omniscient ledger of who really walked in.

The gates decide by the domain's own functions: online on what the server knows, offline on what they held
when their network went. Everybody who leaves a gate that counts nobody really leaves, however many the gate
believes to be inside. The server hears of offline scans later, in requests that may be repeated because an
answer was lost, and keeps the real `Ledger` of each pass. The omniscient ledger shares no rule with it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from contracts.model import Direction
from services.verify.domain.ledger import Contradiction, Ledger, Movement
from services.verify.domain.passes import Standing, Terms
from services.verify.domain.verdicts import Attempt, decide_entry, decide_exit, standing_after
from tests.support.factories.verify import NOON

GATES = ("PCS1-G1", "PCS1-G2", "PCS1-G3")
OPENS, DAY = NOON - timedelta(hours=2), timedelta(hours=8)
AT_ONCE = 200
"""Scans of one request."""
ANSWER_LOST = 0.3
"""How often a request is carried out and its answer is lost."""


@dataclass(frozen=True)
class Pass:
    """A pass of the day, and when it is revoked, if it is."""

    number: int
    terms: Terms
    revoked_at: datetime | None


@dataclass(frozen=True)
class Arrival:
    """Persons with a pass at a gate."""

    at: datetime
    number: int
    gate: str
    direction: Direction
    count: int | None


@dataclass
class Device:
    """A gate's device: whether it has a network, what it held when that went, and what is unsent."""

    online: bool = True
    held: dict[int, Standing] = field(default_factory=dict)
    unsent: list[tuple[int, Movement]] = field(default_factory=list)


class Day:
    """One day, made from a seed."""

    def __init__(self, seed: int, passes: int) -> None:
        self._random = Random(seed)
        self.passes = [self._pass(number) for number in range(passes)]
        self.ledgers = [Ledger(one.terms, revoked_at=one.revoked_at) for one in self.passes]
        self.devices = {gate: Device() for gate in GATES}
        self.walked: dict[int, list[Movement]] = defaultdict(list)
        """Who really walked in and out, by pass, in the order of time."""
        self.really_inside: Counter[int] = Counter()
        """How many persons really are inside, by pass."""
        self.recorded: dict[UUID, Movement] = {}
        """What the server has, by nonce."""
        self.conflicts: dict[int, list[Contradiction]] = defaultdict(list)
        """What the server has published, by pass."""
        self.repeated = 0

    def run(self) -> None:
        """Live through the day, and bring all gates back at its end."""
        steps = [*self._arrivals(), *self._outages()]
        for step in sorted(steps, key=lambda step: step.at if isinstance(step, Arrival) else step[0]):
            if isinstance(step, Arrival):
                self._arrive(step)
            else:
                _, gate, online = step
                self._switch(gate, online=online)
        for gate in self._random.sample(GATES, len(GATES)):
            self._switch(gate, online=True)

    def _pass(self, number: int) -> Pass:
        random = self._random
        opens = OPENS + random.random() * 0.6 * DAY
        gate = random.choice(GATES) if random.random() < 0.1 else None
        terms = Terms(
            "PCS1",
            gate,
            random.choice((1, 1, 2, 3, 4)),
            random.choice((1, 1, 2)),
            opens,
            opens + timedelta(minutes=random.randint(60, 300)),
        )
        revoked_at = OPENS + random.random() * DAY if random.random() < 0.05 else None
        return Pass(number, terms, revoked_at)

    def _arrivals(self) -> Iterator[Arrival]:
        """Yield a visit for each pass; of some a copy is shown at another gate, at about the same time."""
        random = self._random
        for one in self.passes:
            for _ in range(random.choice((1, 1, 1, 1, 2))):
                at, inside = one.terms.valid_from + random.random() * timedelta(hours=4), False
                for _ in range(random.choice((1, 2, 2, 2, 4))):
                    count = random.randint(1, one.terms.party) if random.random() < 0.4 else None
                    gate = one.terms.gate or random.choice(GATES)
                    yield Arrival(at, one.number, gate, "exit" if inside else "entry", count)
                    inside, at = not inside, at + random.random() * timedelta(hours=1)

    def _outages(self) -> Iterator[tuple[datetime, str, bool]]:
        for gate in GATES:
            at, online = OPENS, True
            while at < OPENS + 1.5 * DAY:
                at += self._random.expovariate(1) * timedelta(minutes=70 if online else 50)
                online = not online
                yield at, gate, online

    def _arrive(self, arrival: Arrival) -> None:
        device, number = self.devices[arrival.gate], arrival.number
        revoked_at = self.passes[number].revoked_at
        known = self.ledgers[number].now.standing if device.online else device.held[number]
        if device.online:
            known = replace(known, revoked=revoked_at is not None and revoked_at <= arrival.at)
        attempt, really = Attempt(arrival.gate, arrival.at), self.really_inside[number]
        if arrival.direction == "entry":
            decision = decide_entry(known, attempt)
            count = walked = min(arrival.count or decision.count, decision.count)
        elif really == 0:
            return
        else:
            counted = arrival.count and min(arrival.count, really)
            decision = decide_exit(known, replace(attempt, count=counted))
            count, walked = decision.count, counted or really
        if not decision.moves:
            return
        movement = Movement(
            UUID(int=self._random.getrandbits(128)),
            arrival.gate,
            arrival.at,
            arrival.direction,
            count,
            offline=not device.online,
            uncounted=arrival.direction == "exit" and arrival.count is None,
        )
        self.walked[number].append(replace(movement, count=walked))
        self.really_inside[number] += walked if arrival.direction == "entry" else -walked
        if device.online:
            self._record(number, movement)
            return
        change = count if arrival.direction == "entry" else -count
        decision = replace(decision, count=count, inside=max(known.inside_at(arrival.at) + change, 0))
        device.held[number] = standing_after(known, decision)
        device.unsent.append((number, movement))

    def _switch(self, gate: str, *, online: bool) -> None:
        """Cut a gate off, which goes on with what the server knows now; or bring it back, and it sends."""
        device = self.devices[gate]
        if device.online and not online:
            device.held = {number: ledger.now.standing for number, ledger in enumerate(self.ledgers)}
        device.online = online
        while online and device.unsent:
            batch = device.unsent[:AT_ONCE]
            self._send(gate, batch)
            if self._random.random() < ANSWER_LOST:
                continue  # the same request again
            device.unsent = device.unsent[AT_ONCE:]

    def _send(self, gate: str, batch: Sequence[tuple[int, Movement]]) -> None:
        """Send scans to the server, as one request of a gate."""
        for number, movement in batch:
            self._record(number, movement)

    def _record(self, number: int, movement: Movement) -> None:
        """Have the server record a movement once, by its nonce."""
        if movement.scan in self.recorded:
            self.repeated += 1
            return
        self.recorded[movement.scan] = movement
        self.conflicts[number] += self.ledgers[number].add(movement).contradictions

    def truth(self, number: int) -> tuple[int, int]:
        """Return how many persons really are inside with a pass, and how many came in beyond it.

        This counts persons, and uses nothing of the domain.
        """
        one, inside, came, excess = self.passes[number], 0, 0, 0
        terms = one.terms
        for movement in sorted(self.walked[number], key=lambda movement: movement.at):
            if movement.direction == "exit":
                inside = max(inside - movement.count, 0)
                continue
            is_open = terms.valid_from <= movement.at < terms.valid_to
            is_revoked = one.revoked_at is not None and one.revoked_at <= movement.at
            free = min(terms.party - inside, terms.party * terms.entries - came)
            may = max(free, 0) if is_open and not is_revoked else 0
            excess += max(movement.count - may, 0)
            inside, came = inside + movement.count, came + movement.count
        return inside, excess
