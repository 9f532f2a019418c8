"""The status list: passes that are revoked and have not ended yet, signed, so that a gate may hold a copy."""

from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

import jwt
from sqlalchemy import ColumnElement, Select, func, or_, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.events import PublicKey, Revocation, StatusListSigned
from contracts.key_set import KeySet
from contracts.model import AHEAD, is_ahead
from contracts.rpc.issuance import StatusDelta, StatusList
from contracts.tokens import STATUS_DELTA_TYP, STATUS_TYP, StatusClaims, StatusDeltaClaims
from services.chassis.db.checksums import checksum
from services.chassis.db.server import is_future
from services.chassis.messaging import outbox
from services.chassis.tokens.signing_key import SigningKey
from services.issuance.adapters.keys import key_store
from services.issuance.domain.status_lists import Step, add_step, deltas_of
from services.issuance.models import PassRow, StatusListRow
from services.issuance.settings import IssuanceSettings

GOOD_FOR = timedelta(minutes=10)
"""From ``iat`` to ``exp``. This is far longer than the 10 s between two lists, so that a gate that loses its
network for a short while still has a good one; a gate that is offline for longer is meant to go on with it
and to show its age (``list_age_s``)."""
LOOK_SECONDS = 1.0
"""So often it is looked whether a list is due."""
RECENT, RECENT_LISTS = AHEAD + timedelta(seconds=30), 120
"""A revocation is missed by a list that is signed before its commit, or on a server whose clock is ahead.

In this time so many lists are signed at most.
"""
LEAST_REPEATED, LISTS_OF_AN_HOUR = 10, 360
"""Each revocation is repeated within so many lists, and in fewer where that is not many at a time."""
_NEVER = datetime.fromtimestamp(0, UTC)


def sign_when_due(session: Session, now: datetime, settings: IssuanceSettings) -> None:
    """Sign a new list if ``status_list_seconds`` have passed, or a pass is revoked that no list has.

    Of several replicas that call at once, one signs. A list from the future does not hold the next one back:
    whoever signed it had a wrong clock.
    """
    due = now - timedelta(seconds=settings.status_list_seconds)
    known = session.execute(select(StatusListRow.signed_at, _recent(now).exists())).one_or_none()
    if known is not None and due < known.signed_at and not is_ahead(known.signed_at, now) and not known[1]:
        return
    a_look_ago = now - timedelta(seconds=0.8 * LOOK_SECONDS)
    row = _lock_row(session, now, signed_until=a_look_ago, skip_locked=True)
    if row is None:
        return
    if row.signed_at <= due or is_ahead(row.signed_at, now) or _misses(session, row, now):
        _sign(session, row, now, settings)


def _misses(session: Session, row: StatusListRow, now: datetime) -> bool:
    """Return whether a pass was revoked that none of the lists of this time has."""
    listed = {number for _, _, changed in row.steps[-RECENT_LISTS:] for number in changed}
    return not listed.issuperset(session.scalars(_recent(now)))


def _recent(now: datetime) -> Select[str]:
    """Return the query of the passes that were revoked since `RECENT` before the newest list."""
    since = select(StatusListRow.signed_at - RECENT).where(StatusListRow.id == 1).scalar_subquery()
    return select(PassRow.number).where(
        PassRow.revoked_at.between(since, now + AHEAD), PassRow.ends_after(now)
    )


def current(session: Session, now: datetime, settings: IssuanceSettings) -> StatusList:
    """Return the list as it was last signed.

    Sign it here only if there is none, or the job that signs it has stopped.
    """
    stored = session.get(StatusListRow, 1)
    if stored is None or stored.signed_at <= now - GOOD_FOR / 2 or is_ahead(stored.signed_at, now):
        overdue = _lock_row(session, now, signed_until=now - GOOD_FOR / 2, skip_locked=False)
        if overdue is not None:
            _sign(session, overdue, now, settings)
        stored = session.get_one(StatusListRow, 1, populate_existing=True)
    newest = _step(*stored.steps[-1])
    deltas = tuple(StatusDelta(since=since, base=base, jws=jws) for since, base, jws in stored.deltas)
    return StatusList(jws=stored.jws, seq=newest.seq, digest=newest.digest, deltas=deltas)


