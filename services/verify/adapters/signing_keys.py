"""Issuance's public keys: stored from events, and cached in the process without expiry.

A key never changes under its ``kid``, so that the cache cannot become stale.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import event, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.events import PublicKey
from services.chassis.tokens.signing_key import public_key
from services.verify.models import SigningKeyRow

_cache: dict[str, Ed25519PublicKey] = {}
_stored: set[str] = set()
"""Keys that this process has stored."""


def find(session: Session, kid: str) -> Ed25519PublicKey | None:
    """Return the key of that ``kid``, or None."""
    if kid not in _cache:
        x = session.scalar(select(SigningKeyRow.x).where(SigningKeyRow.kid == kid))
        if x is None:
            return None
        _cache[kid] = public_key(x)
    return _cache[kid]


def store(session: Session, key: PublicKey) -> None:
    """Store a key that an event carried."""
    session.execute(insert(SigningKeyRow).values(kid=key.kid, x=key.x).on_conflict_do_nothing())
    event.listen(session, "after_commit", lambda _session: _stored.add(key.kid), once=True)


def store_unless_known(session: Session, key: PublicKey) -> None:
    """Store a key unless this process has stored it before.

    A failover may lose it all the same; the next status list stores it again.
    """
    if key.kid not in _stored:
        store(session, key)


def clear_cache() -> None:
    """Empty the caches: for a process whose database was replaced."""
    _cache.clear()
    _stored.clear()
