"""The signing keys in the database: made at first use, rotated by ops, published while anything they signed is good.

Which key is current is asked of the database each time, so that a rotation holds for all processes at once; only the
decrypted private halves are cached (``signing.py``).
"""

from datetime import datetime, timedelta

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from contracts.events import PublicKey
from contracts.rpc.issuance import Jwk
from services.issuance.models import KeyRow, PassRow
from services.issuance.signing import SigningKey, unseal

KEEP_PUBLISHED = timedelta(days=1)
"""So long after the last pass under a retired key has ended the key is still published: a party may leave late, and its
pass is scanned again. It covers the last status list under that key, too."""
_LOCK = 0x69737375
"""Of the advisory lock under which keys are made; a number of this database's own."""


def current_key(session: Session, now: datetime) -> SigningKey:
    """The key that signs now; made if there is none. Two processes that come at once get the same one."""
    row = _current_row(session)
    if row is None:
        _wait_for_turn(session)
        row = _current_row(session) or _add(session, now)
    return _opened(row)


def key_of(session: Session, kid: str) -> SigningKey:
    """The key that signed something before, current or retired."""
    return _opened(session.get_one(KeyRow, kid))


def rotate(session: Session, now: datetime) -> SigningKey:
    """Retires the current key and makes the next. Passes keep the key that they were issued under."""
    _wait_for_turn(session)
    retired = _current_row(session)
    if retired is not None:
        retired.state, retired.retired_at = "retired", now
        session.flush()
    return _opened(_add(session, now))


def published_keys(session: Session, now: datetime) -> tuple[Jwk, ...]:
    """The JWKS: the current key, and retired ones under which something may still be shown, the newest first."""
    since = now - KEEP_PUBLISHED
    signed_something_good = exists().where(PassRow.kid == KeyRow.kid, PassRow.valid_to > since)
    wanted = or_(KeyRow.state == "current", KeyRow.retired_at > since, signed_something_good)
    rows = session.scalars(select(KeyRow).where(wanted).order_by(KeyRow.created_at.desc(), KeyRow.kid))
    return tuple(Jwk(kid=row.kid, x=row.public_x) for row in rows)


def _current_row(session: Session) -> KeyRow | None:
    return session.scalars(select(KeyRow).where(KeyRow.state == "current")).one_or_none()


def _wait_for_turn(session: Session) -> None:
    """One transaction at a time makes keys; the lock ends with it."""
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def _add(session: Session, now: datetime) -> KeyRow:
    key = SigningKey.generate()
    row = KeyRow(
        kid=key.kid,
        state="current",
        public_x=key.public.x,
        private_sealed=key.sealed(),
        created_at=now,
        retired_at=None,
    )
    session.add(row)
    session.flush()
    return row


def _opened(row: KeyRow) -> SigningKey:
    return unseal(row.private_sealed, PublicKey(kid=row.kid, x=row.public_x))
