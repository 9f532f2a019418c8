"""Envelopes as tests make them: what the outbox and the relay do together, in one call."""

import os
from datetime import datetime
from uuid import UUID

from contracts.envelope import Envelope, PersonalKeyRing, seal
from contracts.events import Event


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
    """Return the envelope of an event, its personal block sealed."""
    data, personal = seal(event, event_id, keys)
    return Envelope(
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
