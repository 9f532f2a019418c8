"""The scan: find the pass, decide, record, answer.

A scan by token of a pass that is known costs four statements: lock the pass, insert the scan, move the party, add the
event. A preview costs one and changes nothing.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from contracts.commitment import commit, commitment_key
from contracts.errors import InvalidInput, TooManyAttempts
from contracts.identity import NotLastFour, last_four, mask_aadhaar
from contracts.model import Verdict
from contracts.rpc.call import Call
from contracts.rpc.verify import Matched, OtherId, ScanPass, ScanResult
from services.chassis.runtime.settings import settings
from services.verify.domain import Attempt, Decision, decide_entry, decide_exit, time_of_scan
from services.verify.handlers import number_tries
from services.verify.handlers.authority import gate_login
from services.verify.handlers.finding import Found, find
from services.verify.handlers.recording import earlier, record
from services.verify.models import Pass, Scan


def scan(request: ScanPass, call: Call, session: Session, now: datetime) -> ScanResult:
    """The verdict on one scan, recorded unless it is a preview (an entry without ``id_check``).

    The same nonce of the same login gives the first answer again and changes nothing.

    Raises:
        Forbidden: the login does not stand at this gate.
        InvalidInput: not exactly one of token and number, a full ID number, or a count that cannot be.
        TooManyAttempts: too many unknown numbers at this gate.
        IdempotencyKeyReused: the nonce belongs to a scan of something else.
    """
    login = gate_login(call.principal, request.gate)
    request = _accepted(request)
    at = time_of_scan(request.scanned_at, now)
    preview = request.direction == "entry" and request.id_check is None
    try:
        found = find(request, session, now, lock=not preview)
        decision = _decide(request, found, at)
    except (InvalidInput, TooManyAttempts):
        first = None if preview else earlier(session, request, login)
        if first is None:
            raise
        return _first_answer(session, first)
    known = None if isinstance(found, str) else found
    if not preview and record(session, request, login, known, decision, at, now) is None:
        first = earlier(session, request, login)
        assert first is not None
        return _first_answer(session, first)
    if decision.verdict == "unknown_pass":
        number_tries.count(session, request.gate, now)
    return _answer(known, decision, preview=preview)


def _accepted(request: ScanPass) -> ScanPass:
    """The request with its ID in canonical form. At an exit no ID is asked for, so that none can hold anybody up."""
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


def _decide(request: ScanPass, found: Found | Verdict, at: datetime) -> Decision:
    if isinstance(found, str):
        return Decision(found)
    if request.direction == "exit":
        return decide_exit(found.standing, Attempt(request.gate, at, request.count))
    attempt = Attempt(
        request.gate, at, request.count, identified=_identified(request, found), marks=_marks(request)
    )
    return decide_entry(found.standing, attempt)


def _identified(request: ScanPass, found: Found) -> bool:
    """Whether the ID shown is the applicant's or a companion's; a preview supposes it, another ID the officer vouches for."""
    check = request.id_check
    if not isinstance(check, Matched):
        return True
    key = commitment_key(settings().commitment_master.get_secret_value(), found.number)
    return commit(key, check.id_type, check.id_last4) in found.id_commitments


def _marks(request: ScanPass) -> tuple[str, ...]:
    check = request.id_check
    if not isinstance(check, OtherId):
        return ()
    return ("other_id", "reason_masked") if mask_aadhaar(check.reason)[1] else ("other_id",)


def _first_answer(session: Session, first: Scan) -> ScanResult:
    """What this nonce was answered, from its row and the pass's."""
    row = session.get(Pass, first.pass_number) if first.pass_number is not None else None
    verdict: Verdict = first.verdict  # type: ignore[assignment]  # the column holds nothing else
    found = None if row is None else Found(row.number, row)
    return _answer(found, Decision(verdict, first.count, first.inside, tuple(first.marks)), preview=False)


def _answer(found: Found | None, decision: Decision, *, preview: bool) -> ScanResult:
    """What the gate shows. Of a forged token and an unknown number nothing but the verdict."""
    if found is None:
        return ScanResult(verdict=decision.verdict, preview=preview)
    standing, row = found.standing, found.row
    people = row.people if row is not None else None
    return ScanResult(
        verdict=decision.verdict,
        preview=preview,
        pass_=found.number,
        reference=row.reference if row else None,
        applicant=people.applicant if people else None,
        companions=people.companions if people else (),
        vehicle=people.vehicle if people else None,
        party=standing.terms.party if standing.terms else 0,
        inside=standing.inside if preview else decision.inside,
        site=standing.terms.site if standing.terms else None,
        gate=standing.terms.gate if standing.terms else None,
        valid_from=standing.terms.valid_from if standing.terms else None,
        valid_to=standing.terms.valid_to if standing.terms else None,
        vehicle_allowed=bool(row and row.vehicle_allowed),
        assistance=row.assistance if row else None,
        department=row.department if row else None,
        officer=row.officer if row else None,
        marks=decision.marks,
    )
