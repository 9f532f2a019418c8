"""The event entrypoint: it gives an event to its handler once, and acknowledges it after the commit.

A service writes ``on_pass_approved = consumes(PassApproved, passes.issue)`` in its consumers class. The rest
of this file is in the order in which a message passes through it:

1. `EventConsumers` (``event_consumers.py``) consumes from all queues of a container, over one connection.
2. `EventEntrypoint.receive` lets it wait, unread, until a worker is free. Then the worker checks the sender,
   reads the envelopes, of which a message has one or several, and checks their signatures.
3. `consumes` gives a batch of what waits to the service's handler (``event_batches.py``): it is decrypted
   and handled, together with the inbox marks, in one transaction. An event that was delivered often is
   handled alone.
4. `EventConsumers` settles it. A message is acknowledged when all its events are settled.

A container holds at most `EPASS_PREFETCH` messages of each queue, as bytes; of these its workers read as many
as go into their batches.
"""

import functools
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Concatenate, TypeVar, get_origin, get_type_hints

from kombu.transport.pyamqp import Message
from nameko.exceptions import ContainerBeingKilled
from nameko.extensions import Entrypoint
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from contracts.envelope import SEPARATOR, Envelope, Received, UnreadableEvent, read_envelope, split_envelopes
from contracts.events import BY_NAME, Event
from services.chassis.db.providers import process
from services.chassis.messaging.event_batches import (
    LARGEST_BATCH,
    LARGEST_SET,
    Delivery,
    EventHandler,
    EventMessage,
    Settle,
    handle_batch,
)
from services.chassis.messaging.event_consumers import (
    EventConsumers,
    body_of,
    earlier_deliveries,
    settle_failed,
)
from services.chassis.messaging.poison_messages import AFTER_DELIVERIES
from services.chassis.messaging.senders import ForgedMessage
from services.chassis.runtime import logs, metrics
from services.chassis.runtime.clock import monotonic, now
from services.chassis.runtime.handlers import Injected
from services.chassis.runtime.lifecycle import Stopping

E = TypeVar("E", bound=Event)
Take = Callable[[], list[Delivery]]
"""Returns the deliveries that wait, once a worker is free for them."""
BATCHES_AT_ONCE = 2
"""Of one queue in one process: the second is handled while the database works on the first."""
LARGEST = 1_000_000
"""Bytes. A larger body is not an event, nor are several."""


class EventEntrypoint(Entrypoint):
    """One subscription of one service."""

    consumers: ClassVar = EventConsumers()

    def __init__(self, event_name: str, largest_batch: int, **options: Any) -> None:
        self.event_name = event_name
        self._largest_batch = largest_batch
        self._waiting: deque[EventMessage] = deque()
        self._batches = 0
        self._often: deque[EventMessage] = deque()
        """Messages that were delivered often."""
        self._suspects: deque[Delivery] = deque()
        """The events of one of them."""
        self._is_alone = False
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
        """Let a message wait, unread, until a worker is free for its events."""
        held = EventMessage(message, body_of(message).count(SEPARATOR) + 1, queue=self.queue)
        if self.consumers.is_suspended:
            self.consumers.give_back(held)
        elif earlier_deliveries(message) >= AFTER_DELIVERIES:  # it may kill its process, and a batch with it
            self._often.append(held)
            self._start_alone()
        else:
            self._waiting.append(held)
            self._start_batch()

    def forget(self) -> None:
        """Forget what waits, because the broker delivers it again."""
        for waiting in (self._waiting, self._often, self._suspects):
            waiting.clear()

    def give_back(self) -> None:
        """Return what waits to the queue."""
        unread, suspects = [*self._waiting, *self._often], [*self._suspects]
        self.forget()
        for message in unread:
            self.consumers.give_back(message)
        self.consumers.settle([one.message for one in suspects], return_after=0)

    def _start_batch(self) -> None:
        if self._waiting and self._batches < BATCHES_AT_ONCE:
            self._batches += 1
            self._spawn(functools.partial(self._work, self._take, self._end_batch), "wait for a worker")

    def _take(self) -> list[Delivery]:
        """Read what waits by now, up to the size of a batch, when a worker is free for it."""
        left, deliveries = self._largest_batch, list[Delivery]()
        while self._waiting and (left == self._largest_batch or self._waiting[0].unsettled <= left):
            left -= self._waiting[0].unsettled
            deliveries += self._read_message(self._waiting.popleft())
        return deliveries

    def _end_batch(self) -> None:
        self._batches -= 1
        self._start_batch()

    def _start_alone(self) -> None:
        if (self._often or self._suspects) and not self._is_alone:
            self._is_alone = True
            self._spawn(self._work_alone, "poison")

    def _work_alone(self) -> None:
        """Handle an event that may kill its process. All of them together occupy one worker at most."""
        self.consumers.poison_lock.acquire()
        self._work(self._take_suspect, self._end_alone)

    def _take_suspect(self) -> list[Delivery]:
        while self._often and not self._suspects:
            self._suspects.extend(self._read_message(self._often.popleft()))
        return [self._suspects.popleft()] if self._suspects else []

    def _end_alone(self) -> None:
        self.consumers.poison_lock.release()
        self._is_alone = False
        self._start_alone()

    def _read_message(self, message: EventMessage) -> list[Delivery]:
        """Return the events of a message that are to be handled; settle the others."""
        body = body_of(message.message)
        try:
            self.consumers.require_sender(message)
        except ForgedMessage as error:
            message.unsettled = 1
            settle_failed(self.consumers, self.queue, message, body, error)
            return []
        parts = split_envelopes(body) if len(body) <= LARGEST else [body]
        message.unsettled = len(parts)
        return [delivery for part in parts for delivery in self._read_event(message, part)]

    def _read_event(self, message: EventMessage, body: bytes) -> Sequence[Delivery]:
        try:
            envelope = self._read(body)
        except (ForgedMessage, UnreadableEvent) as error:
            settle_failed(self.consumers, self.queue, message, body, error)
            return ()
        if envelope.expires_at is not None and _is_over(envelope.expires_at):
            metrics.EVENTS_EXPIRED.labels(self.queue).inc()
            self.consumers.settle([message])
            return ()
        return (Delivery(envelope, message, earlier_deliveries(message.message), body),)

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


