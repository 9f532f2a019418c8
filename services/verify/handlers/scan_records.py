"""The record of a scan: its row, the party's presence, its event; and the first scan of a repeated nonce."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from contracts.errors import IdempotencyKeyReused
from contracts.events import PassScanned
from contracts.identity import mask_aadhaar
from contracts.model import Verdict, site_of
from contracts.rpc.verify.incidents import IncidentScan
from contracts.rpc.verify.scans import OtherId, ScanPass, Supervisor
from services.chassis.db import bulk, deferred_writes
from services.chassis.db.batches import delete_batch
from services.chassis.db.database import idempotency_secret_of
from services.chassis.db.deferred_writes import Form
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import body_hmac
from services.verify.domain.passes import Terms
from services.verify.domain.verdicts import DESPITE, Decision, set_aside, standing_after
from services.verify.handlers import incidents
from services.verify.handlers.pass_lookup import FoundPass
from services.verify.models import IncidentRow, NonceRow, PassRow, ScanRow

_SCANS = ScanRow.metadata.tables["scans"]
_PASSES = PassRow.metadata.tables["passes"]
PRESENCE = (
    "number",
    "inside",
    "admitted",
    "day",
    "admitted_before",
    "inside_site",
    "inside_since",
    "last_gate",
    "presumed_gone_at",
    "mismatched_at",
)
"""The number of a pass, and what `apply` changes."""
NONCES_STAY = timedelta(days=40)
"""A gate may be offline, and an event a dead letter, for 30 days."""
ALL = "all"
"""The mark of an exit that nobody counted: of everybody inside. ``count`` is how many were known then."""
SUPERVISOR, UNPROVEN = "supervisor", "unproven"
"""The marks of an entry to which a supervisor has agreed, and that nobody has typed a PIN for it."""
LIST_TOO_OLD = "list_too_old"
"""The problem of an entry that a gate without a network has decided by a list that it should not trust."""
_NOT_PUBLISHED = {"reason_masked", "conflict", SUPERVISOR, UNPROVEN, "clock_off", ALL}
"""Marks that inform officers and say nothing about the visit."""


@dataclass(frozen=True)
class Scan:
    """A scan that is to be recorded: the columns of its `ScanRow`."""

    id: UUID
    pass_number: str | None
    site: str
    gate: str
    direction: str
    verdict: Verdict
    count: int
    inside: int
    marks: list[str]
    list_age_s: int | None
    scanned_at: datetime
    claimed_at: datetime | None
    recorded_at: datetime
    scanned_by: str
    nonce: str
    body_hmac: str
    id_kind: str | None
    id_type: str | None
    reason: str | None
    published: bool
    supervisor: str | None = None
    sent_by: str | None = None


@dataclass(frozen=True)
class Changed:
    """A scan that was decided on a row of a pass, of that version, with the changed row and the event."""

    scan: Scan
    row: PassRow
    version: str
    events: list[outbox.Row]


UNCHANGED = Form(
    "passes as they were read",
    """
    seen as (
      select number, version from json_to_{record}(cast(:{rows} as json)) as given(number text, version text)
    ), unchanged as materialized (
      select number from passes join seen using (number), set_config('lock_timeout', '200ms', true)
      where passes.number = any(array(select number from seen)) and passes.xmin::text = version
      for update of passes skip locked
    ), {name} as (
      select from unchanged
    )
    """,
)
"""Locks the passes that are as they were read; the statement then waits 200 ms for a nonce at most."""
_KEYS = tuple(field.name for field in fields(Scan))
_COLUMNS = ", ".join(_SCANS.c[key].name for key in _KEYS)
_STORED = Form(
    "scans",
    f"""
    decided as (
      select * from {bulk.given_rows(_SCANS, _KEYS)}
    ), stored as (
      insert into scans ({_COLUMNS}) select {", ".join(_KEYS)} from decided
      where pass_number in (select number from unchanged) order by scanned_by, nonce returning id, pass_number
    ), {{name}} as (
      select from stored
    )
    """,  # noqa: S608  names of our own columns
)
"""Stores the scans whose passes are as they were read, nonces in one order, so that no two block each other.

