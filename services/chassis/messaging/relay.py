"""The relay: a process that publishes the events in the outbox of each database, at least once.

For each database it takes an advisory lock (one relay works while others stand by), reads the oldest unsent
rows in a short transaction, publishes them with pipelined confirms while no transaction is open, then marks
those that the broker confirmed. Rows are found by state and never by a cursor, because rows with a lower
`position` may commit later. LISTEN wakes the relay, and polling is the fallback. When the broker does not
confirm within the watchdog's time, the relay connects again.
"""

import asyncio
from collections.abc import Sequence
from time import monotonic
from urllib.parse import urlsplit

import psycopg
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange
from psycopg.rows import class_row

from contracts import events
from contracts.envelope import CONTENT_TYPE, Envelope
from contracts.subscriptions import exchange_of
from services.chassis.db import locks
from services.chassis.db.connection_timeouts import TCP_OPTIONS, AsyncTimeoutConnection
from services.chassis.messaging import topology
from services.chassis.messaging.broker import LOST, close, connect
from services.chassis.runtime import metrics
from services.chassis.runtime.background import BackgroundTask, run_until
from services.chassis.runtime.health import Health
from services.chassis.runtime.logs import logger
from services.chassis.runtime.settings import (
    BrokerSettings,
    ProcessSettings,
    RequiredCommaList,
    RetryDelaySettings,
)

log = logger(__name__)
LOCK = "relay"
"""The name of the advisory lock: one relay works on a database, others stand by."""
KEEP_SENT_DAYS = 7
PURGE_SECONDS = 3600.0
GATHER_SECONDS = 0.005
"""A pause after LISTEN wakes the relay, so that events that commit together are published together."""
_CONNECTION_OPTIONS = "-c statement_timeout=8000 -c idle_session_timeout=15000"
"""``idle_session_timeout`` frees the lock of a relay cut off; a working relay queries every second."""
_COLUMNS = (
    "id, type, version, producer, subject, seq, "
    "occurred_at, expires_at, correlation_id, traceparent, data, personal"
)
_WAITING = f"select {_COLUMNS} from outbox where sent_at is null order by position limit %s"
_MARK = "update outbox set sent_at = now() where id = any(%s)"
_PURGE = """
delete from outbox where position in (
  select position from outbox where sent_at < now() - make_interval(days => %s) order by sent_at limit %s)
"""
PURGE_ROWS = 1000
"""Rows deleted between two batches: so a purge after a busy day delays no event and hits no timeout."""


class RelaySettings(ProcessSettings, BrokerSettings, RetryDelaySettings):
    """The settings of the relay. It declares the topology, so it knows the delays."""

    relay_database_urls: RequiredCommaList
    """The databases whose outboxes it publishes."""
    relay_batch: int = 200
    relay_poll: float = 1.0
    relay_watchdog: float = 10.0
    """The relay connects again when the broker does not confirm, or declare, within this time (seconds)."""
    relay_declare: float = 30.0
    """Seconds between two declarations of the topology."""


class Unconfirmed(Exception):
    """The broker did not confirm some events of a batch, or returned them; they stay in the outbox."""


