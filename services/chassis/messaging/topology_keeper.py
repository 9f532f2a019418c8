"""The part of the relay that keeps the topology declared."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress

from aio_pika.abc import AbstractConnection

from services.chassis.messaging import topology
from services.chassis.messaging.broker import LOST, close, connect
from services.chassis.messaging.relay_settings import RelaySettings
from services.chassis.messaging.topology import Declared
from services.chassis.runtime.background import BackgroundTask
from services.chassis.runtime.clock import monotonic
from services.chassis.runtime.jobs import Job
from services.chassis.runtime.logs import logger

log = logger(__name__)


class TopologyKeeper:
    """Declares the topology of events again and again, on a connection of its own.

    A queue of events that somebody deleted comes back within the interval, and a broker that does not answer
    is noticed while there are no events. Another queue that is missing is reported, and holds up no event.

    Args:
        producers: the services whose outboxes this process relays. Queues of others are left to their relays.
        on_created: is called with the name of each queue that was missing.
    """

    def __init__(
        self, settings: RelaySettings, producers: Collection[str], on_created: Callable[[str], None]
    ) -> None:
        self.background = BackgroundTask("topology", self._work, LOST)
        self._job = Job("declare_topology", settings.relay_declare)
        self._settings = settings
        self._producers, self._on_created = producers, on_created
        self._began = float("-inf")
        self._absent: set[str] = set()
        self._declared = asyncio.Condition()
        self._wanted = asyncio.Event()

    async def wait_until_declared(self) -> None:
        """Wait until everything was declared by a declaration that began after this call."""
        asked = monotonic()
        self._wanted.set()
        async with self._declared:
            await self._declared.wait_for(lambda: self._began >= asked)

    async def _work(self) -> None:
        """Declare what events need until something fails."""
        urls, heartbeat = self._settings.broker_urls, self._settings.broker_heartbeat
        connection = await connect(urls, "relay:topology", heartbeat)
        try:
            while True:
                self._wanted.clear()
                began = monotonic()
                self._report(await self._declare(connection))
                self._job.succeed()
                async with self._declared:
                    self._began = began
                    self._declared.notify_all()
                self.background.backoff.reset()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wanted.wait(), self._settings.relay_declare)
        finally:
            await close(connection)

    async def _declare(self, connection: AbstractConnection) -> Declared:
        """Declare what events need.

        Raises:
            TimeoutError: an exchange, or a queue, was not declared within the watchdog's time. All of them
                together may take longer, on a broker that is slow.
        """
        seconds, loop = self._settings.relay_watchdog, asyncio.get_running_loop()
        async with asyncio.timeout(seconds) as limit:
            return await topology.declare(
                connection,
                self._settings.retry_delays,
                producers=self._producers,
                absent=self._absent,
                on_progress=lambda: limit.reschedule(loop.time() + seconds),
                on_created=self._on_created,
            )

    def _report(self, declared: Declared) -> None:
        for name, error in declared.refused.items():
            log.error("it exists otherwise: run `epass topology apply`", name=name, error=error)
        for name in declared.missing:
            log.error("it is missing: run `epass topology apply`", name=name)
        self.background.working = not declared.refused and not declared.missing
