"""A scan, from the entrypoint to the commit: read, judge, answer, store, count.

Scans that came in one message go together (`scan_together`); one by itself (`scan`) is a group of one. One
statement reads their passes, and one stores the scans, which is the commit (`store_if_unchanged`). Nothing is
locked in between: a scan is stored only if its pass has not changed since it was read. Of each pass one scan
is stored; none of the answers has been sent yet, so any of them may be the first.

A scan that cannot go so has a transaction of its own, which locks its pass (`scan_in_transaction`). The
reasons stand where they are found:

- `_read`: it is a preview, a typed number, a supervisor agrees to it, or something of it is wrong;
- `_decide_together`: its pass is not known here yet, or another scan of the group is of the same pass, its
  nonce was used, or there is no such gate;
- `_needs_transaction`: a supervisor has to agree, a card does not match, an exit of which the officer says
  how many leave, a party that is presumed gone;
- `scan_records.store_if_unchanged`: its pass has changed, or is locked, or its nonce was used meanwhile.

The same functions judge, answer and count.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from contracts.commitment import commit, commitment_key
from contracts.errors import Forbidden, IdempotencyKeyReused, InvalidInput, TooManyAttempts
from contracts.identity import NotLastFour, last_four, mask_aadhaar
from contracts.model import Verdict, site_of
from contracts.rpc.call import Call
from contracts.rpc.issuance import PassNumber
from contracts.rpc.verify.scans import Matched, OtherId, ScanPass, ScanResult, Seen
from contracts.tokens import PassClaims
from services.chassis.audit import record
from services.chassis.db.database import Database
from services.chassis.runtime import logs
from services.chassis.tokens.verification import TokenRefused
from services.verify.domain.gates import list_age_s, require_existing
from services.verify.domain.verdicts import (
    Attempt,
    Decision,
    asks_how_many,
    decide_entry,
    decide_exit,
    time_of_code,
    time_of_scan,
)
from services.verify.handlers import (
    not_issued,
    number_tries,
    pass_lookup,
    presence,
    previews,
    scan_answers,
    scan_records,
    supervisor_rules,
    supervisors,
)
from services.verify.handlers.authorization import require_gate_login
from services.verify.handlers.pass_lookup import UNREADABLE, FoundPass, Knowledge, Nonce
from services.verify.metrics import PREVIEWS, SCANS, SUPERVISORS_REFUSED, gate_label
from services.verify.models import PassRow
from services.verify.settings import VerifySettings

log = logs.logger(__name__)


@dataclass(frozen=True)
class _Scan:
    """A scan that may go together with others: all is right that can be checked without its pass."""

    request: ScanPass
    call: Call
    login: str
    claims: PassClaims

    @property
    def nonce(self) -> Nonce:
        return self.login, self.request.nonce


@dataclass(frozen=True)
class _Judged:
    """What is decided about a scan, before anything of it is stored.

    ``at`` is when it happened; ``list_age_s`` is how old the revocations are that it rests on.
    """

    at: datetime
    decision: Decision
    is_preview: bool
    list_age_s: int | None


def scan(request: ScanPass, call: Call, db: Database, now: datetime, settings: VerifySettings) -> ScanResult:
    """Decide and record a scan; see `scan_in_transaction` for its errors.

    A token that cannot be read at an entry counts as a preview, because nothing is recorded.

    Raises:
        ContractError: as `scan_in_transaction` and `supervisors.check`.
    """
    try:
        if request.supervisor is not None and request.direction == "entry":
            _check_supervisor(request, call, db, now)
        with db.queries() as session:
            (result,) = scan_together([(request, call)], session, now, settings)
        if result is None:
            with db.transaction() as session:
                result = scan_in_transaction(request, call, session, now, settings)
            _count(request, result)
    except (Forbidden, InvalidInput) as refused:
        if refused.body.code == UNREADABLE and request.direction == "entry":
            PREVIEWS.labels(*_place(request), "unreadable").inc()
        if refused.body.code == supervisors.MISSING:
            SUPERVISORS_REFUSED.labels("missing").inc()
        raise
    return result


def scan_together(
    asked: Sequence[tuple[ScanPass, Call]], session: Session, now: datetime, settings: VerifySettings
) -> Sequence[ScanResult | None]:
    """Decide and record scans; return the answer to each, None for one that needs a transaction.

    Args:
        asked: the scans, each with the login of its officer.
        session: one of `Database.queries`.
        now: the time of the server.
        settings: what decides a scan besides what verify knows.
    """
    read = [_read(request, call, session, settings) for request, call in asked]
    here = [one for one in read if one is not None]
    if not here:
        return [None] * len(asked)
    numbers, sites = {one.claims.jti for one in here}, {site_of(one.request.gate) for one in here}
    snapshot = pass_lookup.read_all(session, numbers, sites, {one.nonce for one in here}, now)
    decided = [
        None if one is None else _decide_together(one, snapshot, session, now, settings) for one in read
    ]
    stored = scan_records.store_if_unchanged(session, [changed for changed, _ in filter(None, decided)])
    results = [one[1] if one is not None and one[0].scan.id in stored else None for one in decided]
    for (request, _), result in zip(asked, results, strict=True):
        if result is not None:
            _count(request, result)
    return results


def _read(request: ScanPass, call: Call, session: Session, settings: VerifySettings) -> _Scan | None:
    """Return a scan that may go together with others; None for a preview, a number, or what is wrong."""
    if _is_look(request) or request.token is None or request.supervisor is not None:
        return None
    try:
        login = require_gate_login(call.principal, request.gate)
        checked = validate(request)
        claims = pass_lookup.read_token(request.token, session, settings.issuer)
    except (Forbidden, InvalidInput, TokenRefused):
        return None
    return _Scan(checked, call, login, claims)


def _decide_together(
    scan: _Scan, snapshot: pass_lookup.Snapshot, session: Session, now: datetime, settings: VerifySettings
) -> tuple[scan_records.Changed, ScanResult] | None:
    """Decide a scan and change its row, which nobody has locked; return None if it needs a transaction."""
    request, number = scan.request, scan.claims.jti
    if number not in snapshot.rows or scan.nonce in snapshot.used:
        return None
    snapshot.used.add(scan.nonce)
    row = snapshot.rows.pop(number)  # a later scan of it would rest on what is not recorded yet
    found, knowledge = FoundPass(number, row, scan.claims), snapshot.knowledge[site_of(request.gate)]
    try:
        judged = _judge(request, found, knowledge, now, settings)
    except InvalidInput:
        return None
    if _needs_transaction(request, row, found, judged, now):
        return None
    new = scan_records.new_scan(
        session, request, scan.login, found, judged.decision, judged.list_age_s, judged.at, now
    )
    with logs.context(correlation_id=scan.call.correlation_id, traceparent=scan.call.traceparent):
        changed = scan_records.change(session, new, found, snapshot.versions[number], judged.decision, now)
    return changed, _answer(request, found, judged)


def _needs_transaction(
    request: ScanPass, row: PassRow, found: FoundPass, judged: _Judged, now: datetime
) -> bool:
    """Return whether a scan does more than store itself, or asks somebody something first."""
    if judged.is_preview or judged.decision.verdict == "id_mismatch":
        return True
    if request.direction == "entry" and found.standing.is_overdue(judged.at):
        return True  # the exit of the party that is presumed gone is recorded before it
    return judged.decision.verdict == "admit" and supervisors.may_need(request, row, now)


def scan_in_transaction(
    request: ScanPass, call: Call, session: Session, now: datetime, settings: VerifySettings
) -> ScanResult:
    """Return the verdict on one scan, and record it unless it is a preview; a preview is only counted.

    An entry without ``id_check`` is one, and an exit of which the officer says first how many leave. The pass
    is locked, but for a preview of an entry.

    The nonce is the scan's idempotency key: the same nonce of the same login returns the first answer and
    changes nothing.

    Args:
        request: what was scanned, where, and which ID was shown.
        call: has the login of the officer.
        session: the transaction.
        now: the time of the server.
        settings: what decides a scan besides what verify knows.

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
    is_look = _is_look(request)
    try:
        found, knowledge = pass_lookup.find(request, session, now, settings.issuer, lock=not is_look)
        known = None if isinstance(found, str) else found
        row = known.row if known is not None else None
        if row is not None and request.direction == "entry" and not is_look:
            presence.close_if_overdue(session, row, time_of_scan(request.scanned_at, now), now)
        judged = _judge(request, found, knowledge, now, settings)
        decision, age = judged.decision, judged.list_age_s
        if decision.verdict == "admit" and row is not None and not judged.is_preview:
            supervisors.require(request, row, now, session)
    except (Forbidden, InvalidInput, TooManyAttempts):
        first = None if is_look else scan_records.find_earlier(session, request, login)
        if first is None:
            raise
        return scan_answers.first_answer(session, first)
    if judged.is_preview and not is_look:  # more may have come in since it was recorded
        with suppress(IdempotencyKeyReused):
            if (first := scan_records.find_earlier(session, request, login)) is not None:
                return scan_answers.first_answer(session, first)
    agreement = _agreement_asked(request, login, row, decision, now, session)
    if judged.is_preview:
        is_named = scan_answers.named(known, decision) is None or _may_name(request, login, session, now)
    else:
        is_named = True
        new = scan_records.new_scan(session, request, login, known, decision, age, judged.at, now)
        agreed = request.supervisor if decision.verdict == "admit" else None
        new = scan_records.with_supervisor(new, agreed, row)
        if not scan_records.store_locked(session, new, known, decision, now):
            first = scan_records.find_earlier(session, request, login)
            assert first is not None
            return scan_answers.first_answer(session, first)
        if agreed is not None:
            _note_override(session, new, known, now, agreed.proof)
    if decision.verdict == "unknown_pass" and request.token is None:
        number_tries.record(session, request.gate, request.direction, now)
    result = _answer(request, known, judged, is_named=is_named).model_copy(update=agreement)
    if judged.is_preview and result.applicant is not None:
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


