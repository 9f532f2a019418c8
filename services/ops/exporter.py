"""`epass ops-exporter`: what no single service can count, as metrics. Dead letters, depths of queues, outboxes, the invariants.

It looks every 15 s (``EPASS_OPS_INTERVAL``); of a large system the invariants take longer to count, and then it spends a
tenth of its time on them, half of it while one is broken: whoever mends it waits for the next look. The outboxes are
looked at here and not by the relay, which could not tell that it is gone.
A look that fails leaves the last numbers, and ``epass_ops_looked_at`` says how old they are.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic, time

from services.chassis.messaging.broker import LOST, connect
from services.chassis.messaging.topology import delay_name
from services.chassis.runtime import metrics
from services.chassis.runtime.health import health
from services.chassis.runtime.logs import logger
from services.ops import queues
from services.ops.commands import invariants, outbox
from services.ops.databases import DatabaseAway
from services.ops.invariants import GRACE_SECONDS
from services.ops.settings import ExporterSettings

log = logger(__name__)
Look = Callable[[ExporterSettings], Awaitable[bool]]
"""Looks, and says whether all is as it should be."""


async def run(options: ExporterSettings, stop: asyncio.Event) -> None:
    """Looks again and again until ``stop`` is set."""
    looks: dict[str, Look] = {"queues": look_at_queues}
    if options.ops_database_urls:
        looks |= {"outboxes": look_at_outboxes, "invariants": look_at_invariants}
    await asyncio.gather(*(_again_and_again(name, look, options, stop) for name, look in looks.items()))


async def look_at_queues(options: ExporterSettings) -> bool:
    """Counts dead letters, what waits for each consumer, and what waits to be tried again."""
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


async def look_at_outboxes(options: ExporterSettings) -> bool:
    """Counts what each database has to send, and how long its oldest event waits.

    Raises:
        DatabaseAway: one cannot be read; the others were looked at.
    """
    looks = (asyncio.to_thread(outbox.look, url) for url in options.ops_database_urls)
    found = await asyncio.gather(*looks, return_exceptions=True)
    for one in found:
        if isinstance(one, outbox.Outbox):
            metrics.OUTBOX_WAITING.labels(one.database).set(one.waiting)
            metrics.OUTBOX_LAG.labels(one.database).set(one.oldest_seconds)
    for fault in found:
        if isinstance(fault, BaseException):
            raise fault
    return True


async def look_at_invariants(options: ExporterSettings) -> bool:
    """Counts what must add up."""
    async with await connect(options.broker_urls, "exporter", options.broker_heartbeat) as connection:
        found = await invariants.balances(connection, options, GRACE_SECONDS)
    for balance in found:
        metrics.INVARIANT_HOLDS.labels(balance.name).set(balance.holds)
        for term, number in {balance.whole: balance.number, **balance.parts, **balance.faults}.items():
            metrics.INVARIANT_NUMBER.labels(balance.name, term).set(number)
    return all(balance.holds for balance in found)


async def _again_and_again(name: str, look: Look, options: ExporterSettings, stop: asyncio.Event) -> None:
    succeeded = well = False
    health.checks[name] = lambda: succeeded
    while not stop.is_set():
        began = monotonic()
        try:
            well = await look(options)
            succeeded = True
            metrics.OPS_LOOKED_AT.labels(name).set(time())
        except (DatabaseAway, *LOST) as error:
            succeeded = well = False
            log.warning(
                "exporter could not look",
                what=name,
                error=type(error).__name__,
                why=str(error) if isinstance(error, DatabaseAway) else "",
            )
        with suppress(TimeoutError):
            await asyncio.wait_for(
                stop.wait(), max(options.ops_interval, (9 if well else 1) * (monotonic() - began))
            )
