"""The relay: a process that publishes the events in the outbox of each database, at least once.

For each database it takes an advisory lock (one relay works while others stand by), reads the oldest unsent
rows in a short transaction, publishes them with pipelined confirms while no transaction is open, then marks
those that the broker confirmed. Events of one type that wait together go in one message. Rows are found by
state and never by a cursor, because rows with a lower `position` may commit later. The relay polls: without a
pause while there are events, then less and less often; after a few events that can wait, only when others had
time to come. When it has published an event for a service, it soon looks for what that service says to it. It
is not notified, because each NOTIFY takes a lock at commit that all databases of a server share.
When the broker does not confirm within the watchdog's time, the relay connects again.

A queue that refuses (it is full), or does not answer (it has no leader), holds up nothing else. Each event
goes out once, so that the other queues of its type have it; those that were not taken then wait, and one of
them is tried again after a pause. An event never overtakes an earlier one of its subject.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import compress
from typing import LiteralString
from uuid import UUID

import psycopg
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange
from aio_pika.exceptions import DeliveryError
from psycopg.rows import class_row
from pydantic import field_validator

from contracts import events
from contracts.envelope import CONTENT_TYPE, SEVERAL_CONTENT_TYPE, Envelope, join_envelopes
from contracts.subscriptions import SERVICES, exchange_of, subscriptions
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
from services.chassis.messaging import topology
from services.chassis.messaging.broker import LOST, close, connect, user_of
from services.chassis.messaging.topology import Declared
from services.chassis.runtime import metrics, tracing
from services.chassis.runtime.background import BackgroundTask, run_until
from services.chassis.runtime.backoff import Backoff
from services.chassis.runtime.clock import monotonic, now
from services.chassis.runtime.health import Health
from services.chassis.runtime.jobs import Job
from services.chassis.runtime.logs import logger
from services.chassis.runtime.setting_types import RequiredCommaList
from services.chassis.runtime.settings import BrokerSettings, ProcessSettings, RetryDelaySettings

log = logger(__name__)
LOCK = "relay"
"""The name of the advisory lock: one relay works on a database, others stand by."""
KEEP_SENT_DAYS = 7
PURGE_SECONDS = 3600.0
BUSY_POLL = 0.02
"""The pause after the first look that finds no events (seconds). It doubles up to ``relay_poll``."""
_CAN_WAIT = {event.__name__ for event in events.ALL if event.can_wait}
_COLUMNS = (
    "id, type, version, producer, subject, seq, "
    "occurred_at, expires_at, correlation_id, traceparent, data, personal, signature"
)
_WAITING = f"""
select {_COLUMNS} from outbox
where sent_at is null and producer = %s order by position limit %s
"""
"""What may be published while nothing is refused.

A row that names another service than the database's as its producer stays, and the alarm of a waiting outbox
names the database.
"""
_PAGE = """
select position, type, subject from outbox
where sent_at is null and producer = %s and position > %s and position <= %s order by position limit %s
"""
"""Rows to look at while something is refused."""
_FREE = f"""
select {_COLUMNS} from outbox
where sent_at is null and position = any(%s) and not exists (
  select from outbox as earlier
  where earlier.sent_at is null and earlier.subject = outbox.subject and earlier.position <= %s)
order by position limit %s
"""
"""Of rows of a page, those that overtake none of their subject before the page."""
_TRIED = f"select {_COLUMNS} from outbox where sent_at is null and id = %s"
_LAST = "select type, max(position) from outbox where id = any(%s) group by type"
_UNSEND = """
update outbox set sent_at = null
where type = %s and sent_at > now() - make_interval(secs => %s)
"""
_MARK = "update outbox set sent_at = now() where id = any(%s)"
_PURGE = """
delete from outbox where position in (
  select position from outbox where sent_at < now() - make_interval(days => %s) order by sent_at limit %s)
