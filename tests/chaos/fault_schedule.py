"""The order of the faults: a pure function of a seed, so that a seed replays a run."""

import random
from dataclasses import dataclass
from typing import Literal

from contracts.subscriptions import SERVICES

PROCESSES = (*SERVICES, "relay", "sender", "gateway")
BROKER, POSTGRES = "broker", "postgres"
Kind = Literal["kill", "kill twice", "kill several", "kill broker", "kill postgres", "stop", "set clock"]
_OFTEN: dict[Kind, int] = {
    "kill": 60,
    "kill twice": 8,
    "kill several": 10,
    "kill broker": 5,
    "kill postgres": 5,
    "stop": 12,
    "set clock": 12,
}
LONGEST_STOP = 6.0
OFF = 10
"""Seconds by which a clock is set ahead or behind; `EPASS_CLOCK_SKEW` is more."""
LONGEST_OFF = 20.0
FIRST_ROUND = len(PROCESSES) + 3
"""Each process, broker and database server once, and a stop."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    Args:
        kind: what is done. ``kill twice`` kills again while the process starts; ``stop`` is SIGSTOP, then
            SIGCONT; ``set clock`` lets it be wrong for a time while the process lives.
        targets: the parts that it hits.
        gap: seconds of work before it.
        seconds: how long a stop or a wrong clock lasts, or the time between two kills.
        ahead: by how many seconds a clock is ahead.
    """

    kind: Kind
    targets: tuple[str, ...]
    gap: float
    seconds: float = 0.0
    ahead: int = 0

    @property
    def kills(self) -> int:
        """The number of processes that it kills with SIGKILL."""
        return (
            0 if self.kind in {"stop", "set clock"} else 2 if self.kind == "kill twice" else len(self.targets)
        )

    def kills_of(self, target: str) -> int:
        return (2 if self.kind == "kill twice" else 1) if target in self.targets and self.kills else 0

    def __str__(self) -> str:
        return (
            f"{self.kind} {' '.join(self.targets)}"
            if self.targets[0] not in {BROKER, POSTGRES}
            else self.kind
        )


def schedule(seed: int, kills: int, *, clocks: bool = False) -> list[Fault]:
    """Return faults with at least so many kills. The first round hits each part once; then chance decides.

    ``clocks``: whether the clocks of processes can be set.
    """
    chance = random.Random(seed)
    parts = [*PROCESSES, BROKER, POSTGRES]
    chance.shuffle(parts)
    faults = [_of_part(part, chance) for part in parts]
    faults.insert(chance.randrange(len(faults)), _fault("stop", chance))
    often = {kind: weight for kind, weight in _OFTEN.items() if clocks or kind != "set clock"}
    kinds, weights = list(often), list(often.values())
    while sum(fault.kills for fault in faults) < kills:
        faults.append(_fault(chance.choices(kinds, weights)[0], chance))
    return faults


def _of_part(part: str, chance: random.Random) -> Fault:
    kind: Kind = "kill broker" if part == BROKER else "kill postgres" if part == POSTGRES else "kill"
    return Fault(kind, (part,), _gap(chance))


def _fault(kind: Kind, chance: random.Random) -> Fault:
    gap = _gap(chance)
    match kind:
        case "kill broker":
            return Fault(kind, (BROKER,), gap)
        case "kill postgres":
            return Fault(kind, (POSTGRES,), gap)
        case "kill several":
            return Fault(kind, tuple(chance.sample(PROCESSES, chance.choice([2, 3]))), gap)
        case "kill twice":
            return Fault(kind, (chance.choice(PROCESSES),), gap, round(chance.uniform(0.2, 2), 2))
        case "stop":
            return Fault(kind, (chance.choice(PROCESSES),), gap, round(chance.uniform(1, LONGEST_STOP), 1))
        case "set clock":
            seconds = round(chance.uniform(2, LONGEST_OFF), 1)
            return Fault(kind, (chance.choice(PROCESSES),), gap, seconds, chance.choice((OFF, -OFF)))
        case _:
            return Fault(kind, (chance.choice(PROCESSES),), gap)


def _gap(chance: random.Random) -> float:
    return round(chance.uniform(0.3, 2.5), 2)
