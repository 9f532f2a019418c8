"""Envelopes as tests make them: what the outbox and the relay do together, in one call."""

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from kombu import Message

from contracts.envelope import Envelope, PersonalKeyRing, seal, signed_content
from contracts.events import Event
from services.chassis.messaging import signatures
from services.chassis.messaging.entrypoint import Take
from services.chassis.messaging.event_batches import Delivery, EventMessage, Settle
from tests.support.stack.settings import EVENT_SIGNERS


def key_ring() -> PersonalKeyRing:
    """Return the key ring that all processes of a test share."""
    return PersonalKeyRing(os.environ["EPASS_PERSONAL_KEYS"].split(","))


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