def _judge(
    request: ScanPass,
    found: FoundPass | Verdict,
    knowledge: Knowledge,
    now: datetime,
    settings: VerifySettings,
) -> _Judged:
    """Decide a scan of what was found; store nothing.

    Raises:
        InvalidInput: no such gate (``unknown_gate``), or an impossible count.
    """
    at, is_preview = time_of_scan(request.scanned_at, now), _is_look(request)
    if request.direction == "entry":  # an exit is never refused, also at a gate that was just removed
        require_existing(request.gate, knowledge.gates)
    code_at = time_of_code(at, now, confirms=not is_preview)
    decision = _decide(request, found, at, code_at, knowledge, settings)
    if not isinstance(found, str) and _asks(request, found, at):
        is_preview, decision = True, replace(decision, inside=found.standing.inside)
    return _Judged(at, decision, is_preview, list_age_s(knowledge.complete_at, now))


def _decide(
    request: ScanPass,
    found: FoundPass | Verdict,
    at: datetime,
    code_at: datetime,
    knowledge: Knowledge,
    settings: VerifySettings,
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
    if not_issued.is_overdue(found.row, knowledge.complete_at, settings.not_issued_after):
        return Decision("unknown_pass", inside=found.standing.inside_at(at))
    identified, marks = identify(request, found, settings.commitment_master.get_secret_value())
    overrides = request.supervisor.overrides if request.supervisor is not None else ()
    code = found.fresh_until, request.id_check is None or isinstance(request.id_check, Matched), code_at
    attempt = Attempt(request.gate, at, request.count, identified, marks, overrides, *code)
    return decide_entry(found.standing, attempt)


def _asks(request: ScanPass, found: FoundPass, at: datetime) -> bool:
    """Return whether an exit is only looked at: the officer says first how many leave."""
    if request.direction == "entry" or not request.ask_count:
        return False
    return asks_how_many(found.standing, Attempt(request.gate, at, request.count))


def _is_look(request: ScanPass) -> bool:
    """Return whether an entry is only looked at: no ID is checked yet."""
    return request.direction == "entry" and request.id_check is None


def _answer(
    request: ScanPass, found: FoundPass | None, judged: _Judged, *, is_named: bool = True
) -> ScanResult:
    return scan_answers.answer(
        found,
        judged.decision,
        judged.list_age_s,
        judged.at,
        direction=request.direction,
        preview=judged.is_preview,
        is_named=is_named,
    )


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


def _check_supervisor(request: ScanPass, call: Call, db: Database, now: datetime) -> None:
    refusal = supervisors.check(request, call, db, now)
    if refusal is not None:
        SUPERVISORS_REFUSED.labels(refusal.body.code).inc()
        log.warning("supervisor refused", code=refusal.body.code, gate=request.gate)
        raise refusal


def _count(request: ScanPass, result: ScanResult) -> None:
    """Count a scan that is recorded, a repeated answer, too; or a preview."""
    if result.preview:
        PREVIEWS.labels(*_place(request), result.verdict).inc()
    else:
        SCANS.labels(*_place(request), request.direction, result.verdict).inc()


def _place(request: ScanPass) -> tuple[str, str]:
    """Return the labels of site and gate."""
    return site_of(request.gate), gate_label(request.gate)