def consumes(
    event: type[E],
    handler: Callable[Concatenate[Received[E], ...], None] | Callable[Concatenate[E, ...], None],
) -> Callable[..., None]:
    """Return the method of a nameko class that handles an event by a handler.

    The class has a ``db`` and a ``service``: the queue is ``<service>.<event>``, from
    ``contracts/subscriptions.py``. The handler's first parameter is the event, or what is `Received` if its
    annotation says so. It gets what else it names (``chassis/runtime/handlers.py``).

    Raises:
        TypeError: the handler names what no handler of an event gets.
    """
    first = next(iter(get_type_hints(handler).values()))
    return _entrypoint(event, handler, lambda one: one if get_origin(first) is Received else one.event)


def consumes_together(
    event: type[E], handler: Callable[Concatenate[Sequence[Received[E]], ...], None]
) -> Callable[..., None]:
    """Return the method of a nameko class that handles several events of a type at once, or one.

    Raises:
        TypeError: the handler names what no handler of an event gets.
    """
    return _entrypoint(event, handler, lambda one: [one], together=True)


def _entrypoint(
    event: type[E],
    handler: Callable[..., None],
    alone: Callable[[Received[E]], object],
    *,
    together: bool = False,
) -> Callable[..., None]:
    """Return the method; ``alone`` makes of one event what the handler takes first."""
    injected = Injected(handler, ("session",), messages=1)

    @functools.wraps(handler)
    def handle(self: Any, take: Take, settle: Settle) -> None:
        def one(received: Received[E], session: Session) -> None:
            injected(self, alone(received), session=session)

        def many(received: Sequence[Received[E]], session: Session) -> None:
            injected(self, received, session=session)

        handling = EventHandler(
            f"{self.service}.{event.__name__}",
            self.db.personal_keys,
            one,
            many if together else None,
            metrics.PAUSED.labels(self.service).track_inprogress,
        )
        handle_batch(self.db, handling, take(), settle)

    EventEntrypoint.decorator(event.__name__, LARGEST_SET if together else LARGEST_BATCH)(handle)
    return handle


def _is_over(instant: datetime) -> bool:
    """Return whether an instant has passed by the clock of this process and by that of its database, too.

    A host whose clock is ahead would else drop everything that expires. While the database is away nothing is
    dropped: the event goes to its handler, which waits for it.
    """
    if instant >= now():
        return False
    try:
        with process().database.queries() as session:
            return bool(session.scalar(select(func.clock_timestamp() > instant)))
    except (DBAPIError, PoolTimeout):
        return False
