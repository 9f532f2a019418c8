"""A nameko service as a process, in containers that the caller hands in. It names no service; `services.ops.serve` does.

The first lines patch the standard library, before anything else is imported, so import this module before the service.
"""

import warnings

warnings.filterwarnings("ignore", message=r"(?s).*Eventlet is deprecated")

import eventlet  # noqa: E402  must come first

eventlet.monkey_patch()

import signal  # noqa: E402  after the patch
from collections.abc import Iterable  # noqa: E402
from typing import Any, Literal  # noqa: E402

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
Pool = Literal["rpc", "events", "urgent"]
POOLS: dict[Pool, str] = {"rpc": "rpc_workers", "events": "event_workers", "urgent": "urgent_workers"}
"""The setting that says how many workers a pool has."""


def run(service: str, containers: Iterable[tuple[type, Pool]], options: Settings | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then finish the work in hand.

    Args:
        service: its name, for the log.
        containers: nameko classes, each with the pool that its workers belong to. Each gets a container and workers of
            its own, so that a backlog of events never starves an RPC caller.
        options: the settings; those of the environment where left out.
    """
    options = options or settings()
    logs.configure(service, options.log_level)
    config.setup(
        {
            "AMQP_URI": ";".join(url.replace("amqp://", "pyamqp://") for url in options.broker_urls),
            "HEARTBEAT": options.broker_heartbeat,
        }
    )
    runner = ServiceRunner()
    for nameko_class, pool in containers:
        with config.patch({"max_workers": getattr(options, POOLS[pool])}):
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
