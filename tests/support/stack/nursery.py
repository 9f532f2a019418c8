"""The parent of forked processes: ``python -m tests.support.stack.nursery KIND``, started by `forks`.

It reads one request a line and answers with a number: the id of a new process, or the exit code of one that
has ended. It has no threads, so that a fork is safe. When its standard input ends, it ends with all forks.
"""

import ctypes
import importlib
import json
import os
import runpy
import signal
import sys
from os import fork, waitpid, waitstatus_to_exitcode  # before eventlet replaces them
from pathlib import Path
from typing import Any

COMMON = (
    "babel.dates",
    "httpx",
    "icalendar",
    "indic_transliteration",
    "phonenumbers",
    "PIL.Image",
    "regex",
    "services.chassis.audit.record",
    "services.chassis.messaging.topology",
    "services.chassis.rpc.idempotency",
    "services.chassis.rpc.principals",
    "services.chassis.runtime.tracing",
    "services.chassis.tokens.verification",
    "sqlalchemy.dialects.postgresql.psycopg",
)
LIBRARIES = {
    "patched": ("services.chassis.process.serve", "services.chassis.messaging.entrypoint", *COMMON),
    "plain": (
        "services.chassis.db.migrate",
        "services.chassis.messaging.relay",
        "services.ops.settings",
        "fastapi",
        "jinja2.ext",
        "limits.aio.storage",
        "uvicorn",
        "uvloop",
        *COMMON,
    ),
}
"""What the processes of a kind import before, or beside, the modules of their own package."""
CONTRACTS = tuple(
    f"contracts.{name}"
    for name in (
        "events",
        "rpc.accounts",
        "rpc.application",
        "rpc.approval",
        "rpc.audit",
        "rpc.issuance",
        "rpc.notify",
        "rpc.verify",
        "subscriptions",
    )
)


def main() -> None:
    """Import, then serve requests; a fork leaves the loop and becomes the process that was asked for."""
    for name in (*LIBRARIES[sys.argv[1]], *CONTRACTS):
        importlib.import_module(name)
    assert len([*Path("/proc/self/task").iterdir()]) == 1, "a fork is safe only without threads"
    for line in sys.stdin.buffer:
        request: dict[str, Any] = json.loads(line)
        if "ended" in request:
            number = waitstatus_to_exitcode(waitpid(request["ended"], 0)[1])
        else:
            number = fork()
            if number == 0:
                break
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
    else:
        return
    become(request)


def become(request: dict[str, Any]) -> None:
    """Run a module as ``python -m`` does, as a process that ends with its parent."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    os.setsid()
    if hubs := sys.modules.get("eventlet.hubs"):
        hubs.use_hub()  # the parent's would wake every fork for what any of them has to read
    written = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, file in enumerate(request["files"]):
        opened = os.open(file, written if number else os.O_RDONLY, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(request["environment"])
    module, *sys.argv[1:] = request["words"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
