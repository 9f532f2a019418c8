"""What a scan of a gate that was without a network does to its pass, and what is special about it."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy.orm import Session

from contracts.model import ConflictKind, Verdict
from contracts.rpc.verify.incidents import IncidentScan
from contracts.rpc.verify.manifests import OfflinePolicy
from contracts.rpc.verify.offline_scans import OfflineScan
from contracts.rpc.verify.scans import Matched, ScanPass
from services.chassis.messaging import outbox
from services.verify.domain.ledger import KINDS, Contradiction, Ledger, Movement
from services.verify.domain.verdicts import (
    DESPITE,
    MOVING,
    OLD_CODE,
    OVERRIDABLE,
    Attempt,
    Decision,
    decide_entry,
    is_old_code,
)
from services.verify.handlers import (
    incidents,
    not_issued,
    pass_ledgers,
    presence,
    scan_records,
    scans,
    supervisor_rules,
    supervisors,
)
from services.verify.handlers.pass_ledgers import CONFLICT, OFFLINE, RECOUNTED
from services.verify.handlers.pass_lookup import FoundPass, Nonce
from services.verify.handlers.scan_records import Scan
from services.verify.models import PassRow, ScanRow


@dataclass(frozen=True)
class Rules:
    """What the scans of one request are judged by."""

    commitment_master: str
    not_issued_after: timedelta
    complete_at: datetime | None
    policy: OfflinePolicy


@dataclass
class Batch:
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
    is_emptied: bool = False
    """Whether the app says for the first time that wrong PINs have made it delete its list."""
    deferred: int = 0


def with_circumstances(new: Scan, scan: OfflineScan, batch: Batch) -> Scan:
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
    row = batch.rows.get(new.pass_number or "")
    made = scan_records.with_supervisor(replace(new, marks=marks), agreed, row)
    if agreed is not None and not supervisors.is_proven(scan, new.scanned_by, batch.session):
        return _as_unproven(made, batch)
    return made


def _as_unproven(new: Scan, batch: Batch) -> Scan:
    batch.unproven += 1
    return replace(new, marks=[*new.marks, scan_records.UNPROVEN])


def with_problem(
    new: Scan, scan: OfflineScan, row: PassRow | None, batch: Batch, policy: OfflinePolicy
) -> tuple[Scan, str | None]:
    """Return a scan with the mark of its problem, and the problem."""
    problem = _problem(new, scan, row, batch, policy)
    if problem is not None and scan_records.UNPROVEN not in new.marks:
        new = _as_unproven(new, batch)
    return new, problem


def _problem(
    new: Scan, scan: OfflineScan, row: PassRow | None, batch: Batch, policy: OfflinePolicy
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
    if is_needed and supervisor_rules.are_demanded(batch.session, new.site):
        return supervisors.MISSING
    return None


def note_override(
    made: Scan, scan: OfflineScan, row: PassRow | None, problem: str | None, batch: Batch
) -> None:
    """Add the incident of an entry to which a supervisor has agreed, or should have."""
    if made.supervisor is None and scan_records.UNPROVEN not in made.marks:
        return
    agreed = scan.offline.supervisor
    proof = agreed.proof if agreed is not None else None
    reference = row.reference if row is not None else None
    scan_records.add_override(batch.session, made, reference, batch.now, proof, problem)


def recount(
    first: ScanRow | Scan,
    scan: OfflineScan,
    again: ScanPass,
    digest: str,
    found: FoundPass,
    batch: Batch,
    rules: Rules,
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
        entry = replace(pass_ledgers.movement_of(first), count=counted)
        contradictions = (Contradiction(KINDS[refusal], more, (entry,)),)
    no_entry = ("no_entry",) if ledger.now.surplus > surplus else ()
    _settle(row, ledger, batch)
    age, at = scan.offline.list_age_s, first.scanned_at
    decision = Decision("admit", more, row.inside, (*marks, *no_entry))
    new = scan_records.new_scan(batch.session, again, batch.login, found, decision, age, at, batch.now)
    dated = scan.model_copy(update={"scanned_at": at})
    made, problem = with_circumstances(replace(new, body_hmac=digest), dated, batch), None
    if more > 0:
        made, problem = with_problem(made, scan, row, batch, rules.policy)
    made = replace(made, marks=[*made.marks, RECOUNTED, *([CONFLICT] if contradictions else [])])
    for contradiction in contradictions:
        _publish(contradiction, made.site, row, batch)
    whole = replace(made, count=counted)
    if made.published:
        outbox.add(batch.session, scan_records.pass_scanned(whole, row), at=batch.now)
    note_override(whole, scan, row, problem, batch)
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


def stray(new: Scan, count: int, elsewhere: PassRow | None, batch: Batch) -> Scan:
    """Return the scan of what is no pass here. If the gate let somebody in with it, that is a conflict.

    ``elsewhere`` is the pass of another site, of which this gate changes nothing.
    """
    if new.verdict != "admit":
        return new
    made = replace(new, count=count, marks=[*new.marks, CONFLICT])
    logins = pass_ledgers.logins_of(made)
    movement = Movement(made.id, made.gate, made.scanned_at, "entry", count, offline=True, logins=logins)
    kind: ConflictKind = "unknown" if elsewhere is None else "wrong_place"
    _publish(Contradiction(kind, made.count, (movement,)), made.site, elsewhere, batch)
    return made


def take(new: Scan, scan: OfflineScan, found: FoundPass, batch: Batch, rules: Rules) -> Scan:
    """Return the scan of a pass with what it comes to, publish it, and change the row of the pass."""
    row = batch.rows[found.number]
    scan_records.note_id(row, new, new.scanned_at)
    batch.changed[row.number] = row
    made = replace(new, inside=row.inside)
    if made.verdict in MOVING:
        made = _move(made, scan, found, batch, rules)
    if made.published:
        outbox.add(batch.session, scan_records.pass_scanned(made, row), at=batch.now)
    return made


def _move(new: Scan, scan: OfflineScan, found: FoundPass, batch: Batch, rules: Rules) -> Scan:
    """Add a movement to those of its pass; return its scan."""
    row, ledger = batch.rows[found.number], batch.ledgers[found.number]
    movement = Movement(
        new.id,
        new.gate,
        new.scanned_at,
        scan.direction,
        0,
        offline=True,
        overrides=pass_ledgers.overrides_of(new),
        logins=pass_ledgers.logins_of(new),
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
    _settle(row, ledger, batch)
    for contradiction in added.contradictions:
        _publish(contradiction, new.site, row, batch)
    return replace(
        new,
        count=movement.count,
        inside=row.inside,
        marks=[*marks, *new.marks, *([CONFLICT] if added.contradictions else [])],
    )


def _settle(row: PassRow, ledger: Ledger, batch: Batch) -> None:
    """Make the row of a pass what its movements come to.

    Exits are recorded that are missing of those who were presumed gone when somebody came in again.
    """
    for closing in list(ledger.now.closings):
        gone = presence.presumed_exit(row, closing.gate, closing.count, closing.at, batch.now)
        ledger.add(Movement(gone.id, gone.gate, gone.scanned_at, "exit", gone.count, assumed=True))
        batch.made.append(gone)
        if gone.published:
            outbox.add(batch.session, scan_records.pass_scanned(gone, row), at=batch.now)
    standing = ledger.now.standing
    row.admitted, row.day, row.admitted_before = standing.admitted, standing.day, standing.admitted_before
    row.inside, row.presumed_gone_at = standing.inside, standing.presumed_gone_at
    row.last_gate = ledger.now.last_gate or row.last_gate
    row.inside_since = ledger.now.inside_since
    row.inside_site = row.site if standing.inside > 0 else None
    batch.changed[row.number] = row


def _refusal(
    scan: OfflineScan, found: FoundPass, row: PassRow, rules: Rules
) -> tuple[Verdict | None, tuple[str, ...]]:
    """Return why nobody should have come in whatever the state of the pass, and marks of the ID check.

    Of erased people nothing is left with which an ID could be compared.
    """
    if not_issued.is_overdue(row, rules.complete_at, rules.not_issued_after):
        return "unknown_pass", ()
    identified, marks = scans.identify(scan, found, rules.commitment_master)
    is_other = isinstance(scan.id_check, Matched) and row.id_commitments and not identified
    terms = found.standing.terms
    if terms is not None and is_old_code(terms, found.fresh_until, scan.scanned_at):
        is_other, marks = is_other or not isinstance(scan.id_check, Matched), (*marks, OLD_CODE)
    return "id_mismatch" if is_other else None, marks


def _publish(contradiction: Contradiction, site: str, row: PassRow | None, batch: Batch) -> None:
    pass_ledgers.publish_conflict(batch.session, contradiction, site, row, batch.now)
    batch.conflicts.append(contradiction.kind)
