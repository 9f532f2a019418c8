"""The relay: a process that publishes the events in the outbox of each database, at least once.

For each database it takes an advisory lock (one relay works while others stand by), reads the oldest unsent
rows in a short transaction, publishes them with pipelined confirms while no transaction is open, then marks
those that the broker confirmed. The database tells it of events (``chassis/db/wakeups.py``) but for those
that can wait; it looks for these, and for what it was not told of, after a pause. When the broker does not
confirm within the watchdog's time, the relay connects again.

A queue that refuses (it is full), or does not answer (it has no leader), holds up nothing else. Each event
goes out once, so that the other queues of its type have it; those that were not taken then wait, and one of
them is tried again after a pause. An event never overtakes an earlier one of its subject.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from contracts import events
from contracts.envelope import Envelope
from contracts.subscriptions import subscriptions
from services.chassis.db import locks
from services.chassis.db.connection_timeouts import TCP_OPTIONS, AsyncTimeoutConnection
from services.chassis.db.database import WRITABLE, name_of
from services.chassis.db.destructive_jobs import (
    EVIDENCE,
    RECORD_REFUSAL,
    RECORD_RUN,
    Evidence,
    RunRefused,
    doubt_leap,
    require,
)
from services.chassis.db.wakeups import OUTBOX
from services.chassis.messaging import outbox_rows
from services.chassis.messaging.broker import LOST
from services.chassis.messaging.outbox_rows import ALL, KEEP_SENT_DAYS, PURGE, PURGE_ROWS, OutboxRows
from services.chassis.messaging.publisher import Published, Publisher, group_into_messages
from services.chassis.messaging.relay_settings import RelaySettings
from services.chassis.messaging.topology_keeper import TopologyKeeper
from services.chassis.runtime import metrics
from services.chassis.runtime.background import BackgroundTask, run_until
from services.chassis.runtime.backoff import Backoff
from services.chassis.runtime.clock import monotonic, now
from services.chassis.runtime.health import Health
from services.chassis.runtime.jobs import Job
from services.chassis.runtime.logs import logger

log = logger(__name__)
LOCK = "relay"
"""The name of the advisory lock: one relay works on a database, others stand by."""
PURGE_SECONDS = 3600.0
LONGEST_POLL = 1.0
"""The longest pause between two looks at an outbox (seconds), of whose events nobody tells meanwhile."""
BUSY_PAUSE = 0.05
"""The pause after some events although there are more (seconds): in a crowd they share messages."""
GATHERING = 0.2
"""The pause after some events, in which those that can wait gather and share a message (seconds)."""
AGAIN_SECONDS = 600.0
"""When a queue was missing, the events of its type that were sent in this time are sent again."""
LONGEST_HOLD = 30.0
"""Seconds between two tries of what a queue does not take. Each try is a repeat for its other queues."""
LONGEST_UNANSWERED = 5.0
"""The same while the broker answers nothing at all: it may be away, and back soon."""
UNHEARD_TRIES = 6
"""After so many without an answer a relay leaves its outbox to a standby, which may reach the broker."""


class Unconfirmed(Exception):
    """The broker did not answer for any event; they stay in the outbox."""


@dataclass
class Hold:
    """The events of a type that wait because a queue does not take them."""

    publisher: Publisher
    """Of the events that are tried."""
    tried: UUID
    """The event that is tried again: the first that was not taken, so none of its subject is before it."""
    refused: int = 0
    """The highest position that a queue has refused; all up to it have gone out once."""
    is_silent: bool = False
    """Whether a queue has not answered: a try takes the watchdog's time, and all later events wait, too."""
    retry_at: float = 0.0
    backoff: Backoff = field(default_factory=lambda: Backoff(LONGEST_HOLD))
    is_told: bool = False
    """Whether log and metrics tell of it: a queue fails, and not the broker."""

    @property
    def last(self) -> int:
        """The position up to which events wait."""
        return ALL if self.is_silent else self.refused

    @property
    def is_due(self) -> bool:
        return self.retry_at <= monotonic()


def postpone(holds: Collection[Hold], longest: float = LONGEST_HOLD) -> None:
    """Let what was tried together wait together, longer each time."""
    pause = max(hold.backoff.next_pause() for hold in holds)
    at = monotonic() + min(pause, longest)
    for hold in holds:
        hold.retry_at = at


