"""What a department's desk keeps about an applicant's own applications; nothing of the watchlist."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from contracts.rpc.approval import watchlist
from contracts.rpc.call import Call, Method
from contracts.rpc.own_data import Kept, OwnData, OwnDataQuestion, kept
from services.approval.models.reviews import MOBILE, ReviewRow
from services.chassis.audit import readers

UNTOLD = {one.name for one in vars(watchlist).values() if isinstance(one, Method)} | readers.COUNTED_ONCE
"""Who is on the watchlist is not told, so neither is who compared anybody with it."""
_DECISION = (
    *("number", "revision", "status", "department", "decided_at", "reason", "note", "slot", "gate"),
    *("entries", "vehicle_allowed", "further_days", "days_reason", "closed_day"),
)


def list_kept(request: OwnDataQuestion, call: Call, session: Session) -> OwnData:
    """Return what is kept of those of these applications that are of the caller's mobile.

    Raises:
        Forbidden: as `readers.owner_of`.
    """
    owner = readers.owner_of(call.principal, whole=request.whole)
    query = select(ReviewRow).where(ReviewRow.reference.in_(request.references))
    if owner is not None:
        query = query.where(text(f"{MOBILE} = :mobile").bindparams(mobile=owner))
    rows = session.scalars(query).all()
    items: list[Kept] = []
    for row in rows:
        departments = dict.fromkeys((*(one.department for one in row.decisions), row.department))
        copy = (
            {
                "department": row.department,
                "status": row.status,
                "correction": _told_of(row.correction),
                **row.personal,
            },
        )
        items.append(
            kept(
                row.reference,
                "desk",
                [row.submitted_at],
                receivers=tuple(departments),
                records=copy if request.whole else (),
            )
        )
        if row.decisions:
            decided = [{name: getattr(one, name) for name in _DECISION} for one in row.decisions]
            instants = [one.decided_at for one in row.decisions]
            whole = tuple(decided) if request.whole else ()
            items.append(kept(row.reference, "decisions", instants, is_nameless=True, records=whole))
    return readers.answer(session, items, UNTOLD)


def _told_of(correction: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return of a correction what its applicant knows: who confirmed it first would tell of the watchlist."""
    if correction is None:
        return None
    return {name: value for name, value in correction.items() if name != "confirmed_by"}
