"""A dead letter as ops may see it: what it is and why it failed, and nothing personal.

It shows our own headers and what parses as an event of the contract, without the sealed block and without
free text. Of anything else it shows only the length and a digest, because those bytes may be anybody's data.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from aio_pika.abc import AbstractIncomingMessage
from pydantic import ValidationError, create_model

from contracts.envelope import Envelope, UnreadableEvent, read_envelope, split_envelopes
from contracts.events import BY_NAME
from contracts.model import Wire
from services.chassis.messaging import retry
from services.chassis.messaging.senders import ForgedMessage, senders_of_dead_letters

REPLAYED = "x-epass-replayed"
"""The header that counts how often ops replayed a letter."""
_WORD = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_CODE = re.compile(r"[A-Za-z0-9_.:\-]{0,128}")
"""Codes, our own numbers and instants in UTC.

Whatever has a space, a plus or another script in it counts as text.
"""
_SUBJECT = re.compile(r"[a-z]+:[A-Za-z0-9_\-:.]{1,72}")
Facts = dict[str, Any]


@dataclass(frozen=True)
class DeadLetter:
    """One dead letter.

    Args:
        queue: of the consumer that could not handle it.
        envelope: the event, if it is one of the contract; the first one of several.
        events: how many the message has. The broker gave up on several at once, or could not read them.
        key: the event's id, or the beginning of the digest if it is no event.
        size: in bytes.
        sha256: of the body.
        attempts: how often the consumer tried.
        replayed: how often ops replayed it since.
        error: the type of the last error, or the broker's reason.
        is_genuine: whether it is what its consumer got from who may send it; nobody replays another one.
        failed_at: when it failed, if that is known.
    """

    queue: str
    envelope: Envelope | None
    events: int
    key: str
    size: int
    sha256: str
    attempts: int
    replayed: int
    error: str
    is_genuine: bool
    failed_at: datetime | None

    @classmethod
    def of(cls, queue: str, message: AbstractIncomingMessage) -> "DeadLetter":
        """Read a message; the body itself is not stored."""
        headers, digest = message.headers, hashlib.sha256(message.body).hexdigest()
        parts = split_envelopes(message.body)
        envelope = _envelope(parts[0])
        error = _word(headers.get(retry.ERROR) or headers.get("x-first-death-reason"))
        return cls(
            queue=queue,
            envelope=envelope,
            events=len(parts),
            key=str(envelope.id) if envelope else f"sha256:{digest[:16]}",
            size=len(message.body),
            sha256=digest,
            attempts=_number(headers, retry.ATTEMPTS),
            replayed=_number(headers, REPLAYED),
            error=error,
            is_genuine=message.user_id in senders_of_dead_letters(queue) and error != ForgedMessage.__name__,
            failed_at=_failed_at(headers),
        )

    @property
    def type(self) -> str:
        """The event's name, from the queue if the letter is unreadable; empty for a request."""
        return self.envelope.type if self.envelope else self.queue.partition(".")[2]

    @property
    def subject(self) -> str:
        """The id of what the event is about."""
        return self.envelope.subject if self.envelope and _SUBJECT.fullmatch(self.envelope.subject) else ""

    def summary(self) -> Facts:
        """Return the facts that fit on one line."""
        return {
            "id": self.key,
            "queue": self.queue,
            "type": self.type,
            "readable": self.envelope is not None,
            "events": self.events,
            "subject": self.subject,
            "attempts": self.attempts,
            "replayed": self.replayed,
            "error": self.error,
            "genuine": self.is_genuine,
            "failed_at": self.failed_at.isoformat() if self.failed_at else None,
        }

    def detail(self) -> Facts:
        """Return everything that may be shown: length, digest, and the clear part of an event."""
        return {**self.summary(), "bytes": self.size, "sha256": self.sha256, "event": self._event()}

    def _event(self) -> Facts | None:
        if self.envelope is None:
            return None
        hidden = {"data", "personal", "signature"}
        shown = _without_text(self.envelope.model_dump(mode="json", exclude=hidden))
        return {
            **shown,
            "data": _without_text(_clear(self.envelope)),
            "personal": "sealed" if self.envelope.personal else None,
        }


def _envelope(body: bytes) -> Envelope | None:
    """Return the envelope of an event that the contract knows, else None."""
    try:
        envelope = read_envelope(body)
    except UnreadableEvent:
        return None
    kind = BY_NAME.get(envelope.type)
    known = kind is not None and kind.version == envelope.version and kind.producer == envelope.producer
    return envelope if known and _clear(envelope) is not None else None


def _clear(envelope: Envelope) -> Facts | None:
    """Return the event's fields that the contract names, without the personal ones.

    Return None if the data are not of that event.
    """
    try:
        return (
            _clear_model(envelope.type).model_validate(envelope.data).model_dump(mode="json", by_alias=True)
        )
    except ValidationError:
        return None


@cache
def _clear_model(event: str) -> type[Wire]:
    fields = BY_NAME[event].model_fields
    clear: Facts = {name: (field.annotation, field) for name, field in fields.items() if name != "personal"}
    return create_model(event, __base__=Wire, **clear)


def _without_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_text(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_text(part) for part in value]
    return "(text)" if isinstance(value, str) and not _CODE.fullmatch(value) else value


def _number(headers: Mapping[str, Any], name: str) -> int:
    value = headers.get(name, 0)
    return value if isinstance(value, int) else 0


def _word(value: object) -> str:
    """Return a value that is a single word, else nothing."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    return text if isinstance(text, str) and _WORD.fullmatch(text) else ""


def _failed_at(headers: Mapping[str, Any]) -> datetime | None:
    """Return the instant of our own header, or of the broker's if the broker gave up."""
    deaths = headers.get("x-death")
    value = headers.get(retry.FAILED_AT) or (
        deaths[0].get("time") if isinstance(deaths, list) and deaths else None
    )
    if isinstance(value, datetime):
        return value.astimezone()
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