@dataclass(frozen=True)
class Missed:
    """Events of a type that a queue may have missed: at ``at``, those of the last ``seconds`` go again."""

    type: str
    at: float
    seconds: float


class OutboxRelay:
    """The relay of one database's outbox.

    Args:
        url: of the database.
        ready: what the connection to the broker waits for (`Publisher`).
    """

    def __init__(self, url: str, settings: RelaySettings, ready: Callable[[], Awaitable[None]]) -> None:
        self.name = name_of(url)
        self._url = url.replace("postgresql+psycopg://", "postgresql://")
        self._settings = settings
        self._rows = OutboxRows(self.name, settings.relay_batch)
        self._publisher = Publisher(settings, f"relay:{self.name}", ready)
        self._purge_at = 0.0
        self._purging = Job(f"purge_outbox:{self.name}", PURGE_SECONDS)
        self._holds: dict[str, Hold] = {}
        self._is_heard = False
        """Whether the broker has answered for an event since some were tried last."""
        self._unheard_tries = 0
        """Tries in a row since which the broker has answered for nothing."""
        self._again: list[Missed] = []
        self.background = BackgroundTask(self.name, self._work, (psycopg.Error, *LOST, Unconfirmed))
        for event in events.ALL:
            if event.producer == self.name:
                metrics.OUTBOX_SENT.labels(self.name, event.__name__)
                metrics.OUTBOX_REFUSED.labels(self.name, event.__name__)

    def send_again(self, queue: str) -> None:
        """Send what a queue has missed, as far as it is a queue of an event of this outbox.

        While a queue is missing, the broker confirms its events, because others have them. If another relay
        works, it may publish an event before the queue is there, and mark it after this one has looked: so
        what was marked in the meantime is sent again later.
        """
        later = 2 * self._settings.relay_watchdog
        for one in subscriptions():
            if one.queue == queue and one.event.producer == self.name:
                self._again.append(Missed(one.event.__name__, monotonic(), AGAIN_SECONDS))
                self._again.append(Missed(one.event.__name__, monotonic() + later, 2 * later))

    async def _pause(self, connection: psycopg.AsyncConnection, seconds: float) -> None:
        """Pause for so long, or until somebody has told of an event."""
        if not seconds:
            await asyncio.sleep(0)
        async for _ in connection.notifies(timeout=seconds, stop_after=1):
            pass

    async def _work(self) -> None:
        """Publish until something fails."""
        connection = await asyncio.wait_for(
            AsyncTimeoutConnection.connect(
                self._url,
                autocommit=True,
                connect_timeout=3,
                options=self._settings.connection_options,
                **TCP_OPTIONS,
                **WRITABLE,
            ),
            5,
        )
        async with connection:
            while not await self._take_lock(connection):
                self.background.working = True  # a standby is a relay that works
                for name in [*self._holds]:
                    await self._release(name)
                self._purging.succeed()  # who has the lock purges
                await self._unsend(connection)
                await asyncio.sleep(1)
            await connection.execute(f"listen {OUTBOX}")
            while True:
                if not self._publisher.connected:
                    self.background.working = False
                    await self._publisher.connect()
                await self._unsend(connection)
                published = await self._publish_batch(connection)
                self.background.working = not (self._holds and self._unheard_tries)
                self.background.backoff.reset()
                await self._purge(connection)
                is_urgent = self._holds and (self._rows.is_sweep_urgent or self._rows.is_more)
                pause = 0.0 if is_urgent else next_pause(published, self._settings.relay_batch)
                if pause and self._holds and not published:
                    await asyncio.sleep(GATHERING)  # what waits would else be looked at with each commit
                elif pause and published:
                    await asyncio.sleep(BUSY_PAUSE)
                await self._pause(connection, pause)

    async def _purge(self, connection: psycopg.AsyncConnection) -> None:
        """Delete old rows once an hour, also while there are no events; many rows are deleted in parts.

        Events go on if it is refused, or if the relay has no right to it yet.
        """
        if monotonic() < self._purge_at:
            return
        self._purge_at = monotonic() + PURGE_SECONDS
        job, before = {"job": "purge_outbox"}, now()
        try:
            found = await connection.cursor(row_factory=class_row(Evidence)).execute(EVIDENCE, job)
            evidence = await found.fetchone()
            assert evidence is not None
            require("purge_outbox", self.name, before, evidence, now(), doubt_leap)
            gone = await connection.execute(PURGE, (KEEP_SENT_DAYS, PURGE_ROWS))
            await connection.execute(RECORD_RUN, job)
        except RunRefused as refused:
            log.warning("old events stay", database=self.name, why=refused.detail)
            await connection.execute(RECORD_REFUSAL, refused.row)
        except psycopg.ProgrammingError as error:
            log.warning("old events stay", database=self.name, why=type(error).__name__)
        else:
            if gone.rowcount == PURGE_ROWS:
                self._purge_at = 0.0
            self._purging.succeed()

    async def _take_lock(self, connection: psycopg.AsyncConnection) -> bool:
        row = await (await connection.execute(locks.TRY_SESSION_LOCK, (LOCK,))).fetchone()
        return bool(row and row[0])

    async def _unsend(self, connection: psycopg.AsyncConnection) -> None:
        for missed in [one for one in self._again if one.at <= monotonic()]:
            again = await connection.execute(outbox_rows.UNSEND, (missed.type, missed.seconds))
            self._again.remove(missed)
            self._rows.sweep_again()
            log.warning("a queue was missing: events go again", type=missed.type, count=again.rowcount)

    async def _publish_batch(self, connection: psycopg.AsyncConnection) -> list[str]:
        """Publish what waits, and one event of each type whose pause is over; return their types."""
        held = {name: hold.last for name, hold in self._holds.items()}
        waiting = await self._rows.read(connection, held)
        due = self._due()
        tried = [one for name in due for one in await outbox_rows.unsent(connection, self._holds[name].tried)]
        for name in {*due} - {envelope.type for envelope in tried}:
            await self._release(name)
        await self._publish_waiting(connection, waiting)
        if tried:
            await self._note_tries(connection, await self._try_all(tried))
        return [envelope.type for envelope in (*tried, *waiting)]

    def _due(self) -> list[str]:
        """Return the types to try now; all silent ones at once, because others wait meanwhile."""
        is_slow = any(hold.is_due and hold.is_silent for hold in self._holds.values())
        return [name for name, hold in self._holds.items() if hold.is_due or (is_slow and hold.is_silent)]

    async def _publish_waiting(
        self, connection: psycopg.AsyncConnection, waiting: Sequence[Envelope]
    ) -> None:
        """Publish events, those of one subject in their order.

        Raises:
            Unconfirmed: the broker has answered for nothing.
        """
        left = list(waiting)
        while left:
            messages, left = group_into_messages(left)
            published = await self._publisher.publish_all(messages)
            await self._note(connection, published, is_theirs=bool(published.answered))
            if not published.answered:
                raise Unconfirmed
            self._is_heard, self._unheard_tries = True, 0
            untaken = {envelope.subject for envelope in published.untaken}
            left = [envelope for envelope in left if envelope.subject not in untaken]

    async def _try_all(self, tried: Sequence[Envelope]) -> Published:
        """Publish an event of each type that waits, all at once, within the watchdog's time.

        Each has a connection of its own: RabbitMQ lets a channel wait that sends its first message to a queue
        that does not answer, with all that comes behind.
        """
        outcomes = await asyncio.gather(*map(self._try, tried))
        return Published(
            [one for outcome in outcomes for one in outcome.confirmed],
            [one for outcome in outcomes for one in outcome.refused],
            [one for outcome in outcomes for one in outcome.unanswered],
        )

    async def _try(self, one: Envelope) -> Published:
        publisher, until = self._holds[one.type].publisher, monotonic() + self._settings.relay_watchdog
        try:
            async with asyncio.timeout(self._settings.relay_watchdog):
                await publisher.connect()
        except LOST:
            return Published(unanswered=[one])
        return await publisher.publish_all([[one]], max(until - monotonic(), BUSY_PAUSE))

    async def _note_tries(self, connection: psycopg.AsyncConnection, published: Published) -> None:
        """Note what became of the events that were tried, and end the wait of each type that was confirmed.

        Raises:
            Unconfirmed: the broker has answered for nothing for several tries; another relay may reach it.
        """
        is_heard, self._is_heard = self._is_heard or bool(published.answered), False
        self._unheard_tries = 0 if is_heard else self._unheard_tries + 1
        await self._note(connection, published, is_theirs=is_heard)
        for envelope in published.confirmed:
            await self._release(envelope.type)
        for envelope in published.refused:
            if self._holds[envelope.type].is_silent:
                self._holds[envelope.type].is_silent = False
                self._rows.sweep_again()
        if left := [self._holds[envelope.type] for envelope in published.untaken]:
            postpone(left, LONGEST_HOLD if is_heard else LONGEST_UNANSWERED)
        if self._unheard_tries and self._unheard_tries % UNHEARD_TRIES == 0:
            raise Unconfirmed

    async def _note(
        self, connection: psycopg.AsyncConnection, published: Published, *, is_theirs: bool
    ) -> None:
        """Mark what was confirmed, and hold what was not; of what nobody answered, all that follows, too."""
        first = {one.type: one.id for one in reversed(published.untaken)}
        if published.confirmed:
            await connection.execute(outbox_rows.MARK, ([envelope.id for envelope in published.confirmed],))
            for envelope in published.confirmed:
                metrics.OUTBOX_SENT.labels(self.name, envelope.type).inc()
        if published.refused:
            rows = await connection.execute(
                outbox_rows.LAST, ([envelope.id for envelope in published.refused],)
            )
            for name, position in await rows.fetchall():
                hold = self._hold(name, first[name], is_theirs=True)
                hold.refused = max(hold.refused, position)
        for name in {one.type for one in published.unanswered}:
            self._hold(name, first[name], is_theirs=is_theirs).is_silent = True

    def _hold(self, name: str, first: UUID, *, is_theirs: bool) -> Hold:
        """Let events of a type wait, while one of them is tried again and again.

        It is tried at once, unless it is their own queue that fails and not the broker.
        """
        if name not in self._holds:
            self._holds[name] = Hold(Publisher(self._settings, f"relay:{self.name}"), first)
        hold = self._holds[name]
        if is_theirs and not hold.is_told:
            hold.is_told = True
            log.warning("a queue does not take events, which wait", type=name)
            metrics.OUTBOX_REFUSED.labels(self.name, name).set(1)
        if is_theirs and not hold.retry_at:
            postpone([hold])
        return hold

    async def _release(self, name: str) -> None:
        self._rows.sweep_again()
        await self._holds.pop(name).publisher.close()
        metrics.OUTBOX_REFUSED.labels(self.name, name).set(0)

    async def close(self) -> None:
        """Close the connections to the broker."""
        for publisher in (self._publisher, *(hold.publisher for hold in self._holds.values())):
            await publisher.close()


