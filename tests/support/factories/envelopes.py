"""Events and envelopes as tests make them: what the outbox and the relay do together, in one call."""

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

from kombu import Message
from sqlalchemy import select

from contracts.envelope import Envelope, PersonalKeyRing, Received, open_envelope, seal, signed_content
from contracts.events import Event
from services.chassis.db.database import Database
from services.chassis.db.tables import outbox
from services.chassis.messaging import signatures
from services.chassis.messaging.entrypoint import Take
from services.chassis.messaging.event_batches import Delivery, EventMessage, Settle
from services.chassis.runtime.clock import now
from tests.support.stack.settings import EVENT_SIGNERS

E = TypeVar("E", bound=Event)


def key_ring() -> PersonalKeyRing:
    """Return the key ring that all processes of a test share."""
    return PersonalKeyRing(os.environ["EPASS_PERSONAL_KEYS"].split(","))


def example(kind: type[E], of: Event | None = None, **members: Any) -> E:
    """Return the example of an event with these members, and with those of another one that both have."""
    theirs = {name: value for name, value in dict(of or ()).items() if name != "personal"}
    return kind.model_validate(dict(kind.sample()) | theirs | members)


def received(
    event: E,
    seq: int = 1,
    at: datetime | None = None,
    *,
    event_id: UUID | None = None,
    expires_at: datetime | None = None,
) -> Received[E]:
    """Return an event as a consumer gets it, by default published now."""
    return Received(
        event=event,
        id=event_id or uuid4(),
        subject=event.subject,
        seq=seq,
        occurred_at=at or now(),
        producer=event.producer,
        expires_at=expires_at,
    )


def published(database: Database, kind: type[Event] | None = None) -> list[Received[Any]]:
    """Return the events in the outbox, or those of a kind, opened, oldest first."""
    query = select(outbox).order_by(outbox.c.position)
    query = query if kind is None else query.where(outbox.c.type == kind.__name__)
    with database.transaction() as session:
        rows = session.execute(query).mappings().all()
    return [open_envelope(Envelope.model_validate(dict(row)), key_ring()) for row in rows]


def wrap(
    event: Event,
    *,
    event_id: UUID,
    seq: int,
    occurred_at: datetime,
    keys: PersonalKeyRing,
    expires_at: datetime | None = None,
    correlation_id: str = "",
    traceparent: str | None = None,
) -> Envelope:
    """Return the envelope of an event, its personal block sealed, signed by its producer."""
    data, personal = seal(event, event_id, keys)
    unsigned = Envelope(
        id=event_id,
        type=type(event).__name__,
        version=event.version,
        producer=event.producer,
        subject=event.subject,
        seq=seq,
        occurred_at=occurred_at,
        expires_at=expires_at,
        correlation_id=correlation_id,
        traceparent=traceparent,
        data=data,
        personal=personal,
    )
    return sign(unsigned)


def sign(envelope: Envelope, by: str | None = None) -> Envelope:
    """Return an envelope that a service has signed as it is now, by default its producer if that is one."""
    key = EVENT_SIGNERS.get(by or envelope.producer, EVENT_SIGNERS["issuance"])
    (signature,) = signatures.sign(key, [signed_content(dict(envelope))])
    return envelope.model_copy(update={"signature": signature})


def entrypoint_of(envelope: Envelope) -> str:
    """Return the name of the method of a consumers class that takes an event."""
    return "on" + "".join(f"_{char.lower()}" if char.isupper() else char for char in envelope.type)


def deliver(handle: Callable[[Take, Settle], None], *envelopes: Envelope) -> None:
    """Give events to a method of a consumers class, as one batch; raise the first error."""
    settled: list[tuple[Delivery, BaseException | None]] = []

    def settle(deliveries: Sequence[Delivery], error: BaseException | None) -> None:
        settled.extend((delivery, error) for delivery in deliveries)

    batch = [Delivery(envelope, EventMessage(Message()), 0) for envelope in envelopes]
    handle(lambda: batch, settle)
    assert {id(delivery) for delivery, _ in settled} == {id(delivery) for delivery in batch}
    for _, error in settled:
        if error is not None:
            raise error
