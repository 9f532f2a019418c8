"""The event entrypoint: it gives an event to its handler once, and acknowledges it after the commit.

A service writes ``@subscribes(PassApproved)`` above a method of its consumers class. The rest of this file is
in the order in which a message passes through it:

1. `EventConsumers` consumes from all queues of a container, over one connection.
2. `EventEntrypoint.receive` checks the sender, reads the envelopes, of which a message has one or several,
   and checks their signatures. What arrives while all workers are busy waits.
3. `subscribes` gives all that waits to the service's method, as a batch (``event_batches.py``): it is
   decrypted and handled, together with the inbox marks, in one transaction. An event that was delivered often
   is handled alone.
4. `settle_failed` moves an event that failed as ``retry.py`` decides. A message is acknowledged when all its
   events are settled.
"""

import functools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, ClassVar, TypeVar

from kombu.transport.pyamqp import Message
from nameko.exceptions import ContainerBeingKilled
from nameko.extensions import Entrypoint, ProviderCollector, SharedExtension
from sqlalchemy.orm import Session

from contracts.envelope import Envelope, Received, UnreadableEvent, read_envelope, split_envelopes
from contracts.events import BY_NAME, Event
from services.chassis.messaging.broker import NOT_PUBLISHED
from services.chassis.messaging.event_batches import (
    LARGEST_BATCH,
    LARGEST_SET,
    Delivery,
    EventHandler,
    EventMessage,
    Settle,
    handle_batch,
)
from services.chassis.messaging.poison_messages import AFTER_DELIVERIES
from services.chassis.messaging.queue_reader import QueueReader
from services.chassis.messaging.retry import FailedMessagePublisher, return_pause
from services.chassis.messaging.senders import ForgedMessage, require_sender, senders_of_events
from services.chassis.messaging.signatures import EventKeys
from services.chassis.messaging.topology import DELIVERY_COUNT
from services.chassis.runtime import logs, metrics
from services.chassis.runtime.clock import monotonic, now
from services.chassis.runtime.lifecycle import Stopping, pause
from services.chassis.runtime.providers import process

log = logs.logger(__name__)
E = TypeVar("E", bound=Event)
Handler = Callable[[Any, Received[E], Session], None]
ManyHandler = Callable[[Any, Sequence[Received[E]], Session], None]
Take = Callable[[], list[Delivery]]
"""Returns the deliveries that wait, once a worker is free for them."""
Entry = Callable[[Any, Take, Settle], None]
BATCHES_AT_ONCE = 2
"""Of one queue in one process: the second is handled while the database works on the first."""
LARGEST = 1_000_000
"""Bytes. A larger body is not an event, nor are several."""


