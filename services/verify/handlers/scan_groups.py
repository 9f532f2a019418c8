"""Scans, one or several that came together: decided one after another, and recorded by one statement.

Nothing is locked between reading and recording. A scan is stored only if its pass has not changed since it
was read; else it goes the way of `scans.scan`, which locks its pass.

A group takes scans that are to be recorded, by the token of a pass that is known here, one of each pass. It
leaves everything else to `scans.scan`, too: a preview, an exit of which the officer says how many leave, a
typed number, what a supervisor agrees or has to agree to, a card that does not match, a repeated nonce, a
party presumed gone, whatever is wrong.

None of the scans has been answered yet, so any order of them is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from contracts.errors import Forbidden, InvalidInput
from contracts.model import site_of
from contracts.rpc.call import Call
from contracts.rpc.verify import ScanPass, ScanResult
from contracts.tokens import PassClaims
from services.chassis.messaging import outbox
from services.chassis.runtime import logs
from services.chassis.tokens.verification import TokenRefused
from services.verify.adapters import pass_token, signing_keys
from services.verify.domain.gates import list_age_s, require_existing
from services.verify.domain.verdicts import time_of_scan
from services.verify.handlers import pass_lookup, presence, scan_records, scans, supervisors
from services.verify.handlers.authorization import require_gate_login
from services.verify.handlers.pass_lookup import FoundPass, Nonce, Seen
from services.verify.models import PassRow


@dataclass(frozen=True)
class _Scan:
    request: ScanPass
    call: Call
    login: str
    claims: PassClaims

    @property
    def nonce(self) -> Nonce:
        return self.login, self.request.nonce


@dataclass(frozen=True)
class _Record:
    """What one scan adds to the transaction, and its answer."""

    row: PassRow
    scan: scan_records.Scan
    events: list[dict[str, Any]]
    answer: ScanResult


def scan_many(
    asked: Sequence[tuple[ScanPass, Call]],
    session: Session,
    now: datetime,
    *,
    issuer: str,
    commitment_master: str,
    not_issued_after: timedelta,
) -> list[ScanResult | None]:
    """Return the answer to each scan, recorded; None for one that has to be asked alone.

    The arguments are those of `scans.scan`, but for the scans, of which there are several.

    ``session`` is one of `Database.queries`.

    """
    readable = [_read(request, call, session, issuer) for request, call in asked]
    here = [scan for scan in readable if scan is not None]
    if not here:
        return [None] * len(asked)
    numbers, sites = {scan.claims.jti for scan in here}, {site_of(scan.request.gate) for scan in here}
    seen = pass_lookup.see(session, numbers, sites, {scan.nonce for scan in here}, now)
    records: list[_Record | None] = []
    for scan in readable:
        record = None
        if scan is not None and scan.nonce not in seen.used and scan.claims.jti in seen.rows:
            row = seen.rows.pop(scan.claims.jti)  # a later scan of it would rest on what is not stored yet
            record = _record(scan, row, seen, session, now, commitment_master, not_issued_after)
            seen.used.add(scan.nonce)
        records.append(record)
    made = [record for record in records if record is not None]
    stored = scan_records.record_all(
        session,
        [record.scan for record in made],
        {record.row.number: seen.versions[record.row.number] for record in made},
        [record.row for record in made if record.row in session.dirty],
        [event for record in made for event in record.events],
    )
    return [one.answer if one is not None and one.scan.id in stored else None for one in records]


def _read(request: ScanPass, call: Call, session: Session, issuer: str) -> _Scan | None:
    preview = request.direction == "entry" and request.id_check is None
    if preview or request.token is None or request.supervisor is not None:
        return None
    try:
        login = require_gate_login(call.principal, request.gate)
        checked = scans.validate(request)
        token = request.token.strip()
        claims = pass_token.read(token, lambda kid: signing_keys.find(session, kid), issuer)
    except (Forbidden, InvalidInput, TokenRefused):
        return None
    return _Scan(checked, call, login, claims)


def _record(
    scan: _Scan,
    row: PassRow,
    seen: Seen,
    session: Session,
    now: datetime,
    commitment_master: str,
    not_issued_after: timedelta,
) -> _Record | None:
    """Decide one scan and change the row of its pass; None, and nothing is changed, if it has to go alone."""
    knowledge = seen.knowledge[site_of(scan.request.gate)]
    request, found = scan.request, FoundPass(row.number, row, scan.claims)
    at = time_of_scan(request.scanned_at, now)
    try:
        if request.direction == "entry":
            require_existing(request.gate, knowledge.gates)
            if presence.is_overdue(row, at):
                return None
        if scans.asks(request, found, at):
            return None
        decision = scans.decide(
            request, found, at, commitment_master, knowledge.complete_at, not_issued_after
        )
    except InvalidInput:
        return None
    needs_more = decision.verdict == "admit" and supervisors.may_need(request, row, now)
    if needs_more or decision.verdict == "id_mismatch":
        return None
    age = list_age_s(knowledge.complete_at, now)
    new = scan_records.new_scan(session, request, scan.login, found, decision, age, at, now)
    with logs.context(correlation_id=scan.call.correlation_id, traceparent=scan.call.traceparent):
        happened = scan_records.apply(new, found, decision)
        events = [outbox.new_row(session, event, at=now) for event in happened]
    answer = scans.answer(found, decision, age, at, direction=request.direction, preview=False)
    return _Record(row, new, events, answer)
