"""Processor time and memory of the processes of one stack, by their part, from `/proc`."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import psutil

from deploy.local.processes import MARK
from deploy.local.services import COMMANDS
from deploy.local.stack import Stack

SERVERS = {"beam.smp": "broker", "postgres": "postgres"}


def seconds(stack: Stack) -> Counter[str]:
    """Return the processor seconds (user and system) that each part of a stack has used so far.

    A part is a process of e-Pass by its name, ``broker`` or ``postgres``. Those that have ended count with
    their parent.
    """
    used: Counter[str] = Counter()
    for part, process in _processes(stack):
        # A PostgreSQL backend writes its title over its environment, so it is found by its parent.
        for one in (process, *(_children(process) if part == "postgres" else ())):
            with suppress(psutil.Error):  # it has just ended: it counts with its parent, read below
                times = one.cpu_times()
                used[part] += times.user + times.system
        with suppress(psutil.Error):
            times = process.cpu_times()
            used[part] += times.children_user + times.children_system
    return used


def resident_mib(stack: Stack) -> dict[str, float]:
    """Return the resident memory of each part of a stack in MiB; of PostgreSQL only the first process."""
    return {part: process.memory_info().rss / 2**20 for part, process in _processes(stack)}


def _children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return list(process.children())
    return []


def _processes(stack: Stack) -> Iterator[tuple[str, psutil.Process]]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            part = _part(process.name(), " ".join(process.cmdline()))
            if part and process.environ().get(MARK) == stack.id:
                yield part, process


def _part(name: str, line: str) -> str | None:
    if name in SERVERS:
        return SERVERS[name]
    ends = {part: (f" {command}", f"services.ops.serve {part}") for part, command in COMMANDS.items()}
    return next((part for part, endings in ends.items() if line.endswith(endings)), None)
