"""Tokens of devices: a browser shows that a login signed in on it before, or that it proved a mobile.

A token opens nothing. It only gives the device a counter of its own, so that strangers who guess do not make
it wait. It is bound to its subject by an HMAC and does not name it: base64url of the id of the session in
which it was made, of that time, and of the code.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pydantic import SecretStr

LIFETIME = timedelta(days=180)
_CODE_BYTES = 16
_BYTES = 16 + 4 + _CODE_BYTES


@dataclass(frozen=True)
class Device:
    """A device that its subject knows, and the token that says so."""

    id: str
    made_at: datetime
    token: str


def make(sid: UUID, subject: str, made_at: datetime, secret: SecretStr) -> Device:
    """Return the device on which a session of a subject was opened."""
    content = sid.bytes + int(made_at.timestamp()).to_bytes(4)
    token = base64.urlsafe_b64encode(content + _code(content, subject, secret)).decode()
    return Device(sid.hex, made_at.replace(microsecond=0), token)


def find(
    tokens: Sequence[str], subject: str, now: datetime, secret: SecretStr, void_to: datetime | None = None
) -> Device | None:
    """Return the first device of this subject among the tokens of a browser; None if it is a stranger.

    Args:
        tokens: as they came, of any subjects.
        subject: a login, or the digest of a mobile.
        secret: with which tokens are made.
        void_to: tokens made up to this instant are forgotten.
    """
    for token in tokens:
        try:
            given = base64.b64decode(token, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            continue
        content, code = given[:-_CODE_BYTES], given[-_CODE_BYTES:]
        if len(given) != _BYTES or not hmac.compare_digest(code, _code(content, subject, secret)):
            continue
        made_at = datetime.fromtimestamp(int.from_bytes(content[16:]), UTC)
        if now - LIFETIME < made_at and (void_to is None or void_to < made_at):
            return Device(content[:16].hex(), made_at, token)
    return None


def id_of(device: Device | None) -> str | None:
    """Return the id of a device; None for a stranger."""
    return None if device is None else device.id


def renewed(known: Device | None, sid: UUID, subject: str, at: datetime, secret: SecretStr) -> str:
    """Return the token for a device after its subject has signed in.

    A known device keeps its token, and with it its counter, for half the lifetime.
    """
    if known is not None and at - known.made_at < LIFETIME / 2:
        return known.token
    return make(sid, subject, at, secret).token


def _code(content: bytes, subject: str, secret: SecretStr) -> bytes:
    key = secret.get_secret_value().encode()
    return hmac.new(key, b"device:" + content + subject.encode(), hashlib.sha256).digest()[:_CODE_BYTES]
