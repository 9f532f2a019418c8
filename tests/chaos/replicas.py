"""Two replicas of each process, or more, and a transport that balances gateways: production, as far as one
machine can.

The transport turns to the next gateway only if one does not accept the connection. A request that broke off,
or was answered by a 5xx, has failed.
"""

import itertools
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx

from tests.support.chaos.crowd import crowd_at_work, entering_on, findings, unsettled, visiting_day
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.evidence import Lease
from tests.support.chaos.promises import Promises
from tests.support.chaos.workload import Plan, without_ids
from tests.support.stack.running import Process, free_port
from tests.support.system.system import System

PATIENT = {"EPASS_RPC_TIMEOUT": "8"}
"""Longer than in production, because starting processes keeps this machine busy.

What is lost is never answered.
"""
ANSWER_SECONDS = 20.0
STOP_SECONDS = 30
RATE = 4.0
"""Applications a second; each is followed by a decision and views, some by a cancellation or a scan."""
SEEDS = itertools.count(2026)
"""Each crowd has another seed, because crowds of one seed are the same people and apply twice."""
Pair = tuple[Process, Process]


class Gateways(httpx.AsyncBaseTransport):
    """An HTTP transport that takes turns with some gateways.

    Args:
        ports: theirs, on this machine; the list may change.
    """

    def __init__(self, *ports: int) -> None:
        self._inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=80))
        self.ports = [*ports]
        self._turns = itertools.count()
        self.asked = 0
        self.refused = 0
        """How many connections one of them did not accept."""
        self.failed: list[str] = []
        """Requests that broke off or were answered by a 5xx, each with the reason."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        first = next(self._turns) % len(self.ports)
        in_turn = self.ports[first:] + self.ports[:first]
        for port in in_turn:
            try:
                return await self._ask(request, port)
            except httpx.ConnectError:
                self.refused += 1
        # The first was about to be there again when it refused, and the others stopped since.
        return await self._ask(request, in_turn[0])

    async def _ask(self, request: httpx.Request, port: int) -> httpx.Response:
        request.url = request.url.copy_with(host="127.0.0.1", port=port)
        try:
            answer = await self._inner.handle_async_request(request)
        except httpx.ConnectError:
            raise
        except httpx.HTTPError as error:
            self.failed.append(f"{error!r} on {without_ids(request.url.path)}")
            raise
        if answer.is_server_error:
            self.failed.append(
                f"{answer.status_code} on {without_ids(request.url.path)}: {(await answer.aread()).decode()}"
            )
        return answer

    async def aclose(self) -> None:
        await self._inner.aclose()


def gateway(system: System, label: str) -> Process:
    """Return one more gateway on a port of its own; it is not started."""
    return system.process("gateway", label, EPASS_GATEWAY_PORT=str(free_port()), **PATIENT)


@contextmanager
def more_of(system: System, name: str, count: int) -> Iterator[list[Process]]:
    """Run so many more of one process for the length of the block; then each stops in an orderly way."""
    labels = [f"-extra-{number}" for number in range(count)]
    more = [gateway(system, label) if name == "gateway" else system.process(name, label) for label in labels]
    try:
        for process in more:
            process.start(ready=False)
        for process in more:
            process.wait_ready(60)
        yield more
        assert [process.stop() for process in more] == [0] * count
    finally:
        for process in more:
            process.kill()


@contextmanager
def two_of_each(system: System) -> Iterator[dict[str, Pair]]:
    """Run two of each process for the length of the block; the two gateways have ports of their own."""
    pairs = {
        name: (one, system.process(name, "-second"))
        for name, one in system.processes.items()
        if name != "gateway"
    }
    first, second = gateway(system, "-first"), gateway(system, "-second")
    pairs["gateway"] = (first, second)
    try:
        for process in (first, *(two for _, two in pairs.values())):
            process.start(ready=False)
        for pair in pairs.values():
            for process in pair:
                process.wait_ready(60)
        yield pairs
    finally:
        for process in (first, *(two for _, two in pairs.values())):
            process.kill()
        for process in system.processes.values():
            if not process.alive:
                process.start()


def restart(process: Process) -> None:
    """Stop and start a process, as an orchestrator does."""
    assert process.stop(STOP_SECONDS) == 0, process.log.read_text()[-2000:]
    process.start()


@contextmanager
def people_at_work(
    deployment: Deployment,
    pairs: dict[str, Pair],
    promises: Promises,
    held: Collection[Lease] = frozenset(),
    rate: float = RATE,
    **differences: Any,
) -> Iterator[Gateways]:
    """Let a crowd work through two gateways for the length of the block.

    Args:
        deployment: where.
        pairs: two of each process.
        promises: the crowd's ledger.
        held: what killed senders had leased, which explains duplicates.
        rate: applications a second.
        differences: of its plan.
    """
    day, gateways = visiting_day(300), Gateways(*(process.port for process in pairs["gateway"]))
    plan = Plan(10_000, next(SEEDS), day, entering=entering_on(day), fates={})

    def http() -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False, transport=gateways)

    def is_final() -> bool:
        return not unsettled(findings(deployment, promises, held))

    with crowd_at_work(deployment, promises, replace(plan, **differences), rate, http, is_final):
        yield gateways
