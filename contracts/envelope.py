"""The one envelope in which every event travels, and the sealed block for what is personal in it.

Order on the wire is never promised: ``seq`` counts per subject and producer, set in the transaction of the state it
tells of, so that a consumer can ignore what is older than what it knows. The personal block repeats the event's id
under the same encryption, so that it cannot be moved to another envelope.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import Field, JsonValue

from contracts.model import Instant, Wire

CONTENT_TYPE = "application/json"

E = TypeVar("E")


class UnreadableEvent(ValueError):
    """The bytes are no event of a kind and version this reader knows, or its personal block does not open.

    Repeating the delivery cannot help, so this is a permanent error. The message never quotes the body.
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

    def to_bytes(self) -> bytes:
        """The wire form: UTF-8 JSON."""
        return self.model_dump_json().encode()


@dataclass(frozen=True)
class Received(Generic[E]):
    """An event as a handler gets it: parsed, opened, and with the facts of its envelope that handlers may use."""

    event: E
    id: UUID
    subject: str
    seq: int
    occurred_at: datetime
    producer: str
    expires_at: datetime | None = None


class PersonalKeyRing:
    """Seals and opens personal blocks with a ring of Fernet keys: the first seals, all open.

    Args:
        keys: url-safe base64 Fernet keys, the current one first.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, event_id: UUID, block: dict[str, JsonValue]) -> str:
        """Encrypts a block, bound to the event that carries it."""
        return self._fernet.encrypt(json.dumps({"event_id": str(event_id), "block": block}).encode()).decode()

    def open(self, event_id: UUID, token: str) -> dict[str, JsonValue]:
        """Decrypts a block.

        Raises:
            UnreadableEvent: no key of the ring opens it, or it belongs to another event.
        """
        try:
            content = json.loads(self._fernet.decrypt(token))
        except InvalidToken as error:
            raise UnreadableEvent("no key opens the personal block") from error
        if content["event_id"] != str(event_id):
            raise UnreadableEvent("the personal block belongs to another event")
        block: dict[str, JsonValue] = content["block"]
        return block
