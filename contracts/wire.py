"""From an event to its envelope and back."""

from datetime import datetime
from uuid import UUID

from pydantic import JsonValue, ValidationError

from contracts.envelope import Envelope, PersonalKeyRing, Received, UnreadableEvent
from contracts.events import BY_NAME, Event


def split(event: Event, event_id: UUID, keys: PersonalKeyRing) -> tuple[dict[str, JsonValue], str | None]:
    """The clear part of an event, and its personal block sealed (or none)."""
    data = event.model_dump(mode="json", by_alias=True)
    personal = data.pop("personal", None)
    return data, None if personal is None else keys.seal(event_id, personal)


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
    """The envelope of an event, its personal block sealed."""
    data, personal = split(event, event_id, keys)
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


def read_envelope(body: bytes) -> Envelope:
    """Parses wire bytes.

    Raises:
        UnreadableEvent: not JSON, or not an envelope.
    """
    try:
        return Envelope.model_validate_json(body)
    except ValidationError as error:
        raise UnreadableEvent(
            f"not an envelope: {error.error_count()} errors, first at {error.errors()[0]['loc']}"
        ) from error


def unwrap(envelope: Envelope, keys: PersonalKeyRing) -> Received[Event]:
    """The event in an envelope, its personal block opened.

    Raises:
        UnreadableEvent: unknown type or version, a personal block that does not open, or data of another shape.
    """
    kind = BY_NAME.get(envelope.type)
    if kind is None or kind.version != envelope.version:
        raise UnreadableEvent(f"unknown event {envelope.type} version {envelope.version}")
    content = dict(envelope.data)
    if envelope.personal is not None:
        content["personal"] = keys.open(envelope.id, envelope.personal)
    try:
        event = kind.model_validate(content)
    except ValidationError as error:
        raise UnreadableEvent(
            f"not a {envelope.type}: {error.error_count()} errors, first at {error.errors()[0]['loc']}"
        ) from error
    return Received(
        event=event,
        id=envelope.id,
        subject=envelope.subject,
        seq=envelope.seq,
        occurred_at=envelope.occurred_at,
        producer=envelope.producer,
        expires_at=envelope.expires_at,
    )
