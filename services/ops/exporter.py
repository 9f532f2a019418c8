"""`epass ops-exporter`: metrics that no single service can count.

Dead letters, queue depths, outboxes, invariants.

It counts every 15 s (``EPASS_OPS_INTERVAL``). In a large system the invariants take longer; then it spends a
tenth of its time on them, and half of it while one is broken, because the person who repairs it waits for the
next result. The outboxes are counted here and not by the relay, which could not report that it is gone
itself. A check that fails leaves the last numbers, and ``epass_ops_looked_at`` shows how old they are.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic, time

from services.chassis.db.database import name_of
from services.chassis.messaging.broker import LOST, connect
from services.chassis.messaging.topology import delay_name
from services.chassis.runtime import metrics
from services.chassis.runtime.background import BackgroundTask, run_until
from services.chassis.runtime.health import Health
from services.chassis.runtime.logs import logger
from services.ops import queues
from services.ops.commands import invariants, outbox
from services.ops.databases import DatabaseAway
from services.ops.invariants import GRACE_SECONDS
from services.ops.metrics import DATABASE_WRITABLE, INVARIANT_HOLDS, INVARIANT_NUMBER, OPS_LOOKED_AT
from services.ops.settings import ExporterSettings

log = logger(__name__)
Check = Callable[[ExporterSettings], Awaitable[bool]]
"""Sets metrics, and returns whether everything is as it should be."""


async def run(options: ExporterSettings, health: Health, stop: asyncio.Event) -> None:
    """Repeat all checks until ``stop`` is set.

    Raises:
        BackgroundTaskEnded: a check ended although nobody stopped it.
    """
    checks: dict[str, Check] = {"queues": count_queues}
    if options.ops_database_urls:
        checks |= {"outboxes": count_outboxes, "invariants": count_invariants}
    background = [_repeated(name, check, options) for name, check in checks.items()]
    for one in background:
        health.checks[one.name] = lambda one=one: one.working  # type: ignore[misc]  # mypy cannot infer a lambda's default
    await run_until(stop, background)


async def count_queues(options: ExporterSettings) -> bool:
    """Count dead letters, messages that wait for each consumer, and messages that wait for a retry."""
    consumers = list(queues.consumer_queues())
    delays = [delay_name(step) for step in range(len(options.retry_delays))]
    async with await connect(options.broker_urls, "exporter", options.broker_heartbeat) as connection:
        found = await queues.depths(connection, [*consumers, *map(queues.dead_queue, consumers), *delays])
    for queue in consumers:
        if (dead := found.get(queues.dead_queue(queue))) is not None:
            metrics.DEAD_LETTERS.labels(queue).set(dead.messages)
        if (depth := found.get(queue)) is not None:
            metrics.QUEUE_MESSAGES.labels(queue).set(depth.messages)
            metrics.QUEUE_CONSUMERS.labels(queue).set(depth.consumers)
    for queue in delays:
        if (depth := found.get(queue)) is not None:
            metrics.QUEUE_MESSAGES.labels(queue).set(depth.messages)
    return True


async def count_outboxes(options: ExporterSettings) -> bool:
    """Count the events that wait in each outbox, and measure how long the oldest waits.

    Raises:
        DatabaseAway: one cannot be read; the others were counted.
    """
    found_by_url = (asyncio.to_thread(outbox.inspect, url) for url in options.ops_database_urls)
    found = await asyncio.gather(*found_by_url, return_exceptions=True)
    for url, one in zip(options.ops_database_urls, found, strict=True):
        DATABASE_WRITABLE.labels(name_of(url)).set(isinstance(one, outbox.Outbox) and one.writable)
        if isinstance(one, outbox.Outbox):
            metrics.OUTBOX_WAITING.labels(one.database).set(one.waiting)
            metrics.OUTBOX_LAG.labels(one.database).set(one.oldest_seconds)
    for fault in found:
        if isinstance(fault, BaseException):
            raise fault
    return True


async def count_invariants(options: ExporterSettings) -> bool:
    """Check the invariants."""
    async with await connect(options.broker_urls, "exporter", options.broker_heartbeat) as connection:
        found = await invariants.balances(connection, options, GRACE_SECONDS)
    for balance in found:
        INVARIANT_HOLDS.labels(balance.name).set(balance.holds)
        for term, number in {balance.whole: balance.number, **balance.parts, **balance.faults}.items():
            INVARIANT_NUMBER.labels(balance.name, term).set(number)
    return all(balance.holds for balance in found)


def _repeated(name: str, check: Check, options: ExporterSettings) -> BackgroundTask:
    async def repeat() -> None:
        while True:
            began = monotonic()
            try:
                well = await check(options)
                background.working = True
                background.backoff.reset()
                OPS_LOOKED_AT.labels(name).set(time())
            except (DatabaseAway, *LOST) as error:
                background.working = well = False
                log.warning(
                    "exporter check failed",
                    what=name,
                    error=type(error).__name__,
                    why=str(error) if isinstance(error, DatabaseAway) else "",
                )
            await asyncio.sleep(max(options.ops_interval, (9 if well else 1) * (monotonic() - began)))

    background = BackgroundTask(name, repeat)
    return background
