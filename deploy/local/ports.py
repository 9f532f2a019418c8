"""Ports of one stack: chosen once, remembered in its folder, checked before each start.

They come as one block from below the range that the kernel gives to outgoing connections, so that nothing takes
one by chance between two runs.
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
    "exporter", "watch",
)  # fmt: skip
BLOCK = 20
FIRST, LAST = 20_000, 32_000

_given: set[int] = set()
"""Blocks already given by this process: their ports may not be bound yet."""


def remembered(file: Path) -> dict[str, int]:
    """The ports kept in ``file``, chosen now if there is no such file.

    Raises:
        StackFailed: the file is not what this module wrote, or no block of ports is free.
    """
    if not file.exists():
        file.write_text(json.dumps(_choose(), indent=1) + "\n")
    try:
        kept = json.loads(file.read_text())
        base = int(kept[NAMES[0]])
        return {name: int(kept.get(name, base + at)) for at, name in enumerate(NAMES)}
    except (ValueError, KeyError, TypeError) as error:
        raise StackFailed(f"{file} does not hold the ports: delete it to choose new ones") from error


def check(wanted: Iterable[tuple[str, int]], remedy: str) -> None:
    """Raise StackFailed for the first (name, port) that another program listens on; ``remedy`` says what to do."""
    for name, port in wanted:
        if not _free(port):
            raise StackFailed(f"port {port} ({name}) is taken by {_holder(port)}: {remedy}")


def _choose() -> dict[str, int]:
    for _ in range(1_000):
        base = random.randrange(FIRST, LAST, BLOCK)
        ports = range(base, base + BLOCK)
        if base not in _given and all(_free(port) for port in ports):
            _given.add(base)
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
    """Who listens there, as far as this user may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"another program ({psutil.Process(connection.pid).name()}, process {connection.pid})"
    except psutil.Error:
        pass
    return "another program"
