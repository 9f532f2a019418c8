"""The event entrypoint: an event to its handler, once, acknowledged after the commit.

``@subscribes(PassApproved)`` on a method of a service's consumers class is all that a service says. The method gets the
event opened and a session; its work and the inbox's mark are one transaction. Then the message is acknowledged, or
moved as ``retry.py`` decides.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from kombu.transport.pyamqp import Message
from nameko.exceptions import ContainerBeingKilled
from nameko.extensions import Entrypoint, ProviderCollector, SharedExtension
from sqlalchemy.orm import Session

from contracts.envelope import Envelope, Received, UnreadableEvent, open_envelope, read_envelope
from contracts.events import Event
from services.chassis.db.availability import run_when_available
from services.chassis.db.database import Database
from services.chassis.messaging import inbox, poison_messages
from services.chassis.messaging.broker import NOT_PUBLISHED
from services.chassis.messaging.raw_consumer import RawConsumer
from services.chassis.messaging.retry import Mover
from services.chassis.runtime import logs, metrics
from services.chassis.runtime.clock import now
from services.chassis.runtime.lifecycle import Stopping
from services.chassis.runtime.providers import process

log = logs.logger(__name__)
E = TypeVar("E", bound=Event)
Consume = Callable[[Any, Received[E], Session], None]
LARGEST = 1_000_000
"""Bytes; a larger body is nobody's event."""


def subscribes(event: type[E]) -> Callable[[Consume[E]], Callable[[Any, Envelope, int], None]]:
    """Makes a method ``(self, received, session)`` the consumer of an event.

    The class has a ``db`` and a ``service``: the queue is ``<service>.<event>``, from ``contracts/subscriptions.py``.
    """

    def decorate(method: Consume[E]) -> Callable[[Any, Envelope, int], None]:
        @functools.wraps(method)
        def take(self: Any, envelope: Envelope, deliveries: int) -> None:
            received = open_envelope(envelope, self.db.personal_keys)
            consumer = f"{self.service}.{event.__name__}"
            work = functools.partial(
                _once, consumer=consumer, received=received, method=functools.partial(method, self)
            )
            told = logs.context(
                correlation_id=envelope.correlation_id,
                traceparent=envelope.traceparent,
                event_id=str(envelope.id),
            )
            with told, _precautions(self.db, consumer, received.id, deliveries):
                _when_database_answers(self.db, self.service, work)

        EventEntrypoint.decorator(event.__name__)(take)
        return take

    return decorate


@contextmanager
def _precautions(db: Database, consumer: str, event_id: UUID, deliveries: int) -> Iterator[None]:
    """Nothing for a message that was seldom delivered; a suspect is handled alone, its start written down."""
    if deliveries < poison_messages.AFTER_DELIVERIES:
        yield
        return
    with poison_messages.alone:
        poison_messages.note_start(db, consumer, event_id)
        yield


def _once(
    session: Session, consumer: str, received: Received[Any], method: Callable[[Received[Any], Session], None]
) -> None:
    if inbox.first_sight(session, consumer, received.id):
        method(received, session)
    else:
        metrics.EVENTS_REPEATED.labels(consumer).inc()


def _when_database_answers(db: Database, service: str, work: Callable[[Session], None]) -> None:
    """Do the work in one transaction. The message is held while the database is away."""
    waiting = metrics.PAUSED.labels(service).track_inprogress
    run_when_available(db, work, part="consumer", while_waiting=waiting)


class EventConsumers(SharedExtension, ProviderCollector):
    """All event queues of one container, over one connection."""

    def setup(self) -> None:
        """Builds the consumer; entrypoints have registered by then."""
        options = process().settings
        self.mover = Mover(options.broker_urls, len(options.retry_delays), options.attempts)
        self.consumer: Any = None
        self._thread: Any = None

    def start(self) -> None:
        """Consumes on a thread of the container."""
        options, health = process().settings, process().health
        by_queue = {provider.queue: provider for provider in self._providers}
        for queue in by_queue:
            metrics.begin_consumer(queue)
        metrics.PAUSED.labels(self.container.service_cls.service)
        self.consumer = RawConsumer(
            options.broker_urls,
            list(by_queue),
            lambda queue, message: by_queue[queue].receive(message),
            options.prefetch,
            self.container.service_name,
            options.broker_heartbeat,
        )
        health.checks[self.container.service_name] = lambda: self.consumer.consuming
        self._thread = self.container.spawn_managed_thread(self.consumer.run)

    def unregister_provider(self, provider: Any) -> None:
        """The first entrypoint that stops ends consuming; each waits until the work in hand is done."""
        if self.consumer is not None and self._thread is not None:
            self.consumer.stop()
            self._thread.wait()
        super().unregister_provider(provider)

    def kill(self) -> None:
        """Takes nothing more."""
        if self.consumer is not None:
            self.consumer.stop()


