"""A scan alone: find the pass and lock it, decide, record, answer. A preview is only counted.

Most scans that are to be recorded are decided and recorded by `scan_groups` instead, by the same functions.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from contracts.commitment import commit, commitment_key
from contracts.errors import Forbidden, InvalidInput, TooManyAttempts
from contracts.identity import NotLastFour, last_four, mask_aadhaar
from contracts.model import Verdict, site_of
from contracts.rpc.call import Call
from contracts.rpc.issuance import PassNumber
from contracts.rpc.verify import Matched, OtherId, ScanPass, ScanResult, Seen
from services.chassis.audit import record
from services.verify.domain.gates import list_age_s, require_existing
from services.verify.domain.verdicts import (
    Attempt,
    Decision,
    asks_how_many,
    decide_entry,
    decide_exit,
    time_of_scan,
)
from services.verify.handlers import (
    not_issued,
    number_tries,
    pass_lookup,
    presence,
    previews,
    scan_records,
    supervisor_rules,
    supervisors,
)
from services.verify.handlers.authorization import require_gate_login
from services.verify.handlers.pass_lookup import FoundPass
from services.verify.models import PassRow, ScanRow

NAMING: frozenset[Verdict] = frozenset({"admit", "exit", "id_mismatch"})
"""Verdicts with which somebody passes, or the officer has to decide. Every other one names nobody."""


def scan(
    request: ScanPass,
    call: Call,
    session: Session,
    now: datetime,
    *,
    issuer: str,
    commitment_master: str,
    not_issued_after: timedelta,
) -> ScanResult:
    """Return the verdict on one scan, and record it unless it is a preview.

    An entry without ``id_check`` is one, and an exit of which the officer says first how many leave.

    The nonce is the scan's idempotency key: the same nonce of the same login returns the first answer and
    changes nothing.

    Args:
        request: what was scanned, where, and which ID was shown.
        call: has the login of the officer.
        session: the transaction.
        now: the time of the server.
        issuer: the ``iss`` of genuine pass tokens.
        commitment_master: the key of ID commitments.
        not_issued_after: for how long a pass is believed that is known by its token alone.

    Raises:
        Forbidden: the login does not stand at this gate, or a supervisor has to agree
            (``supervisor_missing``).
        InvalidInput: a token that cannot be read (``unreadable_token``), no such gate (``unknown_gate``), not
            exactly one of token and number, a full ID number, or an impossible count.
        TooManyAttempts: too many unknown numbers at this gate, or too many previews of entries.
        IdempotencyKeyReused: the nonce belongs to a scan of something else.
    """
    login = require_gate_login(call.principal, request.gate)
    request = validate(request)
    at = time_of_scan(request.scanned_at, now)
    preview = request.direction == "entry" and request.id_check is None
    try:
        found, knowledge = pass_lookup.find(request, session, now, issuer, lock=not preview)
        if request.direction == "entry":  # an exit is never refused, also at a gate that was just removed
            require_existing(request.gate, knowledge.gates)
            if not preview and not isinstance(found, str) and found.row is not None:
                presence.close_if_overdue(session, found.row, at, now)
        decision = decide(request, found, at, commitment_master, knowledge.complete_at, not_issued_after)
        if not isinstance(found, str) and asks(request, found, at):
            preview, decision = True, replace(decision, inside=found.standing.inside)
        known = None if isinstance(found, str) else found
        row = known.row if known is not None else None
        if decision.verdict == "admit" and row is not None and not preview:
            supervisors.require(request, row, now, session)
    except (Forbidden, InvalidInput, TooManyAttempts):
        first = None if preview else scan_records.find_earlier(session, request, login)
        if first is None:
            raise
        return _first_answer(session, first)
    is_named = not preview or _named(known, decision) is None or _may_name(request, login, session, now)
    age = list_age_s(knowledge.complete_at, now)
    agreement = _agreement_asked(request, login, row, decision, now, session)
    if not preview:
        new = scan_records.new_scan(session, request, login, known, decision, age, at, now)
        agreed = request.supervisor if decision.verdict == "admit" else None
        new = scan_records.with_supervisor(new, agreed)
        if not scan_records.record(session, new, known, decision, now):
            first = scan_records.find_earlier(session, request, login)
            assert first is not None
            return _first_answer(session, first)
        if agreed is not None:
            _note_override(session, new, known, now, agreed.proof)
    if decision.verdict == "unknown_pass" and request.token is None:
        number_tries.record(session, request.gate, request.direction, now)
    result = answer(known, decision, age, at, direction=request.direction, preview=preview, is_named=is_named)
    result = result.model_copy(update=agreement)
    if preview and result.applicant is not None:
        record.add_done(session, result, action="preview")
    return result


def _may_name(request: ScanPass, login: str, session: Session, now: datetime) -> bool:
    """Count a preview; return whether it names people. An exit goes on without names after too many of them.

    Raises:
        TooManyAttempts: it is an entry, and there were too many.
    """
    if request.direction == "entry":
        previews.count(session, login, request.gate, now)
        return True
    try:
        with session.begin_nested():
            previews.count(session, login, request.gate, now)
    except TooManyAttempts:
        return False
    return True


def _agreement_asked(
    request: ScanPass,
    login: str,
    row: PassRow | None,
    decision: Decision,
    now: datetime,
    session: Session,
) -> dict[str, Any]:
    """Return of whom one has to agree before somebody comes in, and whether none of them can now."""
    if request.direction == "exit":
        return {}
    is_asked = decision.verdict == "id_mismatch" or (request.id_check is None and decision.overridable != ())
    if row is not None and decision.verdict == "admit" and request.id_check is None:
        is_asked = supervisors.may_need(request, row, now)
    if not is_asked:
        return {}
    site = site_of(request.gate)
    who = supervisors.who_may_agree(session, site, login)
    return {"supervisors": who, "supervisors_void": not who and supervisor_rules.are_demanded(session, site)}


def _note_override(
    session: Session, new: scan_records.Scan, known: FoundPass | None, now: datetime, proof: str | None
) -> None:
    """Add an incident and a row of the audit log: a supervisor has let somebody in."""
    row = known.row if known is not None else None
    scan_records.add_override(session, new, row.reference if row is not None else None, now, proof)
    record.note_object(new.supervisor or "")
    record.add_done(session, PassNumber(number=new.pass_number or ""), action="override")


def validate(request: ScanPass) -> ScanPass:
    """Return the request with its ID in canonical form; at an exit the ID is not checked.

    Raises:
        InvalidInput: not exactly one of token and number, or a full ID number.
    """
    if (request.token is None) == (request.pass_number is None):
        raise InvalidInput.of("token", "token_or_pass_number", "exactly one of token and pass_number")
    check = request.id_check
    if request.direction == "exit" or not isinstance(check, Matched):
        return request
    try:
        shown = check.model_copy(update={"id_last4": last_four(check.id_last4)})
    except NotLastFour as error:
        raise InvalidInput.of("id_check.id_last4", error.code) from None
    return request.model_copy(update={"id_check": shown})


def decide(
    request: ScanPass,
    found: FoundPass | Verdict,
    at: datetime,
    commitment_master: str,
    complete_at: datetime | None,
    not_issued_after: timedelta,
) -> Decision:
    """Return the decision of the domain on what was found.

    A shown ID must be the applicant's or a companion's. A preview assumes that it is; for an ID that the
    officer has compared, and for another one, the officer answers. Whoever came in with a pass that nobody
    has issued still goes out.
    """
    if isinstance(found, str):
        return Decision(found)
    if request.direction == "exit":
        return decide_exit(found.standing, Attempt(request.gate, at, request.count))
    if not_issued.is_overdue(found.row, complete_at, not_issued_after):
        return Decision("unknown_pass", inside=found.standing.inside_at(at))
    identified, marks = identify(request, found, commitment_master)
    overrides = request.supervisor.overrides if request.supervisor is not None else ()
    attempt = Attempt(request.gate, at, request.count, identified, marks, overrides)
    return decide_entry(found.standing, attempt)


def asks(request: ScanPass, found: FoundPass, at: datetime) -> bool:
    """Return whether an exit is only looked at: the officer says first how many leave."""
    if request.direction == "entry" or not request.ask_count:
        return False
    return asks_how_many(found.standing, Attempt(request.gate, at, request.count))


def identify(request: ScanPass, found: FoundPass, commitment_master: str) -> tuple[bool, tuple[str, ...]]:
    """Return whether the ID that was shown is one for this pass, and how the record is marked."""
    check = request.id_check
    if isinstance(check, Matched):
        key = commitment_key(commitment_master, found.number)
        return commit(key, check.id_type, check.id_last4) in found.id_commitments, ()
    if isinstance(check, Seen):
        return _is_named(check.id_type, found), ("id_seen",)
    if isinstance(check, OtherId):
        return True, ("other_id", "reason_masked") if mask_aadhaar(check.reason)[1] else ("other_id",)
    return True, ()


def _is_named(id_type: str, found: FoundPass) -> bool:
    """Return whether the gate shows an ID of this type as one that the pass names."""
    people = found.row.people if found.row is not None else None
    if people is None:
        return False
    return id_type in {people.applicant.id_type, *(one.id_type for one in people.companions)}


def _first_answer(session: Session, first: ScanRow) -> ScanResult:
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


def _named(found: FoundPass | None, decision: Decision) -> PassRow | None:
    """Return the row of the pass whose people the answer names, or None."""
    return found.row if found is not None and decision.verdict in NAMING else None


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
    named = _named(found, decision) if is_named else None
    people = named.people if named is not None else None
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
        days=terms.days if terms and (terms.further_days or terms.closed_days) else (),
        vehicle_allowed=bool(row and row.vehicle_allowed),
        assistance=named.assistance if named else None,
        department=named.department if named else None,
        officer=named.officer if named else None,
        call_supervisor=bool(direction == "entry" and row and row.call_supervisor),
        undelivered=bool(direction == "entry" and row and row.undelivered and found.claims is None),
        overridable=decision.overridable if preview else (),
        marks=decision.marks,
        list_age_s=age,
        inside_since=inside.inside_since if inside else None,
        inside_gate=inside.last_gate if inside else None,
    )
