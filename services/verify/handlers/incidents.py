"""What happened at gates and somebody should look at: add, list, and note that it was seen."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

from sqlalchemy import ColumnElement, func, select, true, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.errors import Forbidden, NotFound
from contracts.model import site_of
from contracts.rpc.call import Call, Principal
from contracts.rpc.verify.incidents import (
    NOTE_INCIDENT,
    IncidentId,
    IncidentKind,
    IncidentList,
    IncidentQuestion,
    IncidentScan,
    IncidentView,
)
from contracts.rpc.verify.offline_scans import WrongPins
from services.chassis.db import cursors
from services.chassis.db.batches import delete_batch
from services.chassis.db.destructive_jobs import Portion
from services.chassis.db.retention import kept_since
from services.chassis.rpc.idempotency import once
from services.verify.models import IncidentRow

_REFUSED = UUID("6b0a0a43-5f0e-4ac2-9d4b-6a2e36f3b1d7")
"""The namespace of refused scans: a repeat of the request is the same incident."""
_PROVEN = UUID("2f1d7c1e-8f0b-4f0e-9a57-0c6f2d8a4b19")
"""The namespace of proofs: each counts once."""
OWN_PIN = "own_pin"
"""The detail of a ``wrong_pin`` that is no supervisor's: the guard's own, which opens the app."""


def add(
    session: Session,
    kind: IncidentKind,
    gate: str,
    now: datetime,
    *,
    scans: Iterable[IncidentScan] = (),
    incident_id: UUID | None = None,
    site: str | None = None,
    **facts: Any,
) -> bool:
    """Add an incident; one with the same ID stays as it is. Return whether there was none.

    Args:
        session: the transaction.
        kind: what happened.
        gate: where.
        now: when it was found.
        scans: that it is about.
        incident_id: of the incident, where a repeat must not add another one.
        site: if it is not that of the gate.
        facts: other columns of `IncidentRow`.
    """
    row = {
        "id": incident_id or uuid4(),
        "found_at": now,
        "site": site or site_of(gate),
        "gate": gate,
        "kind": kind,
        "scans": [one.model_dump(mode="json") for one in scans],
        **facts,
    }
    new = insert(IncidentRow).values(row).on_conflict_do_nothing().returning(IncidentRow.id)
    return session.scalar(new) is not None


def refused_id(login: str, nonce: str, problem: str) -> UUID:
    """Return the ID of the incident that a scan of a gate without a network was refused."""
    return uuid5(_REFUSED, f"{login}\n{nonce}\n{problem}")


def wrong_pins_id(device: str, wrong: WrongPins) -> UUID:
    """Return the ID of the incident that an app has deleted its list: it says so until it has an answer."""
    return uuid5(_PROVEN, f"{device}\n{wrong.login}\n{wrong.at.isoformat()}")


def override_id(proof: str) -> UUID:
    """Return the ID of the incident that a supervisor has let somebody in by this proof."""
    return uuid5(_PROVEN, proof)


def list_incidents(request: IncidentQuestion, call: Call, session: Session) -> IncidentList:
    """Return a page of incidents, the newest first: security those of its site, operations all.

    Raises:
        Forbidden: another role, or security of another site (``not_your_site``).
        InvalidInput: ``after`` is not one of our cursors.
    """
    row, which = IncidentRow, [*_visible(call.principal, request.site)]
    unseen = session.scalar(select(func.count()).where(*which, row.seen_at.is_(None))) or 0
    if request.kind is not None:
        which.append(row.kind == request.kind)
    if request.unseen:
        which.append(row.seen_at.is_(None))
    if request.after is not None:
        which.append(tuple_(row.found_at, row.id) < tuple_(*cursors.decode(request.after, UUID)))
    query = select(row).where(*which).order_by(row.found_at.desc(), row.id.desc()).limit(request.limit + 1)
    found = session.scalars(query).all()
    shown = found[: request.limit]
    return IncidentList(
        items=tuple(_view(one, call.principal) for one in shown),
        next=cursors.encode(shown[-1].found_at, shown[-1].id) if len(found) > len(shown) else None,
        unseen=unseen,
    )


def note_seen(request: IncidentId, call: Call, session: Session, now: datetime) -> IncidentView:
    """Note that somebody has seen an incident; the first who did stays.

    Raises:
        Forbidden: the principal is neither of operations nor of security, or has let in, or scanned, itself
            (``own_incident``), or has sent such a scan.
        NotFound: there is no such incident that the principal may see.
    """
    which = _visible(call.principal, None)

    def effect() -> UUID:
        query = select(IncidentRow).where(IncidentRow.id == request.incident_id, *which).with_for_update()
        row = session.scalars(query).one_or_none()
        if row is None:
            raise NotFound("there is no such incident")
        if _took_part(row, call.principal):
            raise Forbidden("somebody else looks at this incident", code="own_incident")
        if row.seen_at is None:
            row.seen_at, row.seen_by = now, call.principal.login_id
        return row.id

    return once(
        session,
        call,
        f"verify.{NOTE_INCIDENT.name}",
        request,
        effect,
        lambda noted: _view(session.get_one(IncidentRow, noted), call.principal),
        reference=UUID,
    )


def old(now: datetime, months: int) -> Portion:
    """Return the incidents that are older than records are kept."""
    return Portion(IncidentRow, true(), IncidentRow.found_at < kept_since(now, months))


def delete_old(session: Session, now: datetime, months: int) -> int:
    """Delete a batch of incidents that are older than records are kept; return how many."""
    return delete_batch(session, IncidentRow, old(now, months).taken)


def _visible(principal: Principal, site: str | None) -> list[ColumnElement[bool]]:
    """Return the conditions of the incidents that a principal may see, of one site if it is given.

    A guard who stands at a gate sees none: an incident may be about them.

    Raises:
        Forbidden: another role, a login of a gate, or security of another site (``not_your_site``).
    """
    if principal.role == "ops":
        return [IncidentRow.site == site] if site is not None else []
    if principal.role != "security" or principal.site is None or principal.gate is not None:
        raise Forbidden("only operations, and security of a site, see incidents")
    if site not in {None, principal.site}:
        raise Forbidden("this login is of another site", code="not_your_site")
    return [IncidentRow.site == principal.site]


def _took_part(row: IncidentRow, principal: Principal) -> bool:
    return principal.login_id in {row.login, row.supervisor, *row.involved}


def _view(row: IncidentRow, principal: Principal) -> IncidentView:
    return IncidentView.from_attributes(row, is_own=_took_part(row, principal))