def _lock_row(
    session: Session, now: datetime, *, signed_until: datetime, skip_locked: bool
) -> StatusListRow | None:
    """Return the row of the list, locked, if it was last signed at ``signed_until`` or before, or in future.

    Make it if it is missing.

    Args:
        signed_until: the latest time of signing at which the list is due.
        skip_locked: return None, and do not wait, while another transaction holds the row.
    """
    session.execute(
        insert(StatusListRow).values(id=1, seq=0, signed_at=_NEVER, jws="").on_conflict_do_nothing()
    )
    signed_at = StatusListRow.signed_at
    due = select(StatusListRow).where(or_(signed_at <= signed_until, is_future(signed_at, now)))
    locked = due.with_for_update(skip_locked=skip_locked).execution_options(populate_existing=True)
    return session.scalars(locked).one_or_none()


def _sign(session: Session, row: StatusListRow, now: datetime, settings: IssuanceSettings) -> None:
    query = select(PassRow.number).where(PassRow.revoked_at.is_not(None), PassRow.ends_after(now))
    revoked = tuple(session.scalars(query.order_by(PassRow.number)))
    before = set()
    if row.jws:  # of the list before, which this service has signed
        before = set(jwt.decode(row.jws, options={"verify_signature": False})["revoked"])
    row.seq += 1
    claims = StatusClaims(
        iss=settings.issuer,
        iat=int(now.timestamp()),
        exp=int((now + GOOD_FOR).timestamp()),
        seq=row.seq,
        revoked=revoked,
    )
    key = key_store(settings).current(session, now)
    row.jws, row.signed_at = key.sign(claims.model_dump(), STATUS_TYP), now
    steps = add_step(tuple(_step(*one) for one in row.steps), row.seq, before, set(revoked))
    row.steps = [list(astuple(step)) for step in steps]
    row.deltas = _sign_deltas(claims, steps, key)
    is_live = PassRow.revoked_at.between(now - StatusListSigned.live_for, now)
    of_live = select(func.count(), checksum(PassRow.number, true())).where(is_live)
    live_total, live_checksum = session.execute(of_live).one()
    signed = StatusListSigned(
        live_total=live_total,
        live_checksum=live_checksum,
        repeated=_repeated(session, row.seq, live_total, is_live),
        key_set=_key_set(session, now, settings),
    )
    outbox.add(session, signed, at=now, expires_at=now + GOOD_FOR)
    session.flush()


def _repeated(session: Session, seq: int, total: int, is_live: ColumnElement[bool]) -> tuple[Revocation, ...]:
    """Return the share of the revocations that comes again with this list."""
    size = max(LEAST_REPEATED, ceil(total / LISTS_OF_AN_HOUR))
    shares = max(ceil(total / size), 1)
    share = select(PassRow.number, PassRow.revocation, PassRow.revoked_at).where(is_live)
    rows = session.execute(share.order_by(PassRow.number).limit(size).offset(seq % shares * size))
    return tuple(Revocation(pass_number=number, reason=reason, revoked_at=at) for number, reason, at in rows)


def _sign_deltas(claims: StatusClaims, steps: tuple[Step, ...], key: SigningKey) -> list[list[Any]]:
    signed = []
    for delta in deltas_of(steps, set(claims.revoked)):
        said = StatusDeltaClaims.from_attributes(
            delta, iss=claims.iss, iat=claims.iat, exp=claims.exp, seq=claims.seq
        )
        signed.append([delta.since, delta.base, key.sign(said.model_dump(), STATUS_DELTA_TYP)])
    return signed


def _step(seq: int, digest: str, changed: list[str]) -> Step:
    return Step(seq, digest, tuple(changed))


def _key_set(session: Session, now: datetime, settings: IssuanceSettings) -> str:
    rows = key_store(settings).all(session)
    withdrawn = tuple(row.kid for row in rows if row.state == "withdrawn")
    good = tuple(PublicKey(kid=row.kid, x=row.public_x) for row in rows if row.kid not in withdrawn)
    key_set = KeySet(iat=int(now.timestamp()), keys=good, withdrawn=withdrawn)
    return key_set.sign(settings.commitment_master.get_secret_value())
