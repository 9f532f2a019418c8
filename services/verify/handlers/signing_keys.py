"""Issuance's public keys: learned from PassIssued, kept in the database, and cached in the process for ever.

A key never changes under its name, so the cache needs no expiry.
"""

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.events import PublicKey
from services.verify.models import SigningKey

_cache: dict[str, Ed25519PublicKey] = {}


def find(session: Session, kid: str) -> Ed25519PublicKey | None:
    """The key of that name, or None."""
    if kid not in _cache:
        x = session.scalar(select(SigningKey.x).where(SigningKey.kid == kid))
        if x is None:
            return None
        _cache[kid] = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))
    return _cache[kid]


def learn(session: Session, key: PublicKey) -> None:
    """Keeps a key that an event brought."""
    session.execute(insert(SigningKey).values(kid=key.kid, x=key.x).on_conflict_do_nothing())


def forget_cached() -> None:
    """Empties the cache: for a process whose database was replaced."""
    _cache.clear()