class EventConsumers(SharedExtension, ProviderCollector):
    """All event queues of one container, over one connection."""

    def setup(self) -> None:
        """Prepare the publisher of failed messages."""
        settings = process().settings
        self.failed_messages = FailedMessagePublisher(
            settings.broker_urls, len(settings.retry_delays), settings.attempts
        )
        self.event_keys = EventKeys(settings.event_keys, settings.unsigned_until)
        self.poison_lock = threading.Lock()
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

    def settle(self, messages: Iterable[EventMessage], return_after: float | None = None) -> None:
        """Settle one event of each message; acknowledge or return those messages that are settled whole.

        Args:
            messages: a message stands here as often as it has events to settle.
            return_after: seconds after which the messages go back to their queue.
        """
        done = []
        for message in messages:
            message.unsettled -= 1
            if return_after is not None:
                message.return_after = max(return_after, message.return_after or 0)
            if message.unsettled:
                continue
            if message.return_after is None:
                done.append(message.message)
            elif message.return_after:
                self._give_back_after(message.return_after, message.message)
            else:
                self.reader.give_back(message.message)
        if done:
            self.reader.acknowledge_all(done)

    def _give_back_after(self, seconds: float, message: Message) -> None:
        """Return a message to its queue after a pause, at once when the process stops."""

        def wait() -> None:
            with suppress(Stopping):
                pause(seconds)
            self.reader.give_back(message)

        self.container.spawn_managed_thread(wait, identifier="give back")

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

    def __init__(self, event_name: str, largest_batch: int, **options: Any) -> None:
        self.event_name = event_name
        self._largest_batch = largest_batch
        self._waiting: deque[Delivery] = deque()
        self._batches = 0
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
        """Read a message on the consumer's thread, then have its events handled on another one."""
        body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
        try:
            require_sender(message.properties, senders_of_events(self.container.service_cls.service))
        except ForgedMessage as error:
            self._refuse(EventMessage(message), body, error)
            return
        parts = split_envelopes(body) if len(body) <= LARGEST else [body]
        shared = EventMessage(message, len(parts))
        for part in parts:
            self._receive_event(shared, part)
        self._start_batch()

    def _receive_event(self, message: EventMessage, body: bytes) -> None:
        try:
            envelope = self._read(body)
        except (ForgedMessage, UnreadableEvent) as error:
            self._refuse(message, body, error)
            return
        if envelope.expires_at is not None and envelope.expires_at < now():
            metrics.EVENTS_EXPIRED.labels(self.queue).inc()
            self.consumers.settle([message])
            return
        delivery = Delivery(envelope, message, _earlier_deliveries(message.message), body)
        if delivery.earlier >= AFTER_DELIVERIES:  # it may kill its process, and a batch with it
            self._spawn(functools.partial(self._work_alone, delivery), "poison")
        else:
            self._waiting.append(delivery)

    def _refuse(self, message: EventMessage, body: bytes, error: Exception) -> None:
        """Send an event to the dead letters."""
        refuse = functools.partial(settle_failed, self.consumers, self.queue, message, body, error)
        self._spawn(refuse, "dead-letter")

    def _work_alone(self, delivery: Delivery) -> None:
        """Handle an event that may kill its process. All of them together occupy one worker at most."""
        self.consumers.poison_lock.acquire()
        self._work(lambda: [delivery], self.consumers.poison_lock.release)

    def _start_batch(self) -> None:
        if self._waiting and self._batches < BATCHES_AT_ONCE:
            self._batches += 1
            self._spawn(functools.partial(self._work, self._take, self._end_batch), "wait for a worker")

    def _take(self) -> list[Delivery]:
        """Return what waits by now, when a worker is free for it."""
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), self._largest_batch))]

    def _end_batch(self) -> None:
        self._batches -= 1
        self._start_batch()

    def _read(self, body: bytes) -> Envelope:
        if len(body) > LARGEST:
            raise UnreadableEvent(f"{len(body)} bytes")
        envelope = read_envelope(body)
        if envelope.type != self.event_name:
            raise UnreadableEvent(f"a {envelope.type} in the queue of {self.event_name}")
        if envelope.producer != BY_NAME[self.event_name].producer:
            raise ForgedMessage
        self.consumers.event_keys.require_signature(envelope)
        return envelope

    def _spawn(self, work: Callable[[], object], identifier: str) -> None:
        self.container.spawn_managed_thread(work, identifier=f"{identifier}: {self.queue}")

    def _work(self, take: Take, end: Callable[[], None]) -> None:
        """Wait for a free worker and give it what ``take`` returns then; call ``end`` when it has ended."""

        def handle_result(_context: Any, result: Any, exc_info: Any) -> tuple[Any, Any]:
            end()
            return result, exc_info

        settle = functools.partial(self._settle, monotonic())
        try:
            self.container.spawn_worker(self, (take, settle), {}, handle_result=handle_result)
        except ContainerBeingKilled:
            settle(take(), Stopping())

    def _settle(self, began: float, deliveries: Sequence[Delivery], error: BaseException | None) -> None:
        if error is None:
            self.consumers.settle(delivery.message for delivery in deliveries)
        for delivery in deliveries:
            envelope, outcome = delivery.envelope, "done"
            if error is not None:
                with logs.context(correlation_id=envelope.correlation_id, event_id=str(envelope.id)):
                    outcome = settle_failed(
                        self.consumers, self.queue, delivery.message, delivery.body, error
                    )
            metrics.EVENT_SECONDS.labels(self.queue, outcome).observe(monotonic() - began)
            if error is None:
                age = (now() - envelope.occurred_at).total_seconds()
                metrics.EVENT_AGE.labels(self.queue).observe(max(age, 0))


def subscribes(event: type[E]) -> Callable[[Handler[E]], Entry]:
    """Make a method ``(self, received, session)`` the handler of an event.

    The class has a ``db`` and a ``service``: the queue is ``<service>.<event>``, from
    ``contracts/subscriptions.py``.
    """
    return lambda method: _entrypoint(event, method, method, None)


def subscribes_together(event: type[E]) -> Callable[[ManyHandler[E]], Entry]:
    """Make a method ``(self, list of received, session)`` the handler of several events of a type at once.

    It may be called with one.
    """

    def decorate(method: ManyHandler[E]) -> Entry:
        def one(self: Any, received: Received[E], session: Session) -> None:
            method(self, [received], session)

        return _entrypoint(event, method, one, method)

    return decorate


def _entrypoint(
    event: type[E], method: Callable[..., None], one: Handler[E], many: ManyHandler[E] | None
) -> Entry:
    @functools.wraps(method)
    def handle(self: Any, take: Take, settle: Settle) -> None:
        handler = EventHandler(
            f"{self.service}.{event.__name__}",
            self.db.personal_keys,
            functools.partial(one, self),
            functools.partial(many, self) if many else None,
            metrics.PAUSED.labels(self.service).track_inprogress,
        )
        handle_batch(self.db, handler, take(), settle)

    EventEntrypoint.decorator(event.__name__, LARGEST_SET if many else LARGEST_BATCH)(handle)
    return handle


def settle_failed(
    consumers: EventConsumers, queue: str, message: EventMessage, body: bytes, error: BaseException
) -> str:
    """Move an event of a message, or give the message back. Return the outcome in one word."""
    if isinstance(error, Stopping):
        consumers.settle([message], return_after=0)
        return "returned"
    log.error("event was not handled", queue=queue, exc_info=error)
    try:
        consumers.failed_messages.publish_copy(queue, message.message, error, body)
    except NOT_PUBLISHED as fault:
        seconds = return_pause(_earlier_deliveries(message.message))
        log.warning("message could not be moved and goes back", error=type(fault).__name__, seconds=seconds)
        consumers.settle([message], return_after=seconds)
        return "returned"
    consumers.settle([message])
    return "failed"


def _earlier_deliveries(message: Message) -> int:
    count = (message.headers or {}).get(DELIVERY_COUNT, 0)
    return count if isinstance(count, int) else 0
