"""One part is down: everything that people do is tried at once, and each result is one of the table's words.

``works``: answered with success, and the effect was there while the part was away. ``later``: answered with
success, and the effect came once the part was back. ``503``: that, with Retry-After. Anything else is
reported as it was, such as "no answer within 5 s".
"""

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from tests.chaos.outage_table import BROKER, LATER, POSTGRES, REFUSED, WORKS
from tests.support.stack.backends import TestStack
from tests.support.stack.running import eventually
from tests.support.system.system import System

ANSWER_SECONDS = 5.0
UNSEEN = "answered, and the effect did not come"


@dataclass(frozen=True)
class Answer:
    """The result of one request. ``status`` is 0 if there was no answer."""

    status: int
    seconds: float
    retry_after: bool = False
    content: Any = None
    error: str = ""

    @property
    def word(self) -> str:
        """The table's word for this answer alone."""
        if not self.status or self.seconds > ANSWER_SECONDS:
            result = f"{self.error or self.status} after {self.seconds:.1f} s"
            return f"no answer within {ANSWER_SECONDS:.0f} s ({result})"
        if 200 <= self.status < 300:
            return WORKS
        if self.status == 503:
            return REFUSED if self.retry_after else "503 without Retry-After"
        return str(self.status)


@dataclass(frozen=True)
class Action:
    """Something that people do.

    Args:
        requests: sent at once; all must have the same outcome.
        effect: whether it has happened; None if the answer is all there is.
    """

    requests: tuple[Callable[[], Answer], ...]
    effect: Callable[[], bool] | None = None


@dataclass(frozen=True)
class Patience:
    """Seconds in which an effect must come while the part is down (``works`` is expected), or must not
    (``later``)."""

    works: float = 30.0
    later: float = 1.0
    afterwards: float = 60.0


def observe(
    actions: dict[str, Action],
    expected: dict[str, str],
    away: Callable[[], AbstractContextManager[None]],
    patience: Patience = Patience(),
) -> dict[str, str]:
    """Return the word that was observed for each action.

    Args:
        acts: what people do.
        expected: the table's words; they only decide how long to wait.
        away: takes the part away for the length of a block.
        patience: for how long.
    """
    with ThreadPoolExecutor(len(actions)) as pool:
        with away():
            found = dict(
                zip(
                    actions,
                    pool.map(lambda name: _try(actions[name], expected.get(name, ""), patience), actions),
                    strict=True,
                )
            )
        waiting = [name for name in actions if found[name] == UNSEEN]
        came = pool.map(lambda name: _comes(actions[name], patience.afterwards), waiting)
        found |= {name: LATER for name, is_there in zip(waiting, came, strict=True) if is_there}
    return found


def _try(act: Action, expected: str, patience: Patience) -> str:
    with ThreadPoolExecutor(len(act.requests)) as pool:
        words = {answer.word for answer in pool.map(lambda request: request(), act.requests)}
    if words != {WORKS} or act.effect is None:
        return " and ".join(sorted(words))
    return WORKS if _comes(act, patience.later if expected == LATER else patience.works) else UNSEEN


def _comes(act: Action, seconds: float) -> bool:
    assert act.effect is not None
    until = time.monotonic() + seconds
    while not (there := act.effect()) and time.monotonic() < until:
        time.sleep(0.05)
    return there


@contextmanager
def away(stack: TestStack, system: System, part: str, way: str) -> Iterator[None]:
    """Kill or stop (SIGSTOP) a part for the length of the block, then wait until everything is ready."""
    leave, come_back = _ways(stack, system, part, way)
    leave()
    try:
        yield
    finally:
        come_back()
        for name, process in system.processes.items():
            eventually(process.is_ready, f"{name} is ready again", 90)


def _ways(
    stack: TestStack, system: System, part: str, way: str
) -> tuple[Callable[[], object], Callable[[], object]]:
    if part in {BROKER, POSTGRES}:
        name = part.lower() if part == BROKER else "postgres"
        verbs = ("kill", "start") if way == "killed" else ("suspend", "resume")
        return getattr(stack, f"{verbs[0]}_{name}"), getattr(stack, f"{verbs[1]}_{name}")
    process = system.processes[part]
    if way == "killed":
        return process.kill, process.start
    return lambda: process.signal(signal.SIGSTOP), lambda: process.signal(signal.SIGCONT)