class Publisher:
    """A channel with confirms, on which the topology was declared. `connect` opens it, also after a loss."""

    def __init__(self, settings: RelaySettings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._exchanges: dict[str, AbstractExchange] = {}
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None

    @property
    def connected(self) -> bool:
        """Return whether the channel is open."""
        return self._channel is not None and not self._channel.is_closed

    async def connect(self) -> None:
        """Connect, and declare the topology, unless the channel is open.

        Raises:
            TimeoutError: the broker does not answer.
        """
        if self.connected:
            return
        await self.close()
        self._connection = await connect(
            self._settings.broker_urls, self._name, self._settings.broker_heartbeat
        )
        async with asyncio.timeout(self._settings.relay_watchdog):
            channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
            await topology.declare(channel, self._settings.retry_delays)
        self._exchanges.clear()
        self._channel = channel
        metrics.count_connection(self._name)

    async def publish(self, envelope: Envelope) -> None:
        """Publish one event and wait for the broker's confirm."""
        assert self._channel is not None
        name = exchange_of(envelope.producer)
        if name not in self._exchanges:
            self._exchanges[name] = await self._channel.get_exchange(name, ensure=False)
        message = Message(
            envelope.to_bytes(),
            content_type=CONTENT_TYPE,
            delivery_mode=DeliveryMode.PERSISTENT,
            message_id=str(envelope.id),
            type=envelope.type,
            correlation_id=envelope.correlation_id or None,
            timestamp=envelope.occurred_at,
        )
        await self._exchanges[name].publish(message, routing_key=envelope.type, mandatory=True)

    async def publish_all(self, envelopes: Sequence[Envelope]) -> list[Envelope]:
        """Publish a batch and return the events that were confirmed within the watchdog's time.

        An alarm of the broker or a half-open connection leaves some unconfirmed; then the connection is
        closed.
        """
        tasks = [asyncio.create_task(self.publish(envelope)) for envelope in envelopes]
        _, pending = await asyncio.wait(tasks, timeout=self._settings.relay_watchdog)
        for task in pending:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        confirmed = [
            envelope for envelope, outcome in zip(envelopes, outcomes, strict=True) if outcome is None
        ]
        if len(confirmed) < len(envelopes):
            failed = sorted({type(outcome).__name__ for outcome in outcomes if outcome is not None})
            log.warning("events were not confirmed", count=len(envelopes) - len(confirmed), errors=failed)
            await self.close()
        return confirmed

    async def close(self) -> None:
        """Close the connection. Do not wait for a broker that does not answer."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            await close(connection)


class OutboxRelay:
    """The relay of one database's outbox."""

    def __init__(self, url: str, settings: RelaySettings) -> None:
        self.name = urlsplit(url).path.lstrip("/")
        self._url = url.replace("postgresql+psycopg://", "postgresql://")
        self._settings = settings
        self._publisher = Publisher(settings, f"relay:{self.name}")
        self._purge_at = 0.0
        self.background = BackgroundTask(self.name, self._work, (psycopg.Error, *LOST, Unconfirmed))
        for event in events.ALL:
            if event.producer == self.name:
                metrics.OUTBOX_SENT.labels(self.name, event.__name__)

    async def _work(self) -> None:
        """Publish until something fails."""
        connection = await asyncio.wait_for(
            AsyncTimeoutConnection.connect(
                self._url, autocommit=True, connect_timeout=3, options=_CONNECTION_OPTIONS, **TCP_OPTIONS
            ),
            5,
        )
        async with connection:
            while not await self._take_lock(connection):
                self.background.working = True  # a standby is a relay that works
                await asyncio.sleep(1)
            await connection.execute("listen outbox")
            while True:
                if not self._publisher.connected:
                    self.background.working = False
                    await self._publisher.connect()
                published = await self._publish_batch(connection)
                self.background.working = True
                self.background.backoff.reset()
                await self._purge(connection)
                if not published:
                    await self._wait(connection)
                    await asyncio.sleep(GATHER_SECONDS)

    async def _purge(self, connection: psycopg.AsyncConnection) -> None:
        """Delete old rows once an hour, also while there are no events; many rows are deleted in parts."""
        if monotonic() >= self._purge_at:
            self._purge_at = monotonic() + PURGE_SECONDS
            gone = await connection.execute(_PURGE, (KEEP_SENT_DAYS, PURGE_ROWS))
            if gone.rowcount == PURGE_ROWS:
                self._purge_at = 0.0

    async def _take_lock(self, connection: psycopg.AsyncConnection) -> bool:
        row = await (await connection.execute(locks.TRY_SESSION_LOCK, (LOCK,))).fetchone()
        return bool(row and row[0])

    async def _publish_batch(self, connection: psycopg.AsyncConnection) -> int:
        async with connection.cursor(row_factory=class_row(Envelope)) as cursor:
            await cursor.execute(_WAITING, (self._settings.relay_batch,))
            waiting = await cursor.fetchall()
        if not waiting:
            return 0
        confirmed = await self._publisher.publish_all(waiting)
        if confirmed:
            await connection.execute(_MARK, ([envelope.id for envelope in confirmed],))
            for envelope in confirmed:
                metrics.OUTBOX_SENT.labels(self.name, envelope.type).inc()
        if len(confirmed) < len(waiting):
            raise Unconfirmed
        return len(confirmed)

    async def _wait(self, connection: psycopg.AsyncConnection) -> None:
        async for _ in connection.notifies(timeout=self._settings.relay_poll, stop_after=1):
            pass

    async def close(self) -> None:
        """Close the connection to the broker."""
        await self._publisher.close()


class TopologyKeeper:
    """Declares the topology again and again, on a connection of its own.

    A queue that somebody deleted comes back within the interval, and a broker that does not answer is noticed
    while there are no events.
    """

    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings
        self.background = BackgroundTask("topology", self._work, LOST)

    async def _work(self) -> None:
        """Declare the topology until something fails."""
        urls, heartbeat = self._settings.broker_urls, self._settings.broker_heartbeat
        connection = await connect(urls, "relay:topology", heartbeat)
        try:
            while True:
                async with asyncio.timeout(self._settings.relay_watchdog):
                    channel = await connection.channel()
                    await topology.declare(channel, self._settings.retry_delays)
                    await channel.close()
                self.background.working = True
                self.background.backoff.reset()
                await asyncio.sleep(self._settings.relay_declare)
        finally:
            await close(connection)


async def run(settings: RelaySettings, health: Health, stop: asyncio.Event) -> None:
    """Relay the outboxes of all databases of the settings until ``stop`` is set.

    Raises:
        BackgroundTaskEnded: a relay ended although nobody stopped it.
    """
    relays = [OutboxRelay(url, settings) for url in settings.relay_database_urls]
    background = [TopologyKeeper(settings).background, *(relay.background for relay in relays)]
    for one in background:
        health.checks[one.name] = lambda one=one: one.working  # type: ignore[misc]  # mypy cannot infer a lambda's default
    try:
        await run_until(stop, background)
    finally:
        await asyncio.gather(*(relay.close() for relay in relays))
