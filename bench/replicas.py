"""More replicas of one process beside the one that `Services` runs, and processes that pause (SIGSTOP)."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

import httpx
import psutil

from bench import processor
from bench.peers import free_port
from deploy.local import processes
from deploy.local.processes import Program
from deploy.local.services import COMMANDS, EPASS, GATE_FIRST, NICENESS
from deploy.local.stack import Stack

READY_SECONDS = 60


class Replica:
    """One more process of a kind, with a port of its own.

    Args:
        stack: its servers.
        name: of the kind, as in `COMMANDS`.
        settings: in addition to those of the kind.
    """

    def __init__(self, stack: Stack, name: str, **settings: str) -> None:
        self._port = free_port()
        port = {"EPASS_GATEWAY_PORT" if name == "gateway" else "EPASS_HEALTH_PORT": str(self._port)}
        nice = () if name in GATE_FIRST else ("nice", "-n", str(NICENESS))
        command = (*nice, *EPASS, *COMMANDS[name].split())
        log = stack.logs / f"{name}-{self._port}.log"
        environment = {**stack.environment(name), **port, **settings}
        self._child = processes.spawn(Program(name, command, log, environment))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def wait_ready(self) -> None:
        """Wait until ``/readyz`` answers 200."""
        async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(READY_SECONDS):
            while True:
                with suppress(httpx.HTTPError):
                    if (await http.get(f"{self.address}/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.1)

    def stop(self) -> None:
        """End it in an orderly way."""
        with suppress(psutil.Error):
            psutil.Process(self._child.pid).resume()
        processes.end_child(self._child, 20)


def pause(stack: Stack, *parts: str) -> None:
    """Stop every process of these parts (SIGSTOP). Their connections stay open."""
    for process in _of(stack, parts):
        process.suspend()


def resume(stack: Stack, *parts: str) -> None:
    """Let every process of these parts go on (SIGCONT)."""
    for process in _of(stack, parts):
        process.resume()


def _of(stack: Stack, parts: Iterable[str]) -> list[psutil.Process]:
    return [process for part in parts for process in processor.processes_of(stack, part)]
