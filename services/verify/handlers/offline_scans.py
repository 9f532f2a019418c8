"""Scans of a gate that was without a network: each is a fact, and is recorded with the gate's own verdict.

All that a gate sends goes into one transaction, under the locks of its passes. Each scan takes its place
among the movements of its pass (`domain/ledger.py`), and the state of the pass is what they come to. A scan
that cannot be taken hurts no other. The nonce makes a repeat safe, as online.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from contracts.crockford import parse_pass_number
from contracts.errors import Forbidden, InvalidInput, Unavailable
from contracts.events import ContradictingScan, GateConflictFound
from contracts.model import IST, ConflictKind, Direction, Verdict, site_of
from contracts.rpc.call import Call, Nothing
from contracts.rpc.verify import (
    IncidentScan,
    Matched,
    OfflinePolicy,
    OfflineScan,
    ScanPass,
    SyncedScan,
    SyncedScans,
    SyncScans,
    UnreadScan,
)
from contracts.tokens import PassClaims
from services.chassis.audit import record
from services.chassis.db import bulk, deferred_writes, locks
from services.chassis.messaging import outbox
from services.chassis.runtime.logs import logger
from services.chassis.tokens.verification import TokenRefused
from services.verify.adapters import pass_token, signing_keys
from services.verify.domain.ledger import KINDS, Contradiction, Ledger, Movement
from services.verify.domain.passes import Terms
from services.verify.domain.verdicts import (
    CLOCK_TOLERANCE,
    DESPITE,
    OVERRIDABLE,
    Attempt,
    Decision,
    decide_entry,
    set_aside,
    time_of_offline_scan,
)
from services.verify.handlers import (
    incidents,
    manifests,
    not_issued,
    number_tries,
    pass_lookup,
    presence,
    scan_records,
    scans,
    supervisors,
)
from services.verify.handlers.authorization import require_gate_login
from services.verify.handlers.pass_lookup import FoundPass, Nonce
from services.verify.handlers.scan_records import Scan
from services.verify.models import PassRow, ScanRow

log = logger(__name__)
OFFLINE, CONFLICT, RECOUNTED = "offline", "conflict", "recounted"
AGAIN = "/offline"
"""Ends the nonce of what a gate did after the answer to the same scan online was lost.

