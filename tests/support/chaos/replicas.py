"""Two of each process, and a client that knows both gateways: how the system stands in production, as far as one machine can.

A client turns to the other gateway where one does not accept its connection, and for no other reason: a request that broke
off, or was answered by a 5xx, has failed.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.support.chaos.workload import without_ids
from tests.support.running import Process, free_port
from tests.support.system import System

PATIENT = {"EPASS_RPC_TIMEOUT": "8"}
"""Seconds: starting processes on a busy machine costs time, which is not what is looked at. What is lost is never answered."""
ANSWER_SECONDS = 20.0
Pair = tuple[Process, Process]


class TwoGateways(httpx.AsyncBaseTransport):
    """Takes turns with two gateways.

    Args:
        ports: theirs, on this machine.
    """

    def __init__(self, *ports: int) -> None:
        self._inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=80))
        self._turns = itertools.cycle([ports, ports[::-1]])
        self.asked = 0
        self.refused = 0
        """Connections that one of them did not accept."""
        self.failed: list[str] = []
        """Requests that broke off or were answered by a 5xx, each with the reason."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        first, second = next(self._turns)
        for port in (first, second):
            try:
                return await self._ask(request, port)
            except httpx.ConnectError:
                self.refused += 1
        return await self._ask(
            request, first
        )  # it was about to be there again when it refused, and the other stopped since

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
    """One more gateway, not started, on a port of its own."""
    return system.process("gateway", label, EPASS_GATEWAY_PORT=str(free_port()), **PATIENT)


@contextmanager
def two_of_each(system: System) -> Iterator[dict[str, Pair]]:
    """All processes twice, by name, for the length of the block; the gateways are two more on ports of their own."""
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
