"""One nameko service as a process: `python -m services.ops.serve application [rpc|events]`.

All services have the same modules, which are found by the service's name. They are imported only when the
process starts, and after `services.chassis.process.serve` has patched the standard library, which is why that
import stands first.
"""

from services.chassis.process import serve  # isort: skip  it patches the standard library

import sys
from importlib import import_module
from typing import Any

from services.chassis.audit.seals import AUDIT_LOG
from services.chassis.process.serve import Pool
from services.chassis.runtime.settings import read


def containers(package: str, part: str | None) -> list[tuple[type, Pool]]:
    """Return the nameko classes of one process, each with its pool: of ``rpc`` or ``events``, or both.

    A class of events may name its pool in ``workers``; else it is ``events``.
    """
    found: list[tuple[type, Pool]] = []
    if part in (None, "rpc"):
        found.append((import_module(f"{package}.service").Service, "rpc"))
    if part in (None, "events"):
        consumers: Any = import_module(f"{package}.consumers")
        classes = getattr(consumers, "CONTAINERS", (consumers.Consumers,))
        found.extend((one, getattr(one, "workers", "events")) for one in classes)
    return found


def main() -> None:
    """Serve the service that the arguments name."""
    service, part = sys.argv[1], (sys.argv[2] if len(sys.argv) > 2 else None)
    settings = getattr(import_module(f"services.{service}.settings"), f"{service.title()}Settings")
    sealed = [AUDIT_LOG]
    if service == "verify":
        from services.verify.models import SEALED_SCANS

        sealed.append(SEALED_SCANS)
    serve.run(service, containers(f"services.{service}", part), read(settings), sealed)


if __name__ == "__main__":
    main()
