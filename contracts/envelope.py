"""The envelope in which every event travels, and the sealed block for what is personal in the event.

The order of deliveries is never promised: ``seq`` counts per subject and producer. It is set in the
transaction of the state change that the event reports, so that a consumer can ignore what is older than what
it knows. The personal block repeats the event's id under the same encryption, so that it cannot be moved to
another envelope.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import Field, JsonValue, ValidationError

from contracts.events import BY_NAME, Event
from contracts.model import Instant, Wire
from contracts.open_sets import READING
from contracts.sealing import CannotOpen, SealedBox

CONTENT_TYPE = "application/json"
SEVERAL_CONTENT_TYPE = "application/x-ndjson"
"""The content type of a message with several envelopes of one type, each on a line of its own."""
SEPARATOR = b"\n"

SIGNED = (
    "id",
    "type",
    "version",
    "producer",
    "subject",
    "occurred_at",
    "expires_at",
    "correlation_id",
    "data",
    "personal",
)
"""What the producer signs of an envelope. ``seq`` is only known when the event is stored, and ``traceparent``
is that of the relay."""
E = TypeVar("E")


class UnreadableEvent(ValueError):
    """The bytes are not an event that this reader knows, or its personal block does not open.

    A reader knows a type in its own version, in older ones that it can upgrade, and what it knows of the next
    one. A repeated delivery cannot help, so this is a permanent error. Its text never quotes the body.
    """


class Envelope(Wire):
    """One event on the wire. Instants are RFC 3339; ``personal`` is a Fernet token over JSON, or null."""

    id: UUID
    type: str = Field(max_length=64)
    version: int = Field(ge=1)
    producer: str = Field(max_length=32)
    subject: str = Field(max_length=80)
    seq: int = Field(ge=1)
    occurred_at: Instant
    expires_at: Instant | None = None
    correlation_id: str = Field(default="", max_length=64)
    traceparent: str | None = Field(default=None, max_length=64)
    data: dict[str, JsonValue]
    personal: str | None = None
    signature: str | None = Field(default=None, max_length=600)
    """Of the producer, over `signed_content`; null from a producer that signs nothing."""

    def to_bytes(self) -> bytes:
        """Return the wire form: UTF-8 JSON."""
        return self.model_dump_json().encode()


@dataclass(frozen=True)
class Received(Generic[E]):
    """An event as a handler gets it: opened, with those facts of its envelope that handlers may use."""

    event: E
    id: UUID
    subject: str
    seq: int
    occurred_at: datetime
    producer: str
    expires_at: datetime | None = None


class PersonalKeyRing:
    """A ring of Fernet keys that seals and opens personal blocks: the first key seals, every key opens.

    Args:
        keys: url-safe base64 Fernet keys, the current one first.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._box = SealedBox(keys)

    def seal(self, event_id: UUID, block: dict[str, JsonValue]) -> str:
        """Encrypt a block and bind it to the event that carries it."""
        return self._box.seal(json.dumps({"event_id": str(event_id), "block": block}).encode())

    def open(self, event_id: UUID, token: str) -> dict[str, JsonValue]:
        """Decrypt a block.

        Raises:
            UnreadableEvent: no key of the ring opens the block, or it belongs to another event.
        """
        try:
            content = json.loads(self._box.open(token))
        except CannotOpen as error:
            raise UnreadableEvent("no key opens the personal block") from error
        if content["event_id"] != str(event_id):
            raise UnreadableEvent("the personal block belongs to another event")
        block: dict[str, JsonValue] = content["block"]
        return block


def seal(event: Event, event_id: UUID, key_ring: PersonalKeyRing) -> tuple[dict[str, JsonValue], str | None]:
    """Return the clear part of an event, and its personal block sealed (None where it has none)."""
    data = event.model_dump(mode="json", by_alias=True)
    personal = data.pop("personal", None)
    return data, None if personal is None else key_ring.seal(event_id, personal)


def signed_content(envelope: Mapping[str, Any]) -> bytes:
    """Return what a producer signs: the values of `SIGNED`, as a list in canonical JSON.

    The keys of objects are sorted, there are no blanks, text is UTF-8, and an instant is in UTC with six
    digits for microseconds. A consumer takes the values that it has read and is about to use, so signature
    and effect are about the same ones, whatever else the bytes may have held. Events have no fractions, whose
    text could change in the database.

    Raises:
        ValueError: a value has no such form.
    """
    return json.dumps(
        [envelope[name] for name in SIGNED],
        default=_canonical,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    ).encode()


def _canonical(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value)


def join_envelopes(bodies: Sequence[bytes]) -> bytes:
    """Return the body of a message that carries several envelopes of one type."""
    return SEPARATOR.join(bodies)


def split_envelopes(body: bytes) -> list[bytes]:
    """Return the envelopes in the body of a message, which may carry one or several."""
    return body.split(SEPARATOR)


def read_envelope(body: bytes) -> Envelope:
    """Return the envelope in the bytes of a message.

    Raises:
        UnreadableEvent: the bytes are not JSON, or not an envelope.
    """
    try:
        return Envelope.model_validate_json(body)
    except ValidationError as error:
        raise UnreadableEvent(
            f"not an envelope: {error.error_count()} errors, first at {error.errors()[0]['loc']}"
        ) from error


def open_envelope(envelope: Envelope, key_ring: PersonalKeyRing) -> Received[Event]:
    """Return the event in an envelope, its personal block opened.

    Raises:
        UnreadableEvent: the type or version is unknown, the personal block does not open, or the data has
            another shape or is about another subject.
    """
    kind = BY_NAME.get(envelope.type)
    if kind is None or envelope.version > kind.version + 1:
        raise UnreadableEvent(f"unknown event {envelope.type} version {envelope.version}")
    content = dict(envelope.data)
    if envelope.personal is not None:
        content["personal"] = key_ring.open(envelope.id, envelope.personal)
    for older in range(envelope.version, kind.version):
        if older not in kind.upgrades:
            raise UnreadableEvent(f"unknown event {envelope.type} version {envelope.version}")
        content = kind.upgrades[older](content)
    try:
        event = kind.model_validate(content, context=READING)
    except ValidationError as error:
        raise UnreadableEvent(
            f"not a {envelope.type}: {error.error_count()} errors, first at {error.errors()[0]['loc']}"
        ) from error
    if event.subject != envelope.subject:
        raise UnreadableEvent(f"a {envelope.type} about something else than its subject")
    return Received(
        event=event,
        id=envelope.id,
        subject=envelope.subject,
        seq=envelope.seq,
        occurred_at=envelope.occurred_at,
        producer=envelope.producer,
        expires_at=envelope.expires_at,
    )