A trigger leaves out a scan whose nonce was used (`NonceRow`).
"""
_NOT_IN_TIME = "55P03"
"""The SQLSTATE of a lock that was not had in time."""


def store_locked(
    session: Session, scan: Scan, found: FoundPass | None, decision: Decision, now: datetime
) -> bool:
    """Store a scan, the new presence and the event; the transaction has locked the pass.

    Return False and change nothing if the login used the nonce before.
    """
    if not bulk.insert_rows(session, _SCANS, [vars(scan)]):  # a trigger leaves it out (`NonceRow`)
        return False
    for event in apply(scan, found, decision):
        outbox.add(session, event, at=now)
    return True


def new_scan(
    session: Session,
    request: ScanPass,
    login: str,
    found: FoundPass | None,
    decision: Decision,
    list_age_s: int | None,
    at: datetime,
    now: datetime,
) -> Scan:
    """Return a scan as it is to be recorded.

    ``found`` is the pass with its row locked, or None for a forged token or an unknown number. ``at`` is when
    it happened.
    """
    row = found.row if found is not None else None
    check = request.id_check
    return Scan(
        id=uuid4(),
        pass_number=row.number if row is not None else None,
        site=site_of(request.gate),
        gate=request.gate,
        direction=request.direction,
        verdict=decision.verdict,
        count=decision.count,
        inside=decision.inside,
        marks=[*decision.marks, *([ALL] if decision.verdict == "exit" and request.count is None else [])],
        scanned_at=at,
        list_age_s=list_age_s,
        claimed_at=request.scanned_at,
        recorded_at=now,
        scanned_by=login,
        nonce=request.nonce,
        body_hmac=digest_of(session, request),
        id_kind=check.kind if check is not None else None,
        id_type=check.id_type if check is not None else None,
        reason=_words(check.reason, row) if isinstance(check, OtherId) else None,
        published=row is not None and row.application_id is not None,
    )


def with_supervisor(scan: Scan, supervisor: Supervisor | None, row: PassRow | None) -> Scan:
    """Return a scan with the supervisor who agreed to it, as they are recorded."""
    if supervisor is None:
        return scan
    said = [scan.reason, _words(supervisor.reason, row)]
    return replace(
        scan,
        marks=[*scan.marks, SUPERVISOR],
        supervisor=mask_aadhaar(supervisor.login_id)[0],
        reason=" | ".join(filter(None, said)) or None,
    )


def _words(typed: str, row: PassRow | None) -> str | None:
    """Return what somebody at a gate wrote; of a scan that comes after the erasure, nothing."""
    return None if row is not None and row.is_erased else mask_aadhaar(typed)[0]


def add_override(
    session: Session,
    scan: Scan,
    reference: str | None,
    now: datetime,
    proof: str | None,
    problem: str | None = None,
) -> None:
    """Add the incident that a supervisor has let somebody in, or that nobody knows whether one has.

    ``proof`` is what the supervisor gave. It counts for one login: if two send it at once, both are recorded,
    and the second one proves nothing. ``problem`` is why a gate without a network should have let in nobody.
    What the supervisor has set aside is the detail else.
    """
    facts: dict[str, Any] = {
        "detail": problem or " ".join(set_aside(scan.marks)) or None,
        "scans": [
            IncidentScan(
                gate=scan.gate, scanned_at=scan.scanned_at, count=scan.count, offline="offline" in scan.marks
            )
        ],
        "pass_number": scan.pass_number,
        "reference": reference,
        "login": scan.scanned_by,
        "supervisor": scan.supervisor,
        "involved": [scan.sent_by] if scan.sent_by is not None else [],
        "reason": scan.reason,
    }
    if UNPROVEN not in scan.marks:
        proven = incidents.override_id(proof) if proof is not None else uuid4()
        is_first = incidents.add(session, "override", scan.gate, now, incident_id=proven, **facts)
        if is_first or session.get_one(IncidentRow, proven).login == scan.scanned_by:
            return
    incidents.add(session, "unproven", scan.gate, now, **facts)


def apply(scan: Scan, found: FoundPass | None, decision: Decision) -> list[PassScanned]:
    """Update the presence in the row of the pass; return the event, if its application is known."""
    row = found.row if found is not None else None
    if found is None or row is None:
        return []
    note_id(row, scan, scan.recorded_at)
    if decision.moves:
        _move(row, found.standing.terms, scan, decision)
    return [pass_scanned(scan, row)] if scan.published else []


def note_id(row: PassRow, scan: Scan, came_at: datetime) -> None:
    """Note that a card did not match, until somebody comes in after it.

    ``came_at`` is when they came, if they did: of a scan online by the server's clock, of one that is sent
    later by the gate's.
    """
    if scan.verdict == "id_mismatch":
        at = min(scan.scanned_at, scan.recorded_at)
        row.mismatched_at = max(at, row.mismatched_at or at)
    elif scan.verdict == "admit" and row.mismatched_at is not None and came_at >= row.mismatched_at:
        row.mismatched_at = None


def change(
    session: Session, scan: Scan, found: FoundPass, version: str, decision: Decision, now: datetime
) -> Changed:
    """Change the row of a pass as `apply`, and return what is to be stored with it.

    ``version`` is that of the row on which the decision rests.
    """
    assert found.row is not None
    events = [outbox.new_row(session, event, at=now) for event in apply(scan, found, decision)]
    return Changed(scan, found.row, version, events)


def store_if_unchanged(session: Session, records: Sequence[Changed]) -> set[UUID]:
    """Store scans of different passes, each with all that comes of it; return the ids of those stored.

    A scan is left out if another transaction has changed its pass since the decision, or locks it now, or
    has used its nonce. All are left out if another one has not let go of a nonce in time.

    One statement does it, in a session of `Database.queries`, which has no transaction around its statements.
    Its parts, in their order: ``seen`` (the versions that were read), ``unchanged`` (locks the passes that
    still have them), ``stored`` (inserts their scans; a trigger leaves out a used nonce), the presence in the
    passes of what was stored, the numbers and the rows of its events, and the ids of ``stored``.
    """
    if not records:
        return set()
    for one in records:
        deferred_writes.add(session, UNCHANGED, {"number": one.row.number, "version": one.version})
        deferred_writes.add(session, _STORED, vars(one.scan))
    changed = [one.row for one in records if one.row in session.dirty]
    deferred_writes.update_from(
        session, _PASSES, PRESENCE, changed, only="passes.number in (select pass_number from stored)"
    )
    events = [event for one in records for event in one.events]
    outbox.add_rows(session, events, only="data->>'scan_id' in (select id::text from stored)")
    try:  # this statement is the commit
        return {one.id for one in deferred_writes.send_returning(session, "id from stored")}
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _NOT_IN_TIME:
            raise
        return set()


def find_earlier(session: Session, request: ScanPass, login: str) -> ScanRow | None:
    """Return the scan in which this login used this nonce, or None.

    Raises:
        IdempotencyKeyReused: it was a scan of something else.
    """
    scan = session.scalars(
        select(ScanRow)
        .where(ScanRow.scanned_by == login, ScanRow.nonce == request.nonce)
        .order_by(ScanRow.recorded_at.desc())
        .limit(1)
    ).one_or_none()
    if scan is not None and scan.body_hmac != digest_of(session, request):
        raise IdempotencyKeyReused("this nonce was used for another scan")
    return scan


def pass_scanned(scan: Scan | ScanRow, row: PassRow) -> PassScanned:
    """Return the event of a scan of a pass whose application is known."""
    return PassScanned.model_validate(
        {
            "pass_number": row.number,
            "application_id": row.application_id,
            "reference": row.reference,
            "scan_id": scan.id,
            "site": scan.site,
            "gate": scan.gate,
            "direction": scan.direction,
            "verdict": scan.verdict,
            "count": scan.count,
            "inside": scan.inside,
            "scanned_at": scan.scanned_at,
            "marks": [
                mark for mark in scan.marks if mark not in _NOT_PUBLISHED and not mark.startswith(DESPITE)
            ],
            "scanned_by": scan.scanned_by,
        }
    )


def delete_old_nonces(session: Session, now: datetime) -> int:
    """Delete a batch of nonces that nobody repeats any more; return how many."""
    return delete_batch(session, NonceRow, NonceRow.recorded_at < now - NONCES_STAY)


def digest_of(session: Session, request: ScanPass) -> str:
    """Return the digest of what was scanned, without its time: a gate may send a repeat with another time."""
    without: dict[str, Any] = {"scanned_at": None}
    if request.supervisor is not None:
        without["supervisor"] = request.supervisor.model_copy(update={"pin": None})
    return body_hmac(request.model_copy(update=without), idempotency_secret_of(session))


def _move(row: PassRow, terms: Terms | None, scan: Scan, decision: Decision) -> None:
    """Update the presence of the party that comes in, or leaves."""
    before = replace(row.standing, terms=terms)
    after = standing_after(before, decision)
    row.last_gate = scan.gate
    row.admitted, row.day, row.admitted_before = after.admitted, after.day, after.admitted_before
    row.inside, row.presumed_gone_at = after.inside, after.presumed_gone_at
    if row.inside == 0:
        row.inside_since = row.inside_site = None
    elif before.inside == 0:
        row.inside_since, row.inside_site = scan.scanned_at, scan.site
