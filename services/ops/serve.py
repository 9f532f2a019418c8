"""One nameko service as a process: `python -m services.ops.serve application [rpc|events]`.

This is the one table of services and their nameko classes. A service is imported only when its process
starts, and after `services.chassis.process.serve` has patched the standard library, which is why that import
stands first.
"""

from services.chassis.process import serve  # isort: skip  it patches the standard library

import sys
from collections.abc import Callable
from typing import NamedTuple

from services.chassis.audit.seals import AUDIT_LOG, Source
from services.chassis.process.serve import Pool
from services.chassis.runtime.settings import ServiceSettings, read


class Classes(NamedTuple):
    """The settings class and the nameko classes of one service.

    A class of ``events`` may name its pool in ``workers``; else it is ``events``.
    """

    settings: type[ServiceSettings]
    rpc: type
    events: tuple[type, ...]
    records: tuple[Source, ...] = ()
    """Its tables that are sealed beside the audit log."""


def _accounts() -> Classes:
    from services.accounts.consumers import Consumers
    from services.accounts.service import Service
    from services.accounts.settings import AccountsSettings

    return Classes(AccountsSettings, Service, (Consumers,))


def _application() -> Classes:
    from services.application.consumers import Consumers
    from services.application.service import Service
    from services.application.settings import ApplicationSettings

    return Classes(ApplicationSettings, Service, (Consumers,))


def _approval() -> Classes:
    from services.approval.consumers import Consumers
    from services.approval.service import Service
    from services.approval.settings import ApprovalSettings

    return Classes(ApprovalSettings, Service, (Consumers,))


def _issuance() -> Classes:
    from services.issuance.consumers import Consumers
    from services.issuance.service import Service
    from services.issuance.settings import IssuanceSettings

    return Classes(IssuanceSettings, Service, (Consumers,))


def _notify() -> Classes:
    from services.notify.consumers import CONTAINERS
    from services.notify.service import Service
    from services.notify.settings import NotifySettings

    return Classes(NotifySettings, Service, CONTAINERS)


def _verify() -> Classes:
    from services.verify.consumers import Consumers
    from services.verify.models import SEALED_SCANS
    from services.verify.service import Service
    from services.verify.settings import VerifySettings

    return Classes(VerifySettings, Service, (Consumers,), (SEALED_SCANS,))


SERVICES: dict[str, Callable[[], Classes]] = {
    "accounts": _accounts,
    "application": _application,
    "approval": _approval,
    "issuance": _issuance,
    "notify": _notify,
    "verify": _verify,
}


def containers(classes: Classes, part: str | None) -> list[tuple[type, Pool]]:
    """Return the containers of one process: those of ``rpc`` or ``events``, or both by default."""
    found: list[tuple[type, Pool]] = []
    if part in (None, "rpc"):
        found.append((classes.rpc, "rpc"))
    if part in (None, "events"):
        found.extend((one, getattr(one, "workers", "events")) for one in classes.events)
    return found


def main() -> None:
    """Serve the service that the arguments name."""
    service, part = sys.argv[1], (sys.argv[2] if len(sys.argv) > 2 else None)
    classes = SERVICES[service]()
    sealed = (AUDIT_LOG, *classes.records)
    serve.run(service, containers(classes, part), read(classes.settings), sealed)


if __name__ == "__main__":
    main()
