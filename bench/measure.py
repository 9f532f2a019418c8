"""The figures of one run, by name: journeys, scans, what they are compared with, and the size of the tables.

BENCH_PARTS names the parts of `PARTS` to measure (all), BENCH_SCANS (1500) the passes of each measurement,
BENCH_JOURNEYS (200) the journeys.
"""

import os
from collections.abc import AsyncIterator, Callable
from typing import Any

from bench import gate_lists, journeys, peers, processor
from bench.load import Result
from bench.passes import Copies
from bench.scans import WARM_UP, Gate
from deploy.local.services import Services
from deploy.local.stack import Stack

PARTS = ("scans", "beside", "peers", "gates", "passes")
CLIENTS = (1, 8, 32, 128)
PASSES = (10_000, 100_000, 1_000_000)
SCANS = int(os.environ.get("BENCH_SCANS", "1500"))
JOURNEYS = int(os.environ.get("BENCH_JOURNEYS", "200"))
SCANS_A_SECOND, JOURNEYS_A_SECOND, SECONDS = 200, 10, 15
"""The load under which answers must stay fast, and for how long it lasts."""

Figures = dict[str, dict[str, Any]]
Reporter = Callable[[str, dict[str, Any]], None]


class Bench:
    """One run on one system.

    Args:
        stack: the servers.
        services: the processes, ready.
        report: called with each measurement and its figures.
    """

    def __init__(self, stack: Stack, services: Services, report: Reporter) -> None:
        self._stack = stack
        self._address = services.address("gateway")
        self._logins = stack.folder / "logins.json"
        self._report = report
        self.figures: Figures = {}
        self.tokens: list[str] = []
        """Of the passes of the journeys; none has been scanned."""

    async def run(self, parts: tuple[str, ...]) -> None:
        """Measure journeys, and then the parts that are named, in the order of `PARTS`."""
        journey = await self._journeys()
        self.tokens = journey.tokens
        self._gate = Gate(self._stack, self._address, journey.security)
        self._copies = Copies(self._stack, journey.tokens[0])
        await self._gate.warm_up(self._copies.make(WARM_UP))
        for part in PARTS:
            if part in parts:
                async for name, found in getattr(self, f"_{part}")():
                    self._add(name, found)

    def _add(self, name: str, found: dict[str, Any]) -> None:
        self.figures[name] = found
        self._report(name, found)

    async def _journeys(self) -> journeys.Journeys:
        await journeys.run(self._address, self._logins, 8, journeys.OTHER_MOBILES)  # warms up
        before = processor.seconds(self._stack)
        journey = await journeys.run(self._address, self._logins, JOURNEYS)
        used = processor.seconds(self._stack)
        used.subtract(before)
        found = {
            "per_s": round(journey.rate, 1),
            "approve_to_message_p50_ms": round(journey.quantile(0.5), 1),
            "approve_to_message_p99_ms": round(journey.quantile(0.99), 1),
            "processor_ms": {part: round(ms * 1000 / JOURNEYS, 2) for part, ms in used.most_common()},
            "processor_ms_in_all": round(used.total() * 1000 / JOURNEYS, 2),
        }
        self._add("journeys", found)
        return journey

    async def _scans(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        for clients in CLIENTS:
            passes = SCANS if clients >= 8 else SCANS // 4
            found = await self._gate.measure(self._copies.make(passes), clients)
            yield f"scans, {clients} clients", found.to_json()

    async def _beside(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        passes = self._copies.make(SCANS_A_SECOND * SECONDS // 2)
        answered, journey = await self._gate.pace(
            passes,
            SCANS_A_SECOND,
            journeys.run(
                self._address,
                self._logins,
                JOURNEYS_A_SECOND * SECONDS,
                journeys.MOBILES_BESIDE_SCANS,
                JOURNEYS_A_SECOND,
            ),
        )
        found = _of(answered) | {
            "journeys_per_s": round(journey.rate, 1),
            "approve_to_message_p99_ms": round(journey.quantile(0.99), 1),
        }
        yield f"scans, {SCANS_A_SECOND} a second beside {JOURNEYS_A_SECOND} journeys a second", found

    async def _peers(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        for clients in (1, 32):
            count = SCANS * 2 if clients > 1 else SCANS // 2
            yield f"echo, {clients} clients", _of(await peers.echo(self._stack, clients, count))
            behind = await peers.edge(self._stack, self._gate.session, clients, count)
            yield f"echo behind the edge, {clients} clients", _of(behind)
        passes = self._copies.make(SCANS)
        shares = [passes[number::32] for number in range(32)]
        yield "monolith, 32 clients", _of(await peers.monolith(self._stack, self._address, shares))

    async def _gates(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        lists = gate_lists.Lists(self._stack, self._address, self._gate.session)
        name = f"a gate, {gate_lists.PASSES:,} passes, {gate_lists.REVOKED:.0%} revoked"
        yield name, await lists.measure()

    async def _passes(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        made = 0
        for count in PASSES:
            self._copies.fill_up(made + 1, count)
            made = count
            await self._gate.measure(self._copies.make(SCANS), 32)  # warms up what was just filled
            self._copies.rest()
            found = await self._gate.measure(self._copies.make(SCANS), 32)
            yield f"scans, 32 clients, {count:,} passes", found.to_json()


def chosen_parts() -> tuple[str, ...]:
    """Return the parts that BENCH_PARTS names, separated by commas; all of them if it is not set."""
    return tuple(os.environ.get("BENCH_PARTS", ",".join(PARTS)).split(","))


def _of(result: Result) -> dict[str, Any]:
    return {
        "answered_per_s": round(result.rate, 1),
        "p50_ms": round(result.quantile(0.5), 2),
        "p99_ms": round(result.quantile(0.99), 2),
        "refused": result.refused,
    }