def next_pause(published: Sequence[str], batch: int) -> float:
    """Return the seconds until the next look, if nobody tells of an event before.

    After a whole batch it follows at once. After fewer events those that can wait have time to gather.
    """
    if len(published) >= batch:
        return 0.0
    return GATHERING if published else LONGEST_POLL


async def run(settings: RelaySettings, health: Health, stop: asyncio.Event) -> None:
    """Relay the outboxes of all databases of the settings until ``stop`` is set.

    Raises:
        BackgroundTaskEnded: a relay ended although nobody stopped it.
    """
    relays: list[OutboxRelay] = []

    def send_again(queue: str) -> None:
        log.warning("a queue was missing and is declared", queue=queue)
        for relay in relays:
            relay.send_again(queue)

    producers = {name_of(url) for url in settings.relay_database_urls}
    keeper = TopologyKeeper(settings, producers, send_again)
    relays += [OutboxRelay(url, settings, keeper.wait_until_declared) for url in settings.relay_database_urls]
    background = [keeper.background, *(relay.background for relay in relays)]
    for one in background:
        health.checks[one.name] = lambda one=one: one.working  # type: ignore[misc]  # mypy cannot infer a lambda's default
    try:
        await run_until(stop, background)
    finally:
        await asyncio.gather(*(relay.close() for relay in relays))
