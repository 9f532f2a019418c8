"""The event entrypoint: it gives an event to its handler once, and acknowledges it after the commit.

A service writes ``@subscribes(PassApproved)`` above a method of its consumers class. The rest of this file is
in the order in which a message passes through it:

1. `EventConsumers` consumes from all queues of a container, over one connection.
2. `EventEntrypoint.receive` reads the envelope, then waits for a free worker.
3. `subscribes` decrypts the event in the worker, and handles it alone if it was delivered often.
4. `handle_once` runs the service's method and the inbox mark in one transaction.
5. `settle` acknowledges the message, or moves it as ``retry.py`` decides.
"""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ClassVar, TypeVar

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
from services.chassis.messaging.queue_reader import QueueReader
from services.chassis.messaging.retry import FailedMessagePublisher
from services.chassis.messaging.topology import DELIVERY_COUNT
from services.chassis.runtime import logs, metrics
from services.chassis.runtime.clock import now
from services.chassis.runtime.lifecycle import Stopping
from services.chassis.runtime.providers import process

log = logs.logger(__name__)
E = TypeVar("E", bound=Event)
Handler = Callable[[Any, Received[E], Session], None]
LARGEST = 1_000_000
"""Bytes. A larger body is not an event."""


class EventConsumers(SharedExtension, ProviderCollector):
    """All event queues of one container, over one connection."""

    def setup(self) -> None:
        """Prepare the publisher of failed messages."""
        settings = process().settings
        self.failed_messages = FailedMessagePublisher(
            settings.broker_urls, len(settings.retry_delays), settings.attempts
        )
        self.reader: Any = None
        self._thread: Any = None

    def start(self) -> None:
        """Consume on a thread of the container. All entrypoints are registered by now."""
        settings = process().settings
        by_queue = {provider.queue: provider for provider in self._providers}
        for queue in by_queue:
            metrics.initialise_consumer(queue)
        metrics.PAUSED.labels(self.container.service_cls.service)
        self.reader = QueueReader(
            settings.broker_urls,
            list(by_queue),
            lambda queue, message: by_queue[queue].receive(message),
            settings.prefetch,
            self.container.service_name,
            settings.broker_heartbeat,
        )
        process().health.checks[self.container.service_name] = lambda: self.reader.consuming
        self._thread = self.container.spawn_managed_thread(self.reader.run)

    def unregister_provider(self, provider: Any) -> None:
        """Stop consuming when the first entrypoint stops, and wait until the work in hand is done."""
        if self.reader is not None and self._thread is not None:
            self.reader.stop()
            self._thread.wait()
        super().unregister_provider(provider)

    def kill(self) -> None:
        """Take no more messages."""
        if self.reader is not None:
            self.reader.stop()


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
        """Register with the shared consumer."""
        self.consumers.register_provider(self)

    def stop(self) -> None:
        """Stop the shared consumer, gracefully."""
        self.consumers.unregister_provider(self)

    def receive(self, message: Message) -> None:
        """Read a message on the consumer's thread, then have it handled on another one."""
        try:
            envelope = self._read(message)
        except UnreadableEvent as error:
            self._spawn(functools.partial(settle, self.consumers, self.queue, message, error), "dead-letter")
            return
        if envelope.expires_at is not None and envelope.expires_at < now():
            metrics.EVENTS_EXPIRED.labels(self.queue).inc()
            self.consumers.reader.acknowledge(message)
            return
        self._spawn(functools.partial(self._work, envelope, message), f"wait for a worker: {self.queue}")

    def _read(self, message: Message) -> Envelope:
        body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
        if len(body) > LARGEST:
            raise UnreadableEvent(f"{len(body)} bytes")
        envelope = read_envelope(body)
        if envelope.type != self.event_name:
            raise UnreadableEvent(f"a {envelope.type} in the queue of {self.event_name}")
        return envelope

    def _spawn(self, work: Callable[[], object], identifier: str) -> None:
        self.container.spawn_managed_thread(work, identifier=identifier)

    def _work(self, envelope: Envelope, message: Message) -> None:
        """Wait for a free worker and give it the event; settle the message when the worker has ended."""
        began = now()
        count = (message.headers or {}).get(DELIVERY_COUNT, 0)  # of earlier deliveries
        deliveries = count if isinstance(count, int) else 0

        def handle_result(_context: Any, result: Any, exc_info: Any) -> tuple[Any, Any]:
            error = exc_info[1] if exc_info else None
            with logs.context(correlation_id=envelope.correlation_id, event_id=str(envelope.id)):
                outcome = settle(self.consumers, self.queue, message, error)
            metrics.EVENT_SECONDS.labels(self.queue, outcome).observe((now() - began).total_seconds())
            if error is None:
                age = (now() - envelope.occurred_at).total_seconds()
                metrics.EVENT_AGE.labels(self.queue).observe(max(age, 0))
            return result, exc_info

        try:
            self.container.spawn_worker(
                self,
                (envelope, deliveries),
                {},
                context_data={"correlation_id": envelope.correlation_id},
                handle_result=handle_result,
            )
        except ContainerBeingKilled:
            self.consumers.reader.give_back(message)


def subscribes(event: type[E]) -> Callable[[Handler[E]], Callable[[Any, Envelope, int], None]]:
    """Make a method ``(self, received, session)`` the handler of an event.

    The class has a ``db`` and a ``service``: the queue is ``<service>.<event>``, from
    ``contracts/subscriptions.py``.
    """

    def decorate(method: Handler[E]) -> Callable[[Any, Envelope, int], None]:
        @functools.wraps(method)
        def handle(self: Any, envelope: Envelope, deliveries: int) -> None:
            received = open_envelope(envelope, self.db.personal_keys)
            consumer = f"{self.service}.{event.__name__}"
            context = logs.context(
                correlation_id=envelope.correlation_id,
                traceparent=envelope.traceparent,
                event_id=str(envelope.id),
            )
            paused = metrics.PAUSED.labels(self.service).track_inprogress
            alone = poison_messages.one_at_a_time(self.db, consumer, received.id, deliveries, paused)
            with context, alone:
                handle_once(self.db, consumer, received, functools.partial(method, self), paused)

        EventEntrypoint.decorator(event.__name__)(handle)
        return handle

    return decorate


def handle_once(
    db: Database,
    consumer: str,
    received: Received[Any],
    handler: Callable[[Received[Any], Session], None],
    while_waiting: Callable[[], AbstractContextManager[object]],
) -> None:
    """Run the handler and the inbox mark in one transaction, unless this consumer has seen the event before.

    The message is held while the database is away; this is not an attempt.
    """

    def work(session: Session) -> None:
        if inbox.mark_seen(session, consumer, received.id):
            handler(received, session)
        else:
            metrics.EVENTS_REPEATED.labels(consumer).inc()

    run_when_available(db, work, part="consumer", while_waiting=while_waiting)


def settle(consumers: EventConsumers, queue: str, message: Message, error: BaseException | None) -> str:
    """Acknowledge a message, move it or give it back. Return the outcome in one word, for the metric."""
    if error is None:
        consumers.reader.acknowledge(message)
        return "done"
    if isinstance(error, Stopping):
        consumers.reader.give_back(message)
        return "returned"
    log.error("event was not handled", queue=queue, exc_info=error)
    try:
        consumers.failed_messages.publish_copy(queue, message, error)
    except NOT_PUBLISHED as fault:
        log.warning("message could not be moved and goes back", error=type(fault).__name__)
        consumers.reader.give_back(message)
        return "returned"
    consumers.reader.acknowledge(message)
    return "failed"