Where both let the party in and only the counts differ, that record is marked `RECOUNTED`, and its count is
how many more came in than the first one says, or fewer.
"""
_LEAVES: frozenset[Verdict] = frozenset({"exit", "wrong_site", "unknown_pass", "bad_signature"})
"""Verdicts on an attempt to leave."""


@dataclass(frozen=True)
class Synced:
    """The answer to a gate, and what was found: the kind of each conflict.

    ``deferred``: how many scans wait, because too many numbers were unknown.
    ``unproven``: how many entries need a supervisor's agreement that nobody has proven.
    """

    answer: SyncedScans
    conflicts: tuple[ConflictKind, ...]
    unproven: int = 0
    deferred: int = 0


@dataclass(frozen=True)
class _Read:
    """A scan that was read: what was scanned, and the problem that keeps it from being recorded."""

    nonce: str
    scan: OfflineScan | None = None
    number: str | None = None
    claims: PassClaims | None = None
    problem: str | None = None


@dataclass(frozen=True)
class _Rules:
    commitment_master: str
    not_issued_after: timedelta
    complete_at: datetime | None
    policy: OfflinePolicy


@dataclass
class _Batch:
    """What the scans of one request come to.

    Of ``source`` unknown numbers are counted; ``tries_left`` more of them are taken.
    """

    session: Session
    login: str
    source: str
    now: datetime
    tries_left: int
    rows: dict[str, PassRow]
    ledgers: dict[str, Ledger]
    earlier: dict[Nonce, ScanRow | Scan]
    """The scan in which a login has used a nonce."""
    made: list[Scan] = field(default_factory=list)
    changed: dict[str, PassRow] = field(default_factory=dict)
    conflicts: list[ConflictKind] = field(default_factory=list)
    unproven: int = 0
    deferred: int = 0


def sync(
    request: SyncScans,
    call: Call,
    session: Session,
    now: datetime,
    *,
    issuer: str,
    commitment_master: str,
    not_issued_after: timedelta,
    offline_then: str,
) -> Synced:
    """Record the scans of a gate that was without a network, in their order; a repeat changes nothing.

    Args:
        request: the gate and its scans.
        call: has the login of the officer.
        session: the transaction.
        now: the time of the server.
        issuer: the ``iss`` of genuine pass tokens.
        commitment_master: the key of ID commitments.
        not_issued_after: for how long a pass is believed that is known by its token alone.
        offline_then: what a gate does with a list that is too old, where its site has no rule.

    Raises:
        Forbidden: the login does not stand at this gate.
        Unavailable: another request has used one of the nonces at this moment.
    """
    login = require_gate_login(call.principal, request.gate)
    read = [_read(one, call, session, issuer) for one in request.scans]
    locks.lock(session, f"offline scans of {login}")
    source = call.principal.gate_device or login
    tries_left, wait = number_tries.SENT_LIMIT, 1
    if any(one.scan is not None and one.scan.token is None for one in read):
        locks.lock(session, f"unknown numbers of {source}")
        tries_left, wait = number_tries.count_sent(session, source, now)
    rows = _lock_passes(session, read, now)
    earlier = _earlier_scans(session, login, read, now)
    batch = _Batch(session, login, source, now, tries_left, rows, _ledgers(session, rows), earlier)
    site = site_of(request.gate)
    knowledge = pass_lookup.knowledge_of(session, site, now)
    policy = manifests.offline_policy(session, site, offline_then)
    rules = _Rules(commitment_master, not_issued_after, knowledge.complete_at, policy)
    items = tuple(_take(one, batch, rules) for one in read)
    _store(batch)
    _note_refused(items, request, batch)
    record.note_object(request.gate)
    record.add_done(session, Nothing())
    answer = SyncedScans(items=items, retry_after=wait if batch.deferred else None)
    return Synced(answer, tuple(batch.conflicts), batch.unproven, batch.deferred)


def ledger_of(session: Session, row: PassRow) -> Ledger | None:
    """Return the movements of a locked pass; None where its terms are not known."""
    return _ledgers(session, {row.number: row}).get(row.number)


def publish_conflict(
    session: Session, contradiction: Contradiction, site: str, row: PassRow | None, now: datetime
) -> None:
    """Publish that more persons came in than the pass allowed."""
    event = GateConflictFound(
        pass_number=row.number if row is not None else None,
        application_id=row.application_id if row is not None else None,
        reference=row.reference if row is not None else None,
        site=site,
        kind=contradiction.kind,
        scans=tuple(
            ContradictingScan(
                scan_id=one.scan, gate=one.gate, scanned_at=one.at, count=one.count, offline=one.offline
            )
            for one in contradiction.movements
        ),
        exposure=contradiction.exposure,
    )
    outbox.add(session, event, at=now)
    incidents.add(
        session,
        "conflict",
        contradiction.movements[-1].gate,
        now,
        site=site,
        detail=event.kind,
        pass_number=event.pass_number,
        reference=event.reference,
        exposure=event.exposure,
        involved=sorted({login for one in contradiction.movements for login in one.logins}),
        scans=[
            IncidentScan(gate=one.gate, scanned_at=one.scanned_at, count=one.count, offline=one.offline)
            for one in event.scans
        ],
    )


def _note_refused(items: Iterable[SyncedScan], request: SyncScans, batch: _Batch) -> None:
    """Add an incident for each scan that was refused for good: no other trace of it is left."""
    for given, item in zip(request.scans, items, strict=True):
        named = given.offline.login if isinstance(given, OfflineScan) else None
        if item.problem is not None:
            incidents.add(
                batch.session,
                "refused",
                request.gate,
                batch.now,
                incident_id=incidents.refused_id(batch.login, item.nonce, item.problem),
                login=batch.login,
                involved=[named] if named is not None else [],
                detail=item.problem,
            )


def _read(given: OfflineScan | UnreadScan, call: Call, session: Session, issuer: str) -> _Read:
    """Return a scan with the pass that its token or number names, or with its problem."""
    if isinstance(given, UnreadScan):
        return _Read(given.nonce, problem="invalid_input")
    try:
        return _read_pass(given, call, session, issuer)
    except Forbidden:
        return _Read(given.nonce, problem="not_your_gate")
    except InvalidInput as error:
        return _Read(given.nonce, problem=error.body.code)


def _read_pass(given: OfflineScan, call: Call, session: Session, issuer: str) -> _Read:
    """Return a scan with its pass; without one where the token is not genuine or the number is none.

    Raises:
        Forbidden: the login does not stand at the gate of the scan.
        InvalidInput: its form is wrong, or its token cannot be read and nobody came in with it.
    """
    require_gate_login(call.principal, given.gate)
    scan = cast(OfflineScan, scans.validate(given))
    verdict = scan.offline.verdict
    if (verdict not in _LEAVES) if scan.direction == "exit" else (verdict == "exit"):
        raise InvalidInput("a verdict of the other direction", code="verdict_of_other_direction")
    if scan.token is None:
        try:
            return _Read(scan.nonce, scan, parse_pass_number(scan.pass_number or ""))
        except ValueError:
            return _Read(scan.nonce, scan)
    token = scan.token.strip()
    try:
        claims = pass_token.read(token, lambda kid: signing_keys.find(session, kid), issuer)
    except TokenRefused as refused:
        if not _moves(verdict) and not pass_token.is_forged(token, refused, issuer):
            raise InvalidInput("the token cannot be read", code=pass_lookup.UNREADABLE) from None
        return _Read(scan.nonce, scan)
    return _Read(scan.nonce, scan, claims.jti, claims)


def _lock_passes(session: Session, read: Iterable[_Read], now: datetime) -> dict[str, PassRow]:
    """Lock the passes that were scanned, in the order of their numbers; create those known by a token alone.

    A pass of which only the revocation is known gets its terms from the token.
    """
    claims = {one.number: one.claims for one in read if one.number is not None}
    claims |= {one.number: one.claims for one in read if one.number is not None and one.claims is not None}
    query = (
        select(PassRow).where(PassRow.number.in_(claims)).order_by(PassRow.number).with_for_update(of=PassRow)
    )
    rows = {row.number: row for row in session.scalars(query)} if claims else {}
    new = [one for number, one in sorted(claims.items()) if number not in rows and one is not None]
    if new:
        for one in new:
            pass_lookup.insert_row(session, one, now)
        rows = {row.number: row for row in session.scalars(query)}
    for number, row in rows.items():
        known = claims[number]
        if row.terms is None and known is not None:
            terms = pass_lookup.terms_of(known)
            row.site, row.gate, row.party, row.entries = terms.site, terms.gate, terms.party, terms.entries
            row.valid_from, row.valid_to = terms.valid_from, terms.valid_to
            row.further_days = list(terms.further_days)
    session.flush()
    return rows


def _ledgers(session: Session, rows: dict[str, PassRow]) -> dict[str, Ledger]:
    """Return the movements of each pass since the morning of its first day; see `_first_morning`."""
    terms = {number: found for number, row in rows.items() if (found := row.terms) is not None}
    if not terms:
        return {}
    mornings = {number: _first_morning(rows[number], one) for number, one in terms.items()}
    known: dict[str, dict[Nonce, Movement]] = defaultdict(dict)
    query = (
        select(ScanRow)
        .where(
            ScanRow.pass_number.in_(terms),
            ScanRow.verdict.in_(("admit", "exit")),
            ScanRow.recorded_at >= min(mornings.values()) - timedelta(hours=1),
        )
        .order_by(ScanRow.scanned_at, ScanRow.recorded_at, ScanRow.position)
    )
    scans = [one for one in session.scalars(query) if one.scanned_at >= mornings[str(one.pass_number)]]
    for scan in scans:
        if RECOUNTED not in scan.marks:
            known[str(scan.pass_number)][scan.scanned_by, scan.nonce] = _movement(scan)
    for scan in scans:  # a recount may be sorted before its first scan: clocks of replicas differ
        if RECOUNTED not in scan.marks:
            continue
        movements, of = known[str(scan.pass_number)], (scan.scanned_by, scan.nonce.removesuffix(AGAIN))
        if of not in movements:
            log.warning("recount without its first scan", scan=str(scan.id))
            continue
        movements[of] = replace(movements[of], count=movements[of].count + scan.count)
    ledgers = {}
    for number, one in terms.items():
        row, all_of_pass = rows[number], list(known[number].values())
        let_in = sum(movement.count for movement in all_of_pass if movement.direction == "entry")
        ledgers[number] = Ledger(one, all_of_pass, max(row.admitted - let_in, 0), row.revoked_at)
    return ledgers


def _first_morning(row: PassRow, terms: Terms) -> datetime:
    """Return from when on the movements of a pass are gone through.

    A day that was closed may be before the first. Somebody may have come in on it, before it was closed or by
    a supervisor. Whoever is inside came in on a day that is gone through, too.
    """
    start = terms.window_of(min((0, *terms.closed_days))).start
    start = min(start, row.inside_since or start).astimezone(IST)
    return start.replace(hour=0, minute=0, second=0, microsecond=0)


def _movement(scan: ScanRow | Scan) -> Movement:
    is_online = OFFLINE not in scan.marks and "assumed_left" not in scan.marks
    return Movement(
        scan.id,
        scan.gate,
        scan.scanned_at,
        cast(Direction, scan.direction),
        scan.count,
        offline=OFFLINE in scan.marks,
        assumed="assumed_left" in scan.marks,
        uncounted=scan_records.ALL in scan.marks,
        overrides=_overrides(scan),
        recorded_at=scan.recorded_at if is_online else None,
        logins=_logins(scan),
    )


def _overrides(scan: ScanRow | Scan) -> tuple[Verdict, ...]:
    """Return the refusals that a supervisor has set aside; none where nobody has proven that."""
    return () if scan_records.UNPROVEN in scan.marks else set_aside(scan.marks)


def _logins(scan: ScanRow | Scan) -> tuple[str, ...]:
    return (scan.scanned_by,) if scan.sent_by is None else (scan.scanned_by, scan.sent_by)


def _earlier_scans(
    session: Session, login: str, read: Iterable[_Read], now: datetime
) -> dict[Nonce, ScanRow | Scan]:
    """Return the scans in which the logins of these scans have used their nonces."""
    nonces = [
        (one.scan.offline.login or login, one.nonce + end)
        for one in read
        if one.scan is not None
        for end in ("", AGAIN)
    ]
    query = (
        select(ScanRow)
        .where(
            tuple_(ScanRow.scanned_by, ScanRow.nonce).in_(nonces),
            ScanRow.recorded_at > now - scan_records.NONCES_STAY,
        )
        .order_by(ScanRow.recorded_at)
    )
    return {(scan.scanned_by, scan.nonce): scan for scan in session.scalars(query)}


def _take(one: _Read, batch: _Batch, rules: _Rules) -> SyncedScan:
    """Return what became of a scan.

    One by number waits once too many of them were unknown, whatever its own number is: else the answer would
    tell which numbers exist. It waits and is not refused, since people have passed the gate.
    """
    scan = one.scan
    if scan is None:
        return SyncedScan(nonce=one.nonce, problem=one.problem)
    plain = ScanPass.model_validate(scan.model_dump(exclude={"offline", "supervisor"}, exclude_unset=True))
    digest = scan_records.digest_of(batch.session, plain)
    first = batch.earlier.get((scan.offline.login or batch.login, one.nonce))
    is_repeat = first is not None and first.body_hmac == digest
    if scan.token is None and batch.tries_left <= 0 and not is_repeat:
        batch.deferred += 1
        return SyncedScan(nonce=one.nonce)
    if scan.token is None and first is not None and first.pass_number is None and not is_repeat:
        return SyncedScan(nonce=one.nonce, problem="nonce_reused")  # whether there is such a number or not
    return _record(one, scan, plain, digest, batch, rules)


def _record(
    one: _Read, scan: OfflineScan, plain: ScanPass, digest: str, batch: _Batch, rules: _Rules
) -> SyncedScan:
    """Record one scan, unless it was recorded before, and return what became of it.

    ``plain`` is the scan as it would be online, with its digest.
    """
    login, nonce = scan.offline.login or batch.login, one.nonce
    number = one.number if one.number in batch.ledgers else None
    elsewhere = batch.rows[number] if number is not None and _is_of_other_site(one, batch) else None
    number = None if elsewhere is not None else number
    first = batch.earlier.get((login, nonce))
    if first is not None and OFFLINE not in first.marks:
        if (first.pass_number, first.direction) != (number, scan.direction):
            return SyncedScan(nonce=one.nonce, problem="nonce_reused")
        nonce += AGAIN  # online it was decided otherwise, and nobody at the gate has heard of it
        again = batch.earlier.get((login, nonce))
        if _moves(cast(Verdict, first.verdict)) != _moves(scan.offline.verdict):
            first = again
        elif number is None or not _is_miscounted(first, scan):
            return _answer(one, again or first)
        elif again is None and _is_counted_by_same(first, scan, batch):
            found = FoundPass(number, batch.rows[number], one.claims)
            recounted = plain.model_copy(update={"nonce": nonce})
            first = _recount(first, scan, recounted, digest, found, batch, rules)
        else:
            first = again or first
    if first is not None:
        is_repeat = first.body_hmac == digest and first.verdict == scan.offline.verdict
        return _answer(one, first) if is_repeat else SyncedScan(nonce=one.nonce, problem="nonce_reused")
    try:
        at = time_of_offline_scan(scan.scanned_at, batch.now)
    except InvalidInput as error:
        return SyncedScan(nonce=one.nonce, problem=error.body.code)
    row = batch.rows[number] if number is not None else None
    new = scan_records.new_scan(
        batch.session,
        plain.model_copy(update={"nonce": nonce}),
        login,
        FoundPass(row.number, row, one.claims) if row is not None else None,
        Decision(scan.offline.verdict),
        scan.offline.list_age_s,
        at,
        batch.now,
    )
    sent_by = batch.login if login != batch.login else None
    new = _with_circumstances(replace(new, body_hmac=digest, sent_by=sent_by), scan, batch)
    new, problem = _with_problem(new, scan, row, batch, rules.policy)
    if row is not None:
        scan_records.note_id(row, new, new.scanned_at)
        batch.changed[row.number] = row
    made = (
        _happen(new, scan, FoundPass(row.number, row, one.claims), batch, rules)
        if row
        else _stray(new, scan.count or 1, elsewhere, batch)
    )
    batch.made.append(made)
    if number is None and elsewhere is None and scan.token is None:
        number_tries.record(batch.session, batch.source, number_tries.SENT, batch.now)
        batch.tries_left -= 1
    _note_override(made, scan, row, problem, batch)
    batch.earlier[login, nonce] = made
    return _answer(one, made)


def _note_override(
    made: Scan, scan: OfflineScan, row: PassRow | None, problem: str | None, batch: _Batch
) -> None:
    """Add the incident of an entry to which a supervisor has agreed, or should have."""
    if made.supervisor is None and scan_records.UNPROVEN not in made.marks:
        return
    agreed = scan.offline.supervisor
    proof = agreed.proof if agreed is not None else None
    reference = row.reference if row is not None else None
    scan_records.add_override(batch.session, made, reference, batch.now, proof, problem)


def _is_miscounted(first: ScanRow | Scan, scan: OfflineScan) -> bool:
    """Return whether more or fewer came in at a gate than were recorded online, of which it heard nothing."""
    return scan.offline.verdict == "admit" and scan.count is not None and scan.count != first.count


def _is_counted_by_same(first: ScanRow | Scan, scan: OfflineScan, batch: _Batch) -> bool:
    """Return whether who recorded an entry online says at its gate, of the same time, how many came in.

    The app sends the request whose answer was lost, with its time. Of another login's entry nobody says that.
    """
    apart = abs(scan.scanned_at - (first.claimed_at or first.scanned_at))
    is_same = (first.gate, first.scanned_by) == (scan.gate, batch.login)
    return is_same and apart <= CLOCK_TOLERANCE


def _recount(
    first: ScanRow | Scan,
    scan: OfflineScan,
    again: ScanPass,
    digest: str,
    found: FoundPass,
    batch: _Batch,
    rules: _Rules,
) -> Scan:
    """Record how many the gate let in on an entry whose answer was lost: nobody else has seen them.

    A record never changes, so the one that is returned has the difference, under the nonce of ``again``. Its
    event has the whole count. Each is an incident. Whoever came in beyond the first count is held against the
    rules as any entry without a network.
    """
    row = batch.rows[found.number]
    ledger, counted = batch.ledgers[row.number], cast(int, scan.count)
    more, surplus = counted - first.count, ledger.now.surplus
    contradictions = ledger.recount(first.id, counted)
    refusal, marks = _refusal(scan, found, row, rules)
    if refusal is not None and more > 0:
        entry = replace(_movement(first), count=counted)
        contradictions = (Contradiction(KINDS[refusal], more, (entry,)),)
    no_entry = ("no_entry",) if ledger.now.surplus > surplus else ()
    _close(row, ledger, batch)
    _update(row, ledger)
    batch.changed[row.number] = row
    age, at = scan.offline.list_age_s, first.scanned_at
    decision = Decision("admit", more, row.inside, (*marks, *no_entry))
    new = scan_records.new_scan(batch.session, again, batch.login, found, decision, age, at, batch.now)
    dated = scan.model_copy(update={"scanned_at": at})
    made, problem = _with_circumstances(replace(new, body_hmac=digest), dated, batch), None
    if more > 0:
        made, problem = _with_problem(made, scan, row, batch, rules.policy)
    made = replace(made, marks=[*made.marks, RECOUNTED, *([CONFLICT] if contradictions else [])])
    for contradiction in contradictions:
        _publish(contradiction, made.site, row, batch)
    whole = replace(made, count=counted)
    if made.published:
        outbox.add(batch.session, scan_records.pass_scanned(whole, row), at=batch.now)
    _note_override(whole, scan, row, problem, batch)
    incidents.add(
        batch.session,
        "recounted",
        made.gate,
        batch.now,
        detail="more_came" if more > 0 else "fewer_came",
        pass_number=row.number,
        reference=row.reference,
        login=batch.login,
        scans=[
            IncidentScan(gate=first.gate, scanned_at=at, count=first.count),
            IncidentScan(gate=made.gate, scanned_at=at, count=counted, offline=True),
        ],
    )
    made = replace(made, published=True)  # where it is not, the event of the first one comes late, and alone
    batch.made.append(made)
    batch.earlier[batch.login, again.nonce] = made
    return made


def _moves(verdict: Verdict) -> bool:
    return Decision(verdict).moves


def _answer(one: _Read, scan: ScanRow | Scan) -> SyncedScan:
    return SyncedScan(
        nonce=one.nonce, verdict=cast(Verdict, scan.verdict), recorded=True, conflict=CONFLICT in scan.marks
    )


def _with_circumstances(new: Scan, scan: OfflineScan, batch: _Batch) -> Scan:
    """Return a scan with what is special about it: its gate was offline, and who helped."""
    marks = [*new.marks, OFFLINE]
    if new.scanned_at != scan.scanned_at:
        marks.append("clock_off")
    if new.sent_by is not None:
        marks.append("sent_by_other")
    if scan.offline.verdict == "admit" and scan.id_check is None:
        marks.append("id_unchecked")
    agreed = scan.offline.supervisor if scan.offline.verdict == "admit" else None
    if agreed is not None:
        marks += [DESPITE + one for one in sorted(OVERRIDABLE.intersection(agreed.overrides))]
    made = scan_records.with_supervisor(replace(new, marks=marks), agreed)
    if agreed is not None and not supervisors.is_proven(scan, new.scanned_by, batch.session):
        return _as_unproven(made, batch)
    return made


def _as_unproven(new: Scan, batch: _Batch) -> Scan:
    batch.unproven += 1
    return replace(new, marks=[*new.marks, scan_records.UNPROVEN])


def _with_problem(
    new: Scan, scan: OfflineScan, row: PassRow | None, batch: _Batch, policy: OfflinePolicy
) -> tuple[Scan, str | None]:
    """Return a scan with the mark of its problem, and the problem."""
    problem = _problem(new, scan, row, batch, policy)
    if problem is not None and scan_records.UNPROVEN not in new.marks:
        new = _as_unproven(new, batch)
    return new, problem


def _problem(
    new: Scan, scan: OfflineScan, row: PassRow | None, batch: _Batch, policy: OfflinePolicy
) -> str | None:
    """Return why a gate should have let nobody in as it did: its list was too old, or nobody else agreed.

    Who scanned is the claim of whoever sends it, so the supervisor is neither of the two. A gate that was
    offline before the site had a supervisor with a PIN, or another rule, has done nothing wrong; its few
    scans are looked at all the same.
    """
    if new.verdict != "admit":
        return None
    agreed = scan.offline.supervisor
    if agreed is not None and agreed.login_id in {new.scanned_by, batch.login}:
        return supervisors.OWN_SCAN
    if row is None:
        return None
    is_missing, age = scan.offline.supervisor is None, scan.offline.list_age_s
    is_too_old = age is None or age > policy.amber_s
    if is_too_old and (is_missing or age is None or policy.then == "refuse"):
        return scan_records.LIST_TOO_OLD
    is_needed = is_missing and supervisors.may_need(scan, row, new.scanned_at, is_late=True)
    if is_needed and supervisors.are_demanded(batch.session, new.site):
        return scan_records.MISSING
    return None


def _is_of_other_site(one: _Read, batch: _Batch) -> bool:
    """Return whether a gate counted people in or out with the pass of another site, whose state stays."""
    scan, row = one.scan, batch.rows.get(one.number or "")
    if scan is None or row is None:
        return False
    return row.site != site_of(scan.gate) and _moves(scan.offline.verdict)


def _stray(new: Scan, count: int, elsewhere: PassRow | None, batch: _Batch) -> Scan:
    """Return the scan of what is no pass here. If the gate let somebody in with it, that is a conflict.

    ``elsewhere`` is the pass of another site, of which this gate changes nothing.
    """
    if new.verdict != "admit":
        return new
    made = replace(new, count=count, marks=[*new.marks, CONFLICT])
    movement = Movement(
        made.id, made.gate, made.scanned_at, "entry", made.count, offline=True, logins=_logins(made)
    )
    kind: ConflictKind = "unknown" if elsewhere is None else "wrong_place"
    _publish(Contradiction(kind, made.count, (movement,)), made.site, elsewhere, batch)
    return made


def _happen(new: Scan, scan: OfflineScan, found: FoundPass, batch: _Batch, rules: _Rules) -> Scan:
    """Return the scan of a pass with what it comes to, and change the row of the pass."""
    row = batch.rows[found.number]
    made = replace(new, inside=row.inside)
    if _moves(new.verdict):
        made = _move(new, scan, found, row, batch.ledgers[found.number], batch, rules)
    if made.published:
        outbox.add(batch.session, scan_records.pass_scanned(made, row), at=batch.now)
    return made


def _move(
    new: Scan,
    scan: OfflineScan,
    found: FoundPass,
    row: PassRow,
    ledger: Ledger,
    batch: _Batch,
    rules: _Rules,
) -> Scan:
    """Add a movement to those of its pass; return its scan."""
    movement = Movement(
        new.id,
        new.gate,
        new.scanned_at,
        scan.direction,
        0,
        offline=True,
        overrides=_overrides(new),
        logins=_logins(new),
    )
    before = ledger.before(new.scanned_at)
    marks: tuple[str, ...] = ()
    if scan.direction == "entry":
        attempt = Attempt(new.gate, new.scanned_at, overrides=movement.overrides)
        room = decide_entry(before, attempt).count
        party = before.terms.party if before.terms is not None else 1
        refusal, marks = _refusal(scan, found, row, rules)
        movement = replace(movement, count=scan.count or room or party, refusal=refusal)
    else:
        count = scan.count or max(before.inside, 1)
        movement = replace(movement, count=count, uncounted=scan.count is None)
    added = ledger.add(movement)
    if scan.direction == "exit":
        marks = tuple(mark for mark in added.decision.marks if mark != "no_entry")
        marks += ("no_entry",) if added.has_surplus else ()
    _close(row, ledger, batch)
    _update(row, ledger)
    batch.changed[row.number] = row
    for contradiction in added.contradictions:
        _publish(contradiction, new.site, row, batch)
    return replace(
        new,
        count=movement.count,
        inside=row.inside,
        marks=[*marks, *new.marks, *([CONFLICT] if added.contradictions else [])],
    )


def _close(row: PassRow, ledger: Ledger, batch: _Batch) -> None:
    """Record the exits that are missing of those who were presumed gone when somebody came in again."""
    for closing in list(ledger.now.closings):
        gone = presence.presumed_exit(row, closing.gate, closing.count, closing.at, batch.now)
        ledger.add(Movement(gone.id, gone.gate, gone.scanned_at, "exit", gone.count, assumed=True))
        batch.made.append(gone)
        if gone.published:
            outbox.add(batch.session, scan_records.pass_scanned(gone, row), at=batch.now)


def _refusal(
    scan: OfflineScan, found: FoundPass, row: PassRow, rules: _Rules
) -> tuple[Verdict | None, tuple[str, ...]]:
    """Return why nobody should have come in whatever the state of the pass, and marks of the ID check.

    Of erased people nothing is left with which an ID could be compared.
    """
    if not_issued.is_overdue(row, rules.complete_at, rules.not_issued_after):
        return "unknown_pass", ()
    identified, marks = scans.identify(scan, found, rules.commitment_master)
    is_other = isinstance(scan.id_check, Matched) and row.id_commitments and not identified
    return "id_mismatch" if is_other else None, marks


def _update(row: PassRow, ledger: Ledger) -> None:
    """Make the row of a pass what its movements come to."""
    standing = ledger.now.standing
    row.admitted, row.day, row.admitted_before = standing.admitted, standing.day, standing.admitted_before
    row.inside, row.presumed_gone_at = standing.inside, standing.presumed_gone_at
    row.last_gate = ledger.now.last_gate or row.last_gate
    row.inside_since = ledger.now.inside_since
    row.inside_site = row.site if standing.inside > 0 else None


def _publish(contradiction: Contradiction, site: str, row: PassRow | None, batch: _Batch) -> None:
    publish_conflict(batch.session, contradiction, site, row, batch.now)
    batch.conflicts.append(contradiction.kind)


def _store(batch: _Batch) -> None:
    """Store the scans and the rows of their passes.

    Raises:
        Unavailable: another request has used one of the nonces at this moment; nothing is stored.
    """
    if not batch.made:
        return
    made: Sequence[Scan] = sorted(batch.made, key=lambda scan: (scan.scanned_by, scan.nonce))
    scan_table, pass_table = (model.metadata.tables[model.__tablename__] for model in (ScanRow, PassRow))
    stored = bulk.insert_rows(batch.session, scan_table, [vars(one) for one in made])
    if stored != len(made):
        raise Unavailable("one of these scans is being recorded")
    deferred_writes.update_from(
        batch.session, pass_table, scan_records.PRESENCE, list(batch.changed.values())
    )
