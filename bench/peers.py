"""What our scans are compared with, in the same run: the echo, bare and behind our edge, and a monolith."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from bench import journeys
from bench.load import Request, Result, calls, in_shares, requests
from contracts.model import Wire
from contracts.rpc.call import Method
from deploy.local.stack import Stack
from services.gateway.rpc.client import RpcClient


class Echoed(Wire):
    """What the echo receives and returns: about as much as a scan."""

    token: str = "x" * 380
    gate: str = "PCS1-G1"


ECHO = Method("echo", "echo", Echoed, Echoed)


async def echo(stack: Stack, clients: int, count: int) -> Result:
    """Call a service that does nothing, through the gateway's own client: the ceiling of any RPC."""
    url = stack.broker.url("administrator")
    client = RpcClient((url,))
    async with _child(["bench.echo", url], waits_for_line=True), _running(client):
        await calls(lambda: client.call(ECHO, Echoed()), clients, count // 10)
        return await calls(lambda: client.call(ECHO, Echoed()), clients, count)


async def edge(stack: Stack, session: str, clients: int, count: int) -> Result:
    """Call the same service through our HTTP edge, with the session of an officer."""
    url, port = stack.broker.url("administrator"), free_port()
    settings = stack.environment("gateway") | {"EPASS_BROKER_URLS": url, "EPASS_GATEWAY_PORT": str(port)}
    body = Echoed().model_dump()
    async with _child(["bench.echo", url], waits_for_line=True), _child(["bench.edge"], settings):
        address = f"http://127.0.0.1:{port}"
        await journeys.wait_for_answer(f"{address}/readyz")
        request = Request("/bench/echo", body, session)
        await in_shares(address, [[request] * (count // 10 // clients + 1)] * clients)
        return await in_shares(address, [[request] * (count // clients)] * clients)


async def monolith(stack: Stack, gateway: str, shares: Sequence[list[str]]) -> Result:
    """Scan passes in and out at one process without broker and services; see ``monolith.py``."""
    stack.postgres.create_database("monolith")
    port = free_port()
    url = stack.postgres.url("monolith", scheme="postgresql")
    address = f"http://127.0.0.1:{port}"
    async with _child(["bench.monolith", url, str(port), f"{gateway}/.well-known/jwks.json"]):
        await journeys.wait_for_answer(f"{address}/docs")
        return await in_shares(address, [list(requests(tokens, "")) for tokens in shares])


@asynccontextmanager
async def _running(client: RpcClient) -> AsyncIterator[None]:
    task = asyncio.create_task(client.background.run())
    try:
        while not client.connected:
            await asyncio.sleep(0.05)
        yield
    finally:
        task.cancel()


@asynccontextmanager
async def _child(
    words: list[str], settings: Mapping[str, str] | None = None, *, waits_for_line: bool = False
) -> AsyncIterator[None]:
    child = subprocess.Popen(
        [sys.executable, "-m", *words],
        env={**os.environ, **(settings or {})},
        stdout=subprocess.PIPE if waits_for_line else subprocess.DEVNULL,
    )
    try:
        if child.stdout is not None:
            child.stdout.readline()
        yield
    finally:
        child.kill()
        child.wait()


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