"""
PURGE_ROWS = 1000
"""Rows deleted between two batches: so a purge after a busy day delays no event and hits no timeout."""


LARGEST_MESSAGE = 64
"""Events in one message at most, so that a burst is shared by the replicas of a consumer."""
LARGEST_BYTES = 100_000
"""A message has more only if a single event has. A consumer reads ten times as much."""
PAGE_ROWS = 1000
"""Rows that are looked at together while something is refused, however many wait."""
AGAIN_SECONDS = 600.0
"""When a queue was missing, the events of its type that were sent in this time are sent again."""
ALL = 2**63 - 1
"""A position behind all events."""
LONGEST_HOLD = 30.0
"""Seconds between two tries of what a queue does not take. Each try is a repeat for its other queues."""
LONGEST_UNANSWERED = 5.0
"""The same while the broker answers nothing at all: it may be away, and back soon."""
UNHEARD_TRIES = 6
"""After so many without an answer a relay leaves its outbox to a standby, which may reach the broker."""


class RelaySettings(ProcessSettings, BrokerSettings, RetryDelaySettings):
    """The settings of the relay. It declares and looks for the topology, so it knows the delays."""

    relay_database_urls: RequiredCommaList
    """The databases whose outboxes it publishes, each named as its service."""
    relay_batch: int = 200
    relay_poll: float = 0.2
    """The longest pause between two looks at an outbox (seconds): an event is looked for within this time."""
    relay_watchdog: float = 10.0
    """The relay connects again when the broker does not confirm, or declare a queue, within this time
    (seconds)."""
    relay_declare: float = 30.0
    """Seconds between two declarations of the topology."""

    @property
    def connection_options(self) -> str:
        """Return options for a database. Idle sessions end, which frees the lock of a relay that is cut off.

        A relay that works queries more often: whenever it has waited for the broker for the watchdog's time.
        """
        idle = 1000 * (self.relay_watchdog + 5)
        return f"-c statement_timeout=8000 -c idle_session_timeout={idle:.0f}"

    @field_validator("relay_database_urls")
    @classmethod
    def _require_names_of_services(cls, urls: Sequence[str]) -> Sequence[str]:
        strangers = sorted({name_of(url) for url in urls} - {*SERVICES})
        if strangers:
            raise ValueError(f"no service is named as these databases: {', '.join(strangers)}")
        return urls


class Unconfirmed(Exception):
    """The broker did not answer for any event; they stay in the outbox."""


@dataclass
class Published:
    """What became of events; only those that are confirmed leave the outbox.

    Args:
        confirmed: events that all their queues have.
        refused: events that at least one queue did not take.
        unanswered: events of which the broker has said nothing.
    """

    confirmed: list[Envelope] = field(default_factory=list)
    refused: list[Envelope] = field(default_factory=list)
    unanswered: list[Envelope] = field(default_factory=list)

    @property
    def answered(self) -> int:
        return len(self.confirmed) + len(self.refused)

    @property
    def untaken(self) -> list[Envelope]:
        return [*self.refused, *self.unanswered]


@dataclass
class Hold:
    """The events of a type that wait because a queue does not take them."""

    publisher: "Publisher"
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


class Publisher:
    """A channel with confirms. `connect` opens it, also after a loss.

    Without a ``topology`` it does not wait for a declaration.
    """

    def __init__(self, settings: RelaySettings, name: str, topology: "TopologyKeeper | None" = None) -> None:
        self._settings = settings
        self._name = name
        self._topology = topology
        self._user = user_of(settings.broker_urls)
        self._exchanges: dict[str, AbstractExchange] = {}
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None

    @property
    def connected(self) -> bool:
        """Return whether the channel is open."""
        return self._channel is not None and not self._channel.is_closed

    async def connect(self) -> None:
        """Connect, and wait until the topology was declared, unless the channel is open.

        The keeper of the topology has a time limit of its own, for each answer of the broker.

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
        if self._topology is not None:
            await self._topology.wait_until_declared()
        self._exchanges.clear()
        self._channel = channel
        metrics.count_connection(self._name)

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Publish events of one type in one message, and wait for the broker's confirm."""
        assert self._channel is not None
        if spans := tracing.of_events(envelopes):
            envelopes = [
                one.model_copy(update={"traceparent": span.traceparent})
                for one, span in zip(envelopes, spans, strict=True)
            ]
        first = envelopes[0]
        name = exchange_of(first.producer)
        if name not in self._exchanges:
            self._exchanges[name] = await self._channel.get_exchange(name, ensure=False)
        message = Message(
            join_envelopes([envelope.to_bytes() for envelope in envelopes]),
            content_type=CONTENT_TYPE if len(envelopes) == 1 else SEVERAL_CONTENT_TYPE,
            delivery_mode=DeliveryMode.PERSISTENT,
            message_id=str(first.id),
            type=first.type,
            correlation_id=first.correlation_id or None,
            timestamp=first.occurred_at,
            user_id=self._user,
        )
        await self._exchanges[name].publish(message, routing_key=first.type, mandatory=True)
        for span in spans:
            span.end()

    async def publish_all(
        self, messages: Sequence[Sequence[Envelope]], seconds: float | None = None
    ) -> Published:
        """Publish messages, each with the events in it, and wait for the broker's confirms together.

        They are waited for so long, by default for the watchdog's time.

        A queue without a leader leaves some unanswered within the watchdog's time, and an alarm of the broker
        or a half-open connection all of them: the connection is closed then.
        """
        published = Published()

        async def publish(message: Sequence[Envelope]) -> None:
            try:
                await self.publish(message)
            except DeliveryError:
                published.refused.extend(message)
            else:
                published.confirmed.extend(message)

        tasks = [asyncio.create_task(publish(message)) for message in messages]
        _, pending = await asyncio.wait(tasks, timeout=seconds or self._settings.relay_watchdog)
        for task in pending:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        failed = [outcome is not None for outcome in outcomes]
        if any(failed):
            published.unanswered = [one for message in compress(messages, failed) for one in message]
            errors = sorted({type(outcome).__name__ for outcome in compress(outcomes, failed)})
            log.warning("events were not confirmed", confirmed=len(published.confirmed), errors=errors)
            if not published.answered:
                await self.close()
        return published

    async def close(self) -> None:
        """Close the connection. Do not wait for a broker that does not answer."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            await close(connection)


class OutboxRelay:
    """The relay of one database's outbox."""

    def __init__(self, url: str, settings: RelaySettings, topology: "TopologyKeeper") -> None:
        self.name = name_of(url)
        self._url = url.replace("postgresql+psycopg://", "postgresql://")
        self._settings = settings
        self._topology = topology
        self._publisher = Publisher(settings, f"relay:{self.name}", topology)
        self._purge_at = 0.0
        self._purging = Job(f"purge_outbox:{self.name}", PURGE_SECONDS)
        self._answer_expected = asyncio.Event()
        self._holds: dict[str, Hold] = {}
        self._is_heard = False
        """Whether the broker has answered for an event since some were tried last."""
        self._unheard_tries = 0
        """Tries in a row since which the broker has answered for nothing."""
        self._again: list[Missed] = []
        self._after = 0
        """While something is refused: the position up to which other rows are looked at only in turn."""
        self._swept = 0
        """How far the present turn through those has come."""
        self._is_sweep_urgent = False
        """Whether some of them may be published since the last turn began."""
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

    def expect_answer(self) -> None:
        """Look soon: the service of this outbox gets an event, and may publish another one because of it."""
        self._answer_expected.set()

    async def _pause(self, seconds: float) -> float:
        """Pause for so long, or until an answer may be there; return what the next pause is counted from."""
        if not seconds:
            await asyncio.sleep(0)
            return seconds
        try:
            await asyncio.wait_for(self._answer_expected.wait(), seconds)
        except TimeoutError:
            return seconds
        self._answer_expected.clear()
        await asyncio.sleep(BUSY_POLL)
        return 0.0

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
            pause = 0.0
            while True:
                if not self._publisher.connected:
                    self.background.working = False
                    await self._publisher.connect()
                await self._unsend(connection)
                published = await self._publish_batch(connection)
                self.background.working = not (self._holds and self._unheard_tries)
                self.background.backoff.reset()
                await self._purge(connection)
                pause = next_pause(pause, published, self._settings.relay_poll, self._settings.relay_batch)
                pause = await self._pause(0.0 if self._is_sweep_urgent and self._holds else pause)

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
            gone = await connection.execute(_PURGE, (KEEP_SENT_DAYS, PURGE_ROWS))
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
            again = await connection.execute(_UNSEND, (missed.type, missed.seconds))
            self._again.remove(missed)
            self._sweep_again()
            log.warning("a queue was missing: events go again", type=missed.type, count=again.rowcount)

    async def _publish_batch(self, connection: psycopg.AsyncConnection) -> list[str]:
        """Publish what waits, and one event of each type whose pause is over; return their types."""
        if self._holds:
            waiting = await self._look(connection)
        else:
            self._after = self._swept = 0
            waiting = await _envelopes(connection, _WAITING, (self.name, self._settings.relay_batch))
        due = self._due()
        tried = [
            one for name in due for one in await _envelopes(connection, _TRIED, (self._holds[name].tried,))
        ]
        for name in {*due} - {envelope.type for envelope in tried}:
            await self._release(name)
        await self._publish_waiting(connection, waiting)
        if tried:
            await self._note_tries(connection, await self._try_all(tried))
        return [envelope.type for envelope in (*tried, *waiting)]

    async def _look(self, connection: psycopg.AsyncConnection) -> list[Envelope]:
        """Return what may be published while something is refused, and overtakes nothing of that.

        It looks at two pages of rows at most. One has the newest rows: once it is full of rows that have to
        wait, it begins in its own middle, so a row that commits late is still seen. The other goes through
        all rows before that in turn, because some may have become free.
        """
        batch, older = self._settings.relay_batch, list[Envelope]()
        newest, page = await self._free_of_page(connection, self._after, ALL)
        if self._after:
            older, swept = await self._free_of_page(connection, self._swept, self._after)
            if len(older) < batch:
                is_more = len(swept) == PAGE_ROWS
                self._swept = swept[-1] if is_more else 0
                self._is_sweep_urgent &= is_more
        if len(page) == PAGE_ROWS and len(newest) < batch:
            self._after = page[PAGE_ROWS // 2]
        return [*older, *newest]

    async def _free_of_page(
        self, connection: psycopg.AsyncConnection, after: int, until: int
    ) -> tuple[list[Envelope], list[int]]:
        """Return what may be published of the first rows between two positions, and the positions of all."""
        rows = await connection.execute(_PAGE, (self.name, after, until, PAGE_ROWS))
        page, positions, held = await rows.fetchall(), list[int](), set[str]()
        for position, name, subject in page:
            if name in self._holds and position <= self._holds[name].last:
                held.add(subject)
            elif subject not in held:
                positions.append(position)
        free = await _envelopes(connection, _FREE, (positions, after, self._settings.relay_batch))
        return free, [position for position, *_ in page]

    def _sweep_again(self) -> None:
        self._swept, self._is_sweep_urgent = 0, bool(self._after)

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
        return await publisher.publish_all([[one]], max(until - monotonic(), BUSY_POLL))

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
                self._sweep_again()
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
            await connection.execute(_MARK, ([envelope.id for envelope in published.confirmed],))
            for envelope in published.confirmed:
                metrics.OUTBOX_SENT.labels(self.name, envelope.type).inc()
            self._topology.expect_answers({envelope.type for envelope in published.confirmed})
        if published.refused:
            rows = await connection.execute(_LAST, ([envelope.id for envelope in published.refused],))
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
        self._sweep_again()
        await self._holds.pop(name).publisher.close()
        metrics.OUTBOX_REFUSED.labels(self.name, name).set(0)

    async def close(self) -> None:
        """Close the connections to the broker."""
        for publisher in (self._publisher, *(hold.publisher for hold in self._holds.values())):
            await publisher.close()


class TopologyKeeper:
    """Declares the topology of events again and again, on a connection of its own.

    A queue of events that somebody deleted comes back within the interval, and a broker that does not answer
    is noticed while there are no events. Another queue that is missing is reported, and holds up no event.
    """

    def __init__(self, settings: RelaySettings) -> None:
        self.relays: list[OutboxRelay] = []
        """Each hears which queue was missing. The queues of other outboxes are left to their relays."""
        self.background = BackgroundTask("topology", self._work, LOST)
        self._job = Job("declare_topology", settings.relay_declare)
        self._settings = settings
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

    def expect_answers(self, types: Collection[str]) -> None:
        """Let the relays of those services look soon that get events of these types and may answer them."""
        services = {event.answered_by for event in events.ALL if event.__name__ in types}
        for relay in self.relays:
            if relay.name in services:
                relay.expect_answer()

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
                producers={relay.name for relay in self.relays},
                absent=self._absent,
                on_progress=lambda: limit.reschedule(loop.time() + seconds),
                on_created=self._send_again,
            )

    def _send_again(self, queue: str) -> None:
        log.warning("a queue was missing and is declared", queue=queue)
        for relay in self.relays:
            relay.send_again(queue)

    def _report(self, declared: Declared) -> None:
        for name, error in declared.refused.items():
            log.error("it exists otherwise: run `epass topology apply`", name=name, error=error)
        for name in declared.missing:
            log.error("it is missing: run `epass topology apply`", name=name)
        self.background.working = not declared.refused and not declared.missing


