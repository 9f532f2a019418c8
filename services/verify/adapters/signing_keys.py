"""Issuance's public keys: stored from its signed key set alone, and cached in the process for seconds.

A key never changes under its ``kid``. It may be withdrawn, and then it stays so, whatever a later set says:
a backup of issuance may be older.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.key_set import KeySet
from services.chassis.db.server import is_future, latest
from services.chassis.runtime.clock import monotonic
from services.chassis.runtime.logs import logger
from services.chassis.tokens.signing_key import public_key
from services.chassis.tokens.verification import TokenRefused
from services.verify.models import KeySetRow, SigningKeyRow

log = logger(__name__)
FRESH_SECONDS = 5.0
"""For so long a process goes on with what it has read: for so long it may accept a withdrawn key."""


class _Cache:
    keys: Mapping[str, Ed25519PublicKey | None] = MappingProxyType({})
    """By ``kid``; None for a withdrawn key."""
    read_at = float("-inf")


def find(session: Session, kid: str) -> Ed25519PublicKey | None:
    """Return the key of that ``kid``, or None.

    Raises:
        TokenRefused: ``withdrawn_key``.
    """
    if kid not in _Cache.keys or monotonic() - _Cache.read_at > FRESH_SECONDS:
        rows = session.execute(select(SigningKeyRow.kid, SigningKeyRow.x, SigningKeyRow.withdrawn)).all()
        _Cache.keys = {row.kid: None if row.withdrawn else public_key(row.x) for row in rows}
        _Cache.read_at = monotonic()
    key = _Cache.keys.get(kid)
    if key is None and kid in _Cache.keys:
        raise TokenRefused("withdrawn_key")
    return key


def store(session: Session, key_set: KeySet, now: datetime) -> None:
    """Make the keys of a set those that are trusted, unless a newer set came before.

    A set from the future (a wrong clock) counts as signed now, so that it never hides later ones. Nor does
    one that was stored while the clock here was wrong, too.
    """
    row = insert(KeySetRow).values(id=1, signed_at=func.least(key_set.signed_at, latest(now)))
    signed_at = row.excluded.signed_at
    counts = or_(KeySetRow.signed_at < signed_at, is_future(KeySetRow.signed_at, now))
    newer = row.on_conflict_do_update(
        index_elements=[KeySetRow.id], set_={"signed_at": signed_at}, where=counts
    )
    if session.scalar(newer.returning(KeySetRow.id)) is None:
        return
    before = {row.kid: row for row in session.scalars(select(SigningKeyRow))}
    good = {key.kid: key.x for key in key_set.keys}
    back = sorted(kid for kid, row in before.items() if kid in good and row.withdrawn)
    if back:
        log.error("issuance uses keys that were withdrawn: withdraw them again", kids=back)
    gone = {kid for kid, row in before.items() if kid not in good and not row.withdrawn}
    withdrawn = gone.intersection(key_set.withdrawn)
    session.add_all(SigningKeyRow(kid=kid, x=x) for kid, x in good.items() if kid not in before)
    session.add_all(
        SigningKeyRow(kid=kid, x="", withdrawn=True) for kid in set(key_set.withdrawn) - before.keys()
    )
    if withdrawn:
        session.execute(update(SigningKeyRow).where(SigningKeyRow.kid.in_(withdrawn)).values(withdrawn=True))
    if gone - withdrawn:
        session.execute(delete(SigningKeyRow).where(SigningKeyRow.kid.in_(gone - withdrawn)))


def clear_cache() -> None:
    """Empty the cache: for a process whose database was replaced."""
    _Cache.read_at = float("-inf")
