"""Ports of one stack: chosen once, stored in its folder, checked before each start.

They are one block below the range that the kernel uses for outgoing connections, so that nothing takes one by
chance between two runs.
"""

import json
import random
import socket
from collections.abc import Iterable
from pathlib import Path

import psutil

from deploy.local.errors import StackFailed

NAMES = (
    "postgres", "amqp", "distribution", "epmd", "management", "prometheus",
    "accounts", "application", "approval", "issuance", "notify", "verify", "relay", "sender", "gateway",
    "exporter", "watch", "ops",
)  # fmt: skip
BLOCK = 20
FIRST, LAST = 20_000, 32_000

_chosen: set[int] = set()
"""Blocks that this process has already chosen: their ports may not be bound yet."""


def stored_ports(file: Path) -> dict[str, int]:
    """Return the ports that are stored in ``file``; choose them if there is no such file.

    Raises:
        StackFailed: the file is not what this module wrote, or no block of ports is free.
    """
    if not file.exists():
        file.write_text(json.dumps(_choose(), indent=1) + "\n")
    try:
        stored = json.loads(file.read_text())
        base = int(stored[NAMES[0]])
        return {name: int(stored.get(name, base + at)) for at, name in enumerate(NAMES)}
    except (ValueError, KeyError, TypeError) as error:
        raise StackFailed(f"{file} does not hold the ports: delete it to choose new ones") from error


def check(wanted: Iterable[tuple[str, int]], remedy: str) -> None:
    """Raise `StackFailed`, with ``remedy`` in its message, if another program listens on one of the ports."""
    for name, port in wanted:
        if not _free(port):
            raise StackFailed(f"port {port} ({name}) is taken by {_holder(port)}: {remedy}")


def _choose() -> dict[str, int]:
    for _ in range(1_000):
        base = random.randrange(FIRST, LAST, BLOCK)
        ports = range(base, base + BLOCK)
        if base not in _chosen and all(_free(port) for port in ports):
            _chosen.add(base)
            return dict(zip(NAMES, ports, strict=False))
    raise StackFailed(f"no {BLOCK} free ports in a row between {FIRST} and {LAST}")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _holder(port: int) -> str:
    """Return who listens on a port, as far as this user may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"another program ({psutil.Process(connection.pid).name()}, process {connection.pid})"
    except psutil.Error:
        pass
    return "another program"