def group_into_messages(envelopes: Sequence[Envelope]) -> tuple[list[list[Envelope]], list[Envelope]]:
    """Return the events that may be published now, by message, and those that must wait until they are out.

    A message has events of one type. An event waits while an earlier one of its subject goes in another
    message.
    """
    open_messages: dict[str, list[Envelope]] = {}
    messages: list[list[Envelope]] = []
    message_of: dict[str, list[Envelope]] = {}
    left: list[Envelope] = []
    waits: set[str] = set()
    sizes: dict[str, int] = {}
    for envelope in envelopes:
        message, size = (
            open_messages.get(envelope.type),
            len(envelope.personal or "") + len(str(envelope.data)),
        )
        if message is None or len(message) == LARGEST_MESSAGE or sizes[envelope.type] + size > LARGEST_BYTES:
            message = []
        if envelope.subject in waits or message_of.get(envelope.subject, message) is not message:
            waits.add(envelope.subject)
            left.append(envelope)
            continue
        if not message:
            open_messages[envelope.type], sizes[envelope.type] = message, 0
            messages.append(message)
        message.append(envelope)
        message_of[envelope.subject] = message
        sizes[envelope.type] += size
    return messages, left


def next_pause(last: float, published: Sequence[str], longest: float, batch: int) -> float:
    """Return the seconds until the next look.

    After events it follows at once, but after a few that can wait only when others had time to come. After
    none the pause is twice the last one.
    """
    if not published:
        return min(max(2 * last, BUSY_POLL), longest)
    return longest if len(published) < batch and _CAN_WAIT.issuperset(published) else 0.0


async def _envelopes(
    connection: psycopg.AsyncConnection,
    query: LiteralString,
    values: Mapping[str, object] | tuple[object, ...],
) -> list[Envelope]:
    async with connection.cursor(row_factory=class_row(Envelope)) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchall()


async def run(settings: RelaySettings, health: Health, stop: asyncio.Event) -> None:
    """Relay the outboxes of all databases of the settings until ``stop`` is set.

    Raises:
        BackgroundTaskEnded: a relay ended although nobody stopped it.
    """
    keeper = TopologyKeeper(settings)
    keeper.relays += [OutboxRelay(url, settings, keeper) for url in settings.relay_database_urls]
    background = [keeper.background, *(relay.background for relay in keeper.relays)]
    for one in background:
        health.checks[one.name] = lambda one=one: one.working  # type: ignore[misc]  # mypy cannot infer a lambda's default
    try:
        await run_until(stop, background)
    finally:
        await asyncio.gather(*(relay.close() for relay in keeper.relays))
