"""The health check of a container: exit code 0 if the process in it is ready. It ends a process that hangs.

An engine starts again what has ended, but only shows what hangs. So this check, which runs in the container,
counts the checks in a row in which the process was not even alive; the last one kills it. A process that
cannot work, because its database or broker is away, is alive.

Usage: python -m deploy.compose.health PORT
"""

import os
import signal
import sys
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path

ALIVE, READY = "/healthz", "/readyz"
SECONDS = 2.5
"""For each of the two answers."""
CHECKS_UNTIL_KILL = 6
"""As many as the liveness probe on Kubernetes has: about a minute."""
COUNT = Path("/tmp/epass-checks-without-life")  # noqa: S108  the only place to write, and nobody else is here


def answers(port: int, path: str) -> bool:
    """Return whether the process answers 200 on this path in time."""
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def kill_all() -> None:
    """Kill each process of the container but the first and this one; the first ends with its child."""
    os.kill(-1, signal.SIGKILL)


def is_healthy(port: int, count: Path = COUNT, kill: Callable[[], None] = kill_all) -> bool:
    """Return whether the process is ready; kill it if it was not alive for so many checks.

    What was never alive is not killed: it starts, or is a command in a container of this kind.

    Args:
        port: of its health endpoint.
        count: the file in which the checks without life are counted.
        kill: ends the process.
    """
    if answers(port, ALIVE):
        count.write_text("0")
        return answers(port, READY)
    if count.exists():
        without_life = int(count.read_text() or 0) + 1
        count.write_text(str(without_life % CHECKS_UNTIL_KILL))
        if without_life == CHECKS_UNTIL_KILL:
            kill()
    return False


if __name__ == "__main__":
    sys.exit(not is_healthy(int(sys.argv[1])))
