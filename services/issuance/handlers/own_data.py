"""What is kept about the passes of an applicant's own applications."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.rpc.call import Call
from contracts.rpc.own_data import Kept, OwnData, OwnDataQuestion, kept
from services.chassis.audit import readers
from services.issuance.models import PassRow

_PASS = ("number", "issued_at", "valid_from", "valid_to", "replaces", "revocation", "revoked_at")


def list_kept(request: OwnDataQuestion, call: Call, session: Session) -> OwnData:
    """Return what is kept of those of these applications whose passes are of the caller's mobile.

    Neither the link nor the QR code of a pass is in it: who has a copy shall not get in with it.

    Raises:
        Forbidden: as `readers.owner_of`.
    """
    owner = readers.owner_of(call.principal, whole=request.whole)
    items: list[Kept] = []
    query = select(PassRow).where(PassRow.reference.in_(request.references)).order_by(PassRow.issued_at)
    for row in session.scalars(query):
        if row.personal is None or (owner is not None and not row.as_pass().belongs_to(owner)):
            continue
        visit, people = row.visit.model_dump(mode="json"), row.personal.model_dump(mode="json")
        whole = {name: getattr(row, name) for name in _PASS} | visit | people
        records = (whole,) if request.whole else ()
        items.append(kept(row.reference, "passes", [row.issued_at], numbers=(row.number,), records=records))
    return readers.answer(session, items, readers.COUNTED_ONCE)
