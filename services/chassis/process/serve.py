"""A nameko service as a process. It names no service; `services.ops.serve` hands the containers in.

The first lines patch the standard library, before anything else is imported, so import this module before the
service.
"""

import os
import warnings

warnings.filterwarnings("ignore", message=r"(?s).*Eventlet is deprecated")
os.environ["EVENTLET_NO_GREENDNS"] = "yes"  # see ``name_resolver.py``

import eventlet  # noqa: E402  must come first

eventlet.monkey_patch()

from services.chassis.process import name_resolver  # noqa: E402  after the patch

name_resolver.install()

import signal  # noqa: E402
from collections.abc import Callable, Iterable, Sequence  # noqa: E402
from typing import Literal  # noqa: E402

from services.chassis.db.database import use_green_waiting  # noqa: E402

use_green_waiting()

from nameko import config  # noqa: E402
from nameko.runners import ServiceRunner  # noqa: E402

from services.chassis.audit import refusals, seals  # noqa: E402
from services.chassis.audit.seals import AUDIT_LOG, Source  # noqa: E402
from services.chassis.db.database import Database  # noqa: E402
from services.chassis.db.providers import Process  # noqa: E402
from services.chassis.process import housekeeping  # noqa: E402
from services.chassis.runtime import logs, metrics, tracing  # noqa: E402
from services.chassis.runtime.health import Health  # noqa: E402
from services.chassis.runtime.lifecycle import freeze_heap, stopping  # noqa: E402
from services.chassis.runtime.settings import ServiceSettings  # noqa: E402

log = logs.logger(__name__)
STOP_SECONDS = 25
Pool = Literal["rpc", "events", "urgent"]
POOLS: dict[Pool, str] = {"rpc": "rpc_workers", "events": "event_workers", "urgent": "urgent_workers"}
"""The setting that says how many workers a pool has."""


def run(
    service: str,
    containers: Iterable[tuple[type, Pool]],
    settings: ServiceSettings,
    sealed: Sequence[Source] = (AUDIT_LOG,),
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the work in hand.

    Args:
        service: its name, for the log.
        containers: nameko classes, each with the pool that its workers belong to. Each gets a container and
            workers of its own, so that a backlog of events never starves an RPC caller.
        sealed: its tables that are chained by seals.
    """
    logs.configure(service, settings.log_level)
    database, health = Database.of(settings), Health()
    health.checks["database"] = database.is_available
    database.export_metrics()
    config.setup(
        {
            "AMQP_URI": ";".join(url.replace("amqp://", "pyamqp://") for url in settings.broker_urls),
            "HEARTBEAT": settings.broker_heartbeat,
        }
    )
    Process(settings, database, health).provide()
    runner = ServiceRunner()
    for nameko_class, pool in containers:
        config["max_workers"] = getattr(settings, POOLS[pool])  # a container reads it when it is made
        runner.add_service(nameko_class)
        *_, container = runner.containers
        workers = container._worker_pool  # noqa: SLF001  nameko shows nowhere else how many work
        metrics.WORKERS_MAX.labels(pool).set(container.max_workers)
        metrics.WORKERS_BUSY.labels(pool).set_function(workers.running)
        metrics.WORKERS_WAITING.labels(pool).set_function(workers.waiting)

    def stop() -> None:
        stopping.set()
        log.info("stopping")
        eventlet.spawn_after(STOP_SECONDS, runner.kill)
        runner.stop()

    _call_when_told_to_stop(stop)
    health.serve(settings.health_host, settings.health_port, settings.served_with())
    with tracing.exporting(service, settings.otlp_endpoint, settings.otlp_ratio):
        runner.start()
        freeze_heap()
        eventlet.spawn_n(housekeeping.run, database, settings.records_kept_months)
        eventlet.spawn_n(seals.run, database, service, sealed, settings.records_kept_months)
        runner.wait()
    try:
        refusals.write(database)
    except Exception as error:  # whatever it is, the process ends
        log.error("refusals of the last minute are not recorded", exc_info=error)  # noqa: TRY400  exception() would log the text, too
    log.info("stopped")


def _call_when_told_to_stop(stop: Callable[[], None]) -> None:
    """Call a function once, in a thread of its own, when SIGTERM or SIGINT comes.

    A handler of signals runs within whatever the process does at that moment: in a thread that ends, logging
    fails; in one that changes what the handler needs, a call is lost. So the handler does nothing, and the
    interpreter tells of the signal through a pipe, which also wakes eventlet.
    """
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)

    def wait() -> None:
        numbers: set[int] = set()
        while not numbers & {signal.SIGTERM, signal.SIGINT}:
            eventlet.hubs.trampoline(told, read=True)
            numbers.update(os.read(told, 64))
        stop()

    eventlet.spawn_n(wait)
