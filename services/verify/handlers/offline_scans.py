"""Scans of a gate that was without a network: each is a fact, and is recorded with the gate's own verdict.

All that a gate sends goes into one transaction, under the locks of its passes. Each scan takes its place
among the movements of its pass (`domain/ledger.py`), and the state of the pass is what they come to. A scan
that cannot be taken hurts no other. The nonce makes a repeat safe, as online.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from contracts.errors import InvalidInput, Unavailable
from contracts.model import Verdict, site_of
from contracts.rpc.call import Call, Nothing
from contracts.rpc.verify.offline_scans import OfflineScan, SyncedScan, SyncedScans, SyncScans
from contracts.rpc.verify.scans import ScanPass
from services.chassis.audit import record
from services.chassis.db import bulk, deferred_writes, locks
from services.chassis.db.database import Database
from services.chassis.runtime.logs import logger
from services.verify.domain.verdicts import CLOCK_TOLERANCE, MOVING, Decision, time_of_offline_scan
from services.verify.handlers import (
    incidents,
    manifests,
    number_tries,
    offline_input,
    offline_movements,
    pass_ledgers,
    pass_lookup,
    scan_records,
)
from services.verify.handlers.authorization import require_gate_login
from services.verify.handlers.offline_input import Read
from services.verify.handlers.offline_movements import Batch, Rules
from services.verify.handlers.pass_ledgers import AGAIN, CONFLICT, OFFLINE
from services.verify.handlers.pass_lookup import FoundPass, Nonce
from services.verify.handlers.scan_records import Scan
from services.verify.metrics import (
    GATE_CONFLICTS,
    GATE_EMPTIED,
    OFFLINE_DEFERRED,
    OFFLINE_REFUSED,
    SCANS,
    SUPERVISORS_REFUSED,
    gate_label,
)
from services.verify.models import PassRow, ScanRow
from services.verify.settings import VerifySettings

log = logger(__name__)


def sync(
    request: SyncScans, call: Call, db: Database, now: datetime, settings: VerifySettings
) -> SyncedScans:
    """Record the scans of a gate that was without a network, in their order; a repeat changes nothing.

    What they come to is counted once they are recorded.

    Raises:
        Forbidden: the login does not stand at this gate.
        Unavailable: another request has used one of the nonces at this moment.
    """
    with db.transaction() as session:
        synced, batch = _sync(request, call, session, now, settings)
    for one, item in zip(request.scans, synced.items, strict=True):
        if isinstance(one, OfflineScan) and item.recorded and item.verdict is not None:
            SCANS.labels(site_of(one.gate), gate_label(one.gate), one.direction, item.verdict).inc()
        if item.problem is not None:
            OFFLINE_REFUSED.labels(item.problem).inc()
            log.warning("offline scan refused", problem=item.problem, gate=request.gate)
    for kind in batch.conflicts:
        GATE_CONFLICTS.labels(kind).inc()
    if batch.deferred:
        OFFLINE_DEFERRED.inc(batch.deferred)
        log.warning("offline scans deferred", count=batch.deferred, gate=request.gate)
    if batch.is_emptied:
        GATE_EMPTIED.labels(site_of(request.gate)).inc()
        log.warning("too many wrong PINs at the app of a gate", gate=request.gate)
    if batch.unproven:
        SUPERVISORS_REFUSED.labels("unproven").inc(batch.unproven)
        log.warning("supervisors unproven", count=batch.unproven, gate=request.gate)
    return synced


def _sync(
    request: SyncScans, call: Call, session: Session, now: datetime, settings: VerifySettings
) -> tuple[SyncedScans, Batch]:
    login = require_gate_login(call.principal, request.gate)
    read = [offline_input.read(one, call, session, settings.issuer) for one in request.scans]
    locks.lock(session, f"offline scans of {login}")
    source = call.principal.gate_device or login
    tries_left, wait = number_tries.SENT_LIMIT, 1
    if any(one.scan is not None and one.scan.token is None for one in read):
        locks.lock(session, f"unknown numbers of {source}")
        tries_left, wait = number_tries.count_sent(session, source, now)
    rows = _lock_passes(session, read, now)
    earlier = _earlier_scans(session, login, read, now)
    batch = Batch(
        session, login, source, now, tries_left, rows, pass_ledgers.ledgers_of(session, rows), earlier
    )
    site = site_of(request.gate)
    rules = Rules(
        settings.commitment_master.get_secret_value(),
        settings.not_issued_after,
        pass_lookup.knowledge_of(session, site, now).complete_at,
        manifests.policy_of(manifests.rules_of(session, site), settings),
    )
    items = tuple(_take(one, batch, rules) for one in read)
    _store(batch)
    _note_refused(items, request, batch)
    if (wrong := request.wrong_pins) is not None:
        batch.is_emptied = incidents.add(
            session,
            "wrong_pin",
            request.gate,
            now,
            incident_id=incidents.wrong_pins_id(source, wrong),
            login=wrong.login,
            detail=incidents.OWN_PIN,
        )
    record.note_object(request.gate)
    record.add_done(session, Nothing())
    return SyncedScans(items=items, retry_after=wait if batch.deferred else None), batch


def _note_refused(items: Iterable[SyncedScan], request: SyncScans, batch: Batch) -> None:
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


def _lock_passes(session: Session, read: Iterable[Read], now: datetime) -> dict[str, PassRow]:
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
            row.further_days, row.recurring = list(terms.further_days), terms.recurring
    session.flush()
    return rows


def _earlier_scans(
    session: Session, login: str, read: Iterable[Read], now: datetime
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


def _take(one: Read, batch: Batch, rules: Rules) -> SyncedScan:
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
    one: Read, scan: OfflineScan, plain: ScanPass, digest: str, batch: Batch, rules: Rules
) -> SyncedScan:
    """Record one scan, unless it was recorded before, and return what became of it.

    ``plain`` is the scan as it would be online, with its digest.
    """
    login, nonce = scan.offline.login or batch.login, one.nonce
    number = one.number if one.number in batch.ledgers else None
    row, elsewhere = batch.rows[number] if number is not None else None, None
    if row is not None and row.site != site_of(scan.gate) and scan.offline.verdict in MOVING:
        number, row, elsewhere = None, None, row
    found = FoundPass(row.number, row, one.claims) if row is not None else None
    first = batch.earlier.get((login, nonce))
    if first is not None and OFFLINE not in first.marks:
        if (first.pass_number, first.direction) != (number, scan.direction):
            return SyncedScan(nonce=one.nonce, problem="nonce_reused")
        nonce += AGAIN  # online it was decided otherwise, and nobody at the gate has heard of it
        again = batch.earlier.get((login, nonce))
        if (first.verdict in MOVING) != (scan.offline.verdict in MOVING):
            first = again
        elif found is None or scan.offline.verdict != "admit" or scan.count in (None, first.count):
            return _answer(one, again or first)
        elif again is None and _is_counted_by_same(first, scan, batch):
            recounted = plain.model_copy(update={"nonce": nonce})
            first = offline_movements.recount(first, scan, recounted, digest, found, batch, rules)
        else:
            first = again or first
    if first is not None:
        is_repeat = first.body_hmac == digest and first.verdict == scan.offline.verdict
        return _answer(one, first) if is_repeat else SyncedScan(nonce=one.nonce, problem="nonce_reused")
    try:
        at = time_of_offline_scan(scan.scanned_at, batch.now)
    except InvalidInput as error:
        return SyncedScan(nonce=one.nonce, problem=error.body.code)
    new = scan_records.new_scan(
        batch.session,
        plain.model_copy(update={"nonce": nonce}),
        login,
        found,
        Decision(scan.offline.verdict),
        scan.offline.list_age_s,
        at,
        batch.now,
    )
    sent_by = batch.login if login != batch.login else None
    new = offline_movements.with_circumstances(replace(new, body_hmac=digest, sent_by=sent_by), scan, batch)
    new, problem = offline_movements.with_problem(new, scan, row, batch, rules.policy)
    if found is None:
        made = offline_movements.stray(new, scan.count or 1, elsewhere, batch)
    else:
        made = offline_movements.take(new, scan, found, batch, rules)
    batch.made.append(made)
    if number is None and elsewhere is None and scan.token is None:
        number_tries.record(batch.session, batch.source, number_tries.SENT, batch.now)
        batch.tries_left -= 1
    offline_movements.note_override(made, scan, row, problem, batch)
    batch.earlier[login, nonce] = made
    return _answer(one, made)


def _is_counted_by_same(first: ScanRow | Scan, scan: OfflineScan, batch: Batch) -> bool:
    """Return whether who recorded an entry online says at its gate, of the same time, how many came in.

    The app sends the request whose answer was lost, with its time. Of another login's entry nobody says that.
    """
    apart = abs(scan.scanned_at - (first.claimed_at or first.scanned_at))
    is_same = (first.gate, first.scanned_by) == (scan.gate, batch.login)
    return is_same and apart <= CLOCK_TOLERANCE


def _answer(one: Read, scan: ScanRow | Scan) -> SyncedScan:
    return SyncedScan(
        nonce=one.nonce, verdict=cast(Verdict, scan.verdict), recorded=True, conflict=CONFLICT in scan.marks
    )


def _store(batch: Batch) -> None:
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
