"""Events that wait together are handled together: one transaction for all, one after another in it.

This costs one inbox statement and one commit for many events. If anything fails, the batch
is rolled back and each of its events is handled alone, so that a bad event never hurts another one.

A batch gives way to everything else: it waits for a lock for less time than PostgreSQL takes to look for a
deadlock, so a caller of an RPC never loses one to it.
"""

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from kombu.transport.pyamqp import Message
from sqlalchemy.orm import Session

from contracts.envelope import Envelope, PersonalKeyRing, Received, open_envelope
from services.chassis.db import deferred_writes
from services.chassis.db.availability import StillAway, run_when_available
from services.chassis.db.database import Database
from services.chassis.messaging import inbox, poison_messages
from services.chassis.runtime import logs, metrics, tracing
from services.chassis.runtime.lifecycle import Stopping

log = logs.logger(__name__)
T = TypeVar("T")
LARGEST_BATCH = 64
"""Events that are handled one after another; under load their transaction takes some tenths of a second."""
LARGEST_SET = 256
"""Events that a handler takes together."""
HOLD_SECONDS = 5.0
"""How long events are held while their database is away. Then they go back to their queue."""
MOST_LOSSES = 3
"""An event whose handling loses the connection to a sound database so often in a row has failed."""
_GIVE_WAY = "500ms"
"""How long a batch waits for a lock; PostgreSQL looks for deadlocks after a second (``deadlock_timeout``)."""


@dataclass(eq=False)
class EventMessage:
    """A message of the broker with one event or several, which are settled one by one.

    Attributes:
        message: the broker's.
        unsettled: the number of its events that are not settled yet.
        return_after: seconds after which the message goes back to its queue, because an event of it could not
            be settled otherwise; None while it need not. Its other events will be repeats.
        queue: where it came from.
    """

    message: Message
    unsettled: int = 1
    return_after: float | None = None
    queue: str = ""


@dataclass(frozen=True)
class Delivery:
    """An event that the broker has delivered.

    Attributes:
        envelope: of the event.
        message: that has the envelope, perhaps among others.
        earlier: how often the broker has delivered it before.
        body: the envelope's bytes.
    """

    envelope: Envelope
    message: EventMessage
    earlier: int
    body: bytes = b""


Settle = Callable[[Sequence[Delivery], BaseException | None], None]
"""Acknowledges deliveries after their effect (None), or moves them after an error."""


@dataclass(frozen=True)
class EventHandler:
    """What a service does with one type of event.

    Attributes:
        consumer: the name of the queue.
        personal_keys: open the personal block of its events.
        one: handles one event in a session.
        many: handles several events in a session, if that is less work than one after another.
        while_waiting: a context that is open during each wait for the database.
    """

    consumer: str
    personal_keys: PersonalKeyRing
    one: Callable[[Received[Any], Session], None]
    many: Callable[[Sequence[Received[Any]], Session], None] | None
    while_waiting: Callable[[], AbstractContextManager[object]]


def handle_batch(db: Database, handler: EventHandler, deliveries: Sequence[Delivery], settle: Settle) -> None:
    """Handle events together if possible, else each alone; settle each one after its commit or error."""
    readable = []
    for delivery in deliveries:
        try:
            readable.append((delivery, open_envelope(delivery.envelope, handler.personal_keys)))
        except Exception as error:  # noqa: BLE001  whatever it is, the others must go on
            settle([delivery], error)
    if len(readable) > 1:
        try:
            _handle_together(db, handler, readable)
        except (Stopping, StillAway) as away:
            settle([delivery for delivery, _ in readable], away)
            return
        except Exception as error:  # noqa: BLE001  each event meets its own error again, and alone
            metrics.BATCHES_SPLIT.labels(handler.consumer).inc()
            log.info("events are handled one by one", queue=handler.consumer, error=type(error).__name__)
        else:
            settle([delivery for delivery, _ in readable], None)
            return
    for place, (delivery, received) in enumerate(readable):
        failure = _error_of(functools.partial(_handle_alone, db, handler, delivery, received))
        if isinstance(failure, StillAway):
            settle([left for left, _ in readable[place:]], failure)
            return
        settle([delivery], failure)


def handle_once(db: Database, handler: EventHandler, received: Received[Any]) -> None:
    """Run the handler and the inbox mark in one transaction, unless this consumer has seen the event before.

    While the database is away the message is held, then it goes back to its queue; neither is an attempt. If
    it loses its connection to a database that is there, it is.

    Raises:
        StillAway: the database was away for longer than `HOLD_SECONDS`.
    """

    def work(session: Session) -> None:
        if inbox.mark_seen(session, handler.consumer, [received.id]):
            handler.one(received, session)
        else:
            metrics.EVENTS_REPEATED.labels(handler.consumer).inc()

    _run(db, handler, work)


def _handle_together(
    db: Database, handler: EventHandler, readable: Sequence[tuple[Delivery, Received[Any]]]
) -> None:
    """Handle events in one transaction.

    They come in the order of what they are about, so that two batches lock the same rows in the same order.
    """
    by_id = {received.id: (delivery.envelope, received) for delivery, received in readable}
    spans: list[tracing.Span] = []

    def work(session: Session) -> int:
        spans.clear()
        unseen = inbox.mark_seen(session, handler.consumer, sorted(by_id), lock_timeout=_GIVE_WAY)
        fresh = sorted((by_id[one] for one in unseen), key=lambda one: _place(one[1]))
        if handler.many is not None:
            spans.extend(tracing.of_events([envelope for envelope, _ in fresh], handler.consumer))
            handler.many([received for _, received in fresh], session)
            return len(fresh)
        before = None
        for envelope, received in fresh:
            about, _ = _place(received)
            if about == before:
                deferred_writes.send_rows(session)  # it may read what the one before it has written
            before = about
            first = spans[0].traceparent if spans else None
            spans.append(span := tracing.of_event(envelope, handler.consumer, first))
            with _context(envelope, span):
                handler.one(received, session)
                session.flush()
            session.expunge_all()  # the next one reads its rows as in a transaction of its own
        return len(fresh)

    handled = _run(db, handler, work)
    for span in spans:
        span.end()
    metrics.EVENTS_REPEATED.labels(handler.consumer).inc(len(readable) - handled)


def _run(db: Database, handler: EventHandler, work: Callable[[Session], T]) -> T:
    return run_when_available(
        db,
        work,
        part="consumer",
        most_losses=MOST_LOSSES,
        patience=HOLD_SECONDS,
        while_waiting=handler.while_waiting,
    )


def _handle_alone(db: Database, handler: EventHandler, delivery: Delivery, received: Received[Any]) -> None:
    alone = poison_messages.one_at_a_time(
        db, handler.consumer, received.id, delivery.earlier, handler.while_waiting, HOLD_SECONDS
    )
    span = tracing.of_event(delivery.envelope, handler.consumer)
    with span, _context(delivery.envelope, span), alone:
        handle_once(db, handler, received)


def _error_of(work: Callable[[], None]) -> Exception | None:
    try:
        work()
    except Exception as error:  # noqa: BLE001  ``retry.py`` decides what happens to its message
        return error
    return None


def _place(received: Received[Any]) -> tuple[str, int]:
    return str(getattr(received.event, "application_id", None) or received.subject), received.seq


def _context(envelope: Envelope, span: tracing.Span) -> AbstractContextManager[None]:
    return logs.context(
        correlation_id=envelope.correlation_id, traceparent=span.traceparent, event_id=str(envelope.id)
    )
