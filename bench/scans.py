"""Recorded scans: how many a second are answered, and propagated, and what processor time one costs.

*Answered* is durable at the answer. *Propagated* is when the application knows: its timeline has the entry.
Each measurement starts when nothing waits in outboxes and queues, and each of its passes is new: one entry
and one exit by the same client.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from bench import processor
from bench.load import Result, in_shares, paced, requests
from contracts.subscriptions import SERVICES
from deploy.local.stack import Stack

T = TypeVar("T")
PATIENCE = 120.0
"""Seconds until everything that was answered has to be propagated."""
WARM_UP = 200
"""Scans before the first one that counts."""
_PROPAGATED = "select count(*) from inbox where consumer = 'application.PassScanned'"
_WAITING = "select count(*) from outbox where sent_at is null"
_QUEUED = "select count(*) from messages where state = 'queued'"


@dataclass(frozen=True)
class Figures:
    """What one measurement found.

    Attributes:
        answered: latencies of the answers.
        propagated: scans a second until the application knew the last one.
        processor: milliseconds of processor time that one scan costs, by part.
    """

    answered: Result
    propagated: float
    processor: Counter[str]

    def to_json(self) -> dict[str, object]:
        return {
            "answered_per_s": round(self.answered.rate, 1),
            "propagated_per_s": round(self.propagated, 1),
            "p50_ms": round(self.answered.quantile(0.5), 2),
            "p99_ms": round(self.answered.quantile(0.99), 2),
            "refused": self.answered.refused,
            "processor_ms": {part: round(used, 3) for part, used in self.processor.most_common()},
            "processor_ms_in_all": round(self.processor.total(), 3),
        }


@dataclass(frozen=True)
class Gate:
    """A gate of one running system.

    Attributes:
        stack: its servers.
        address: of the gateway.
        session: the token of the officer.
    """

    stack: Stack
    address: str
    session: str

    async def measure(self, tokens: list[str], clients: int) -> Figures:
        """Scan each pass in and out, with so many clients, each as soon as its last scan is answered."""
        await self.drained()
        before, known = processor.seconds(self.stack), self._count("application", _PROPAGATED)
        began = time.perf_counter()
        shares = [tokens[number::clients] for number in range(clients)]
        answered = await self._scan(shares)
        wanted = known + len(answered.latencies)
        while self._count("application", _PROPAGATED) < wanted:
            if time.perf_counter() - began > PATIENCE:
                raise TimeoutError(f"not propagated within {PATIENCE} s")
            await asyncio.sleep(0.05)
        seconds = time.perf_counter() - began
        await self.drained()
        used = processor.seconds(self.stack)
        used.subtract(before)
        scans = len(answered.latencies)
        per_scan = Counter({part: used[part] * 1000 / scans for part in used})
        return Figures(answered, scans / seconds, per_scan)

    async def pace(self, tokens: list[str], rate: float, beside: Coroutine[Any, Any, T]) -> tuple[Result, T]:
        """Scan so many times a second while something else happens: all passes in, then all out."""
        await self.drained()
        both = list(requests(tokens, self.session))
        return await asyncio.gather(paced(self.address, both[0::2] + both[1::2], rate), beside)

    async def warm_up(self, tokens: list[str]) -> None:
        """Scan some passes, so that pools, plans and caches are there."""
        await self._scan([tokens[number::8] for number in range(8)])
        await self.drained()

    async def _scan(self, shares: list[list[str]]) -> Result:
        return await in_shares(self.address, [requests(tokens, self.session) for tokens in shares])

    async def drained(self) -> None:
        """Return once nothing waits in the outboxes, and no message waits to be sent."""
        until = time.perf_counter() + PATIENCE
        while any(self._count(name, _WAITING) for name in SERVICES) or self._count("notify", _QUEUED):
            if time.perf_counter() > until:
                raise TimeoutError(f"the outboxes are not empty after {PATIENCE} s")
            await asyncio.sleep(0.1)

    def _count(self, database: str, query: str) -> int:
        with self.stack.postgres.connect(database) as connection:
            row = connection.execute(query).fetchone()
        assert row is not None
        return int(str(row[0]))
