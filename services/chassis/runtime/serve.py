"""One nameko service as a process: `python -m services.chassis.runtime.serve application [rpc|events]`.

RPC and events are containers with a worker pool each, so that a backlog of events never starves a caller; without a
second argument all run here. A service whose ``consumers`` name several (``CONTAINERS``) has several pools for events:
``workers`` says of which kind. The first lines patch the standard library, before anything else is imported.
"""

import warnings

warnings.filterwarnings("ignore", message=r"(?s).*Eventlet is deprecated")

import eventlet  # noqa: E402  must come first

eventlet.monkey_patch()

import importlib  # noqa: E402  after the patch
import signal  # noqa: E402
import sys  # noqa: E402
from typing import Any  # noqa: E402

from services.chassis.db.database import use_green_waiting  # noqa: E402

use_green_waiting()

from nameko import config  # noqa: E402
from nameko.runners import ServiceRunner  # noqa: E402

from services.chassis.runtime import logs  # noqa: E402
from services.chassis.runtime.health import health  # noqa: E402
from services.chassis.runtime.lifecycle import stopping  # noqa: E402
from services.chassis.runtime.settings import Settings, settings  # noqa: E402

log = logs.logger(__name__)
STOP_SECONDS = 25
POOLS = {"rpc": "rpc_workers", "events": "event_workers", "urgent": "urgent_workers"}
"""The setting that says how many workers a kind of container has."""


def containers(service: str, part: str | None) -> list[tuple[type, str]]:
    """The nameko classes of a service (its name, or the dotted path of a package), each with the kind of its worker pool."""
    package = service if "." in service else f"services.{service}"
    found = []
    if part in (None, "rpc"):
        found.append((importlib.import_module(f"{package}.service").Service, "rpc"))
    if part in (None, "events"):
        module = importlib.import_module(f"{package}.consumers")
        found.extend(
            (one, getattr(one, "workers", "events"))
            for one in getattr(module, "CONTAINERS", (module.Consumers,))
        )
    return found


def run(service: str, part: str | None, options: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then finishes the work in hand."""
    config.setup(
        {
            "AMQP_URI": ";".join(url.replace("amqp://", "pyamqp://") for url in options.broker_urls),
            "HEARTBEAT": options.broker_heartbeat,
        }
    )
    runner = ServiceRunner()
    for nameko_class, kind in containers(service, part):
        with config.patch({"max_workers": getattr(options, POOLS[kind])}):
            runner.add_service(nameko_class)

    def stop(*_: Any) -> None:
        if not stopping.is_set():
            stopping.set()
            log.info("stopping")
            eventlet.spawn_after(STOP_SECONDS, runner.kill)
            eventlet.spawn_n(runner.stop)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    health.serve(options.health_host, options.health_port)
    runner.start()
    runner.wait()
    log.info("stopped")


def main() -> None:
    """Reads the arguments and serves."""
    service, part = sys.argv[1], (sys.argv[2] if len(sys.argv) > 2 else None)
    options = settings()
    logs.configure(service, options.log_level)
    run(service, part, options)


if __name__ == "__main__":
    main()