class EventEntrypoint(Entrypoint):
    """One subscription of one service."""

    consumers: ClassVar = EventConsumers()

    def __init__(self, event_name: str, **options: Any) -> None:
        self.event_name = event_name
        super().__init__(**options)

    @property
    def queue(self) -> str:
        """The queue of this subscription."""
        return f"{self.container.service_cls.service}.{self.event_name}"

    def setup(self) -> None:
        """Registers with the shared consumer."""
        self.consumers.register_provider(self)

    def stop(self) -> None:
        """Stops the shared consumer, gracefully."""
        self.consumers.unregister_provider(self)

    def receive(self, message: Message) -> None:
        """Called on the consumer's thread: reads the envelope, then hands it to a worker."""
        try:
            envelope = self._read(message)
        except UnreadableEvent as error:
            self.container.spawn_managed_thread(
                functools.partial(self._settle, message, error), identifier="dead-letter"
            )
            return
        if envelope.expires_at is not None and envelope.expires_at < now():
            metrics.EVENTS_EXPIRED.labels(self.queue).inc()
            self.consumers.consumer.acknowledge(message)
            return
        self.container.spawn_managed_thread(
            functools.partial(self._work, envelope, message), identifier=f"wait for a worker: {self.queue}"
        )

    def _read(self, message: Message) -> Envelope:
        body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
        if len(body) > LARGEST:
            raise UnreadableEvent(f"{len(body)} bytes")
        envelope = read_envelope(body)
        if envelope.type != self.event_name:
            raise UnreadableEvent(f"a {envelope.type} in the queue of {self.event_name}")
        return envelope

    def _work(self, envelope: Envelope, message: Message) -> None:
        began = now()

        def handle_result(_context: Any, result: Any, exc_info: Any) -> tuple[Any, Any]:
            error = exc_info[1] if exc_info else None
            with logs.context(correlation_id=envelope.correlation_id, event_id=str(envelope.id)):
                outcome = self._settle(message, error)
            metrics.EVENT_SECONDS.labels(self.queue, outcome).observe((now() - began).total_seconds())
            if error is None:
                metrics.EVENT_AGE.labels(self.queue).observe(
                    max((now() - envelope.occurred_at).total_seconds(), 0)
                )
            return result, exc_info

        try:
            self.container.spawn_worker(
                self,
                (envelope, _deliveries(message)),
                {},
                context_data=_context_of(envelope),
                handle_result=handle_result,
            )
        except ContainerBeingKilled:
            self.consumers.consumer.give_back(message)

    def _settle(self, message: Message, error: BaseException | None) -> str:
        """Acknowledges, moves or gives back; returns what it did, in a word."""
        consumer = self.consumers.consumer
        if error is None:
            consumer.acknowledge(message)
            return "done"
        if isinstance(error, Stopping):
            consumer.give_back(message)
            return "returned"
        log.error("event was not handled", queue=self.queue, exc_info=error)
        try:
            self.consumers.mover.move(self.queue, message, error)
        except NOT_PUBLISHED as fault:
            log.warning("message could not be moved and goes back", error=type(fault).__name__)
            consumer.give_back(message)
            return "returned"
        consumer.acknowledge(message)
        return "failed"


def _deliveries(message: Message) -> int:
    """How often the broker has delivered this message before (a quorum queue counts)."""
    count = (message.headers or {}).get("x-delivery-count", 0)
    return count if isinstance(count, int) else 0


def _context_of(envelope: Envelope) -> dict[str, str]:
    return {"correlation_id": envelope.correlation_id}
