"""What a gate is shown after a scan, and the first answer to a repeated nonce."""

from datetime import datetime

from sqlalchemy.orm import Session

from contracts.model import Verdict
from contracts.rpc.verify.scans import ScanResult
from services.chassis.audit import record
from services.verify.domain.verdicts import Decision
from services.verify.handlers import scan_records
from services.verify.handlers.pass_lookup import FoundPass
from services.verify.models import PassRow, ScanRow

NAMING: frozenset[Verdict] = frozenset({"admit", "exit", "id_mismatch"})
"""Verdicts with which somebody passes, or the officer has to decide. Every other one names nobody."""


def answer(
    found: FoundPass | None,
    decision: Decision,
    age: int | None,
    at: datetime,
    *,
    direction: str,
    preview: bool,
    is_named: bool = True,
) -> ScanResult:
    """Return what the gate shows at that instant; of a forged token or an unknown pass only the verdict.

    People and whom they meet are shown only with a verdict of `NAMING`, and if ``is_named``; the reference
    names nobody.
    """
    if found is None or decision.verdict == "unknown_pass":
        return ScanResult(verdict=decision.verdict, preview=preview)
    standing, row = found.standing, found.row
    terms = standing.terms
    shown = named(found, decision) if is_named else None
    people = shown.people if shown is not None else None
    window = terms.window_to_show(at) if terms else None
    inside = row if decision.verdict == "already_inside" else None
    persons = standing.inside_at(at) if preview and direction == "entry" else decision.inside
    if decision.verdict == "wrong_site":
        persons = 0  # who is inside another site is not this gate's
    return ScanResult(
        verdict=decision.verdict,
        preview=preview,
        pass_=found.number,
        reference=row.reference if row else None,
        applicant=people.applicant if people else None,
        companions=people.companions if people else (),
        vehicle=people.vehicle if people else None,
        party=terms.party if terms else 0,
        inside=persons,
        may_enter=decision.count if preview and decision.verdict == "admit" else 0,
        site=terms.site if terms else None,
        gate=terms.gate if terms else None,
        valid_from=window.start if window else None,
        valid_to=window.end if window else None,
        days=terms.days
        if terms and (terms.further_days or terms.closed_days) and not terms.recurring
        else (),
        vehicle_allowed=bool(row and row.vehicle_allowed),
        assistance=shown.assistance if shown else None,
        department=shown.department if shown else None,
        officer=shown.officer if shown else None,
        call_supervisor=bool(direction == "entry" and row and row.call_supervisor),
        undelivered=bool(direction == "entry" and row and row.undelivered and found.claims is None),
        overridable=decision.overridable if preview else (),
        marks=decision.marks,
        list_age_s=age,
        inside_since=inside.inside_since if inside else None,
        inside_gate=inside.last_gate if inside else None,
    )


def named(found: FoundPass | None, decision: Decision) -> PassRow | None:
    """Return the row of the pass whose people the answer names, or None."""
    return found.row if found is not None and decision.verdict in NAMING else None


def first_answer(session: Session, first: ScanRow) -> ScanResult:
    """Return the first answer to this nonce, rebuilt from its row and the pass's.

    If it names somebody, record it: they are shown once more, and no scan is added.
    """
    row = session.get(PassRow, first.pass_number) if first.pass_number is not None else None
    verdict: Verdict = first.verdict  # type: ignore[assignment]  # the column holds nothing else
    found = None if row is None else FoundPass(row.number, row)
    result = answer(
        found,
        Decision(
            verdict,
            first.count,
            first.inside,
            tuple(mark for mark in first.marks if mark != scan_records.ALL),
        ),
        first.list_age_s,
        first.scanned_at,
        direction=first.direction,
        preview=False,
    )
    if result.applicant is not None:
        record.note_repeat()
        record.add_done(session, result)
    return result
