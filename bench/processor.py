"""Processor time of the processes of one stack, by their part, from `/proc`."""

from collections import Counter

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
    for process in psutil.process_iter():
        try:
            part = _part(process.name(), " ".join(process.cmdline()))
            if part and process.environ().get(MARK) == stack.id:
                # A PostgreSQL backend writes its title over its environment, so it is found by its parent.
                for one in (process, *(process.children() if part == "postgres" else ())):
                    times = one.cpu_times()
                    used[part] += times.user + times.system
                times = process.cpu_times()
                used[part] += times.children_user + times.children_system
        except psutil.Error:
            continue
    return used


def _part(name: str, line: str) -> str | None:
    if name in SERVERS:
        return SERVERS[name]
    ends = {part: (f" {command}", f"services.ops.serve {part}") for part, command in COMMANDS.items()}
    return next((part for part, endings in ends.items() if line.endswith(endings)), None)
