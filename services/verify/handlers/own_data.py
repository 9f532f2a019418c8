"""What gates keep about passes: the names that they show, and the scans, which name nobody.

verify knows no mobile. Who asks names the passes, which the other services tell their owner alone.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.rpc.call import Call
from contracts.rpc.own_data import Kept, OwnData, OwnDataQuestion, kept
from contracts.rpc.verify import incidents
from services.chassis.audit import readers
from services.verify.models import PassRow, ScanRow

UNTOLD = {incidents.INCIDENTS.name, incidents.NOTE_INCIDENT.name, "override"} | readers.COUNTED_ONCE
"""What security looks into at a gate is not told, nor that a supervisor has let somebody in."""
_SCAN = ("scanned_at", "gate", "direction", "verdict", "count", "inside", "id_type")
"""Without the reason, which may be what a supervisor said of an incident."""


def list_kept(request: OwnDataQuestion, call: Call, session: Session) -> OwnData:
    """Return what is kept of these passes, each of which is of one of these applications.

    Raises:
        Forbidden: as `readers.owner_of`.
    """
    readers.owner_of(call.principal, whole=request.whole)
    items: list[Kept] = []
    wanted = PassRow.number.in_(request.numbers) & PassRow.reference.in_(request.references)
    for row in session.scalars(select(PassRow).where(wanted).order_by(PassRow.number)):
        numbers, reference = (row.number,), str(row.reference)
        if row.visitors is not None and row.valid_from is not None:
            names = ({"number": row.number, **row.visitors},) if request.whole else ()
            items.append(kept(reference, "gates", [row.valid_from], numbers=numbers, records=names))
        of_pass = select(ScanRow).where(ScanRow.pass_number == row.number).order_by(ScanRow.recorded_at)
        scans = session.scalars(of_pass).all()
        if scans:
            whole = tuple({name: getattr(one, name) for name in _SCAN} for one in scans)
            gates = tuple(dict.fromkeys(one.gate for one in scans))
            items.append(
                kept(
                    reference,
                    "scans",
                    [one.scanned_at for one in scans],
                    is_nameless=True,
                    receivers=gates,
                    numbers=numbers,
                    records=whole if request.whole else (),
                )
            )
    return readers.answer(session, items, UNTOLD)
