"""What each event changes in the gate's copy: passes, revocations, gates, erased people.

Events may arrive in any order and any number of times; the result is the same. Issuing and erasing of one
application take its lock, since neither would see what the other has not committed.
"""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import case, delete, func, null, select, text, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.commitment import commit, commitment_key
from contracts.envelope import Received
from contracts.events import (
    DirectoryChanged,
    GateAdvised,
    PassDeliveryChanged,
    PassIssued,
    PassRevoked,
    PersonalDataErased,
    Revocation,
    StatusListSigned,
)
from contracts.key_set import NotAKeySet, read_key_set
from contracts.model import Companion, ConflictKind, Person, site_of
from services.chassis.db import locks
from services.chassis.db.checksums import checksum
from services.chassis.db.database import after_commit
from services.chassis.db.server import is_future, latest
from services.chassis.messaging import outbox
from services.chassis.messaging.senders import ForgedMessage
from services.chassis.runtime.logs import logger
from services.verify.adapters import signing_keys
from services.verify.domain.passes import Visitors
from services.verify.handlers import pass_ledgers
from services.verify.handlers.scan_records import pass_scanned
from services.verify.metrics import GATE_CONFLICTS
from services.verify.models import (
    ErasedApplicationRow,
    GateAdviceRow,
    IncidentRow,
    PassRow,
    ScanRow,
    SiteRow,
    StatusListRow,
)
from services.verify.settings import VerifySettings

log = logger(__name__)
_TERMS = (
    "application_id", "reference", "site", "gate", "party", "entries", "valid_from", "valid_to", "department",
    "officer", "vehicle_allowed", "assistance", "recurring",
)  # fmt: skip
_NEW = (
    "number", *_TERMS, "further_days", "closed_days", "issued_seq",
)  # fmt: skip
_INSERT_NEW = text(f"""
with known as (
  select given.*, advice.call_supervisor as advised, erased.application_id is not null as is_erased
  from json_populate_record(null::passes, cast(:row as json)) as given
  left join gate_advice as advice using (application_id)
  left join erased_applications as erased using (application_id)
)
insert into passes ({", ".join(_NEW)}, visitors, id_commitments, call_supervisor, mismatched_at)
select
  {", ".join(_NEW)}, case when is_erased then null else visitors end,
  case when is_erased then '{{}}' else id_commitments end, not is_erased and coalesce(advised, false),
  (select max(mismatched_at) from passes where application_id = known.application_id)
from known on conflict (number) do nothing returning number
""")  # noqa: S608  made of constants
_STORE_ADVICE = text("""
with stored as (
  insert into gate_advice (application_id, seq, call_supervisor)
  select :application_id, :seq, :call_supervisor
  where not exists (select from erased_applications where application_id = :application_id)
  on conflict (application_id) do update set
    seq = excluded.seq, call_supervisor = excluded.call_supervisor
  where gate_advice.seq < excluded.seq
  returning application_id, call_supervisor
)
update passes set call_supervisor = stored.call_supervisor from stored
where passes.application_id = stored.application_id
""")


class UnknownPass(Exception):
    """The pass of an event is not here (yet); the delivery is retried later."""


LONGEST_UNPUBLISHED = timedelta(days=100)
"""For longer no event of a pass is under way: dead letters live for 30 days, a pass for less than 40."""


def handle_pass_issued(
    received: Received[PassIssued], session: Session, now: datetime, settings: VerifySettings
) -> None:
    """Store the pass as the newest event describes it; presence and revocation stay as they are."""
    event = received.event
    locks.lock(session, str(event.application_id))
    columns: dict[str, Any] = {name: getattr(event, name) for name in _TERMS}
    columns["further_days"] = [(day - event.slot.day).days for day in event.further_days]
    columns["closed_days"] = [(day - event.slot.day).days for day in event.closed_days]
    columns["issued_seq"] = received.seq
    columns["visitors"] = Visitors.of(event.personal).model_dump(mode="json")
    key = commitment_key(settings.commitment_master.get_secret_value(), event.pass_number)
    people: tuple[Person | Companion, ...] = (event.personal.applicant, *event.personal.companions)
    columns["id_commitments"] = [
        commit(key, person.id_type, person.id_last4)
        for person in people
        if person.id_type and person.id_last4
    ]
    if _insert_new(session, event.pass_number, columns):
        return  # nobody has scanned it, and its day of entry is the first
    advice = session.get(GateAdviceRow, event.application_id)
    columns["call_supervisor"] = advice is not None and advice.call_supervisor
    _count_days_from(session, event, received.seq)
    row = insert(PassRow).values(number=event.pass_number, **columns)
    newer = PassRow.issued_seq < received.seq
    of_application = select(func.max(PassRow.mismatched_at)).where(
        PassRow.application_id == event.application_id
    )
    changes = columns | {
        "mismatched_at": func.greatest(PassRow.mismatched_at, of_application.scalar_subquery())
    }
    session.execute(row.on_conflict_do_update(index_elements=[PassRow.number], set_=changes, where=newer))
    if session.get(ErasedApplicationRow, event.application_id) is not None:
        _erase(session, event.application_id)
    _publish_waiting_scans(session, event.pass_number, now)


def _insert_new(session: Session, number: str, columns: dict[str, Any]) -> bool:
    """Insert a pass with what is known of its application; return False if it has a row already.

    That is the advice about it, and when a card did not match another pass of it.

    The lock of the application is held, so this sees its advice and whether it is erased.
    """
    row = json.dumps({"number": number, **columns}, default=str)
    return session.scalar(_INSERT_NEW, {"row": row}) is not None


def _count_days_from(session: Session, event: PassIssued, seq: int) -> None:
    """Count the day of the last entry from a pass's new first day; all who came in before it came earlier.

    The first day in the row may also be a later one, from the token of a newer state of the pass.
    """
    row = session.get(PassRow, event.pass_number, with_for_update=True)
    if row is None or row.valid_from is None or row.issued_seq >= seq:
        return
    moved = (event.valid_from - row.valid_from).days
    if row.day < moved:
        row.admitted_before = row.admitted
    row.day = max(row.day - moved, 0)
    session.flush()


def handle_pass_revoked(received: Received[PassRevoked], session: Session, now: datetime) -> None:
    """Revoke the pass for good; an unknown pass gets a row that is revoked before it is issued.

    Gates without a network may have let somebody in after the revocation, and their scans may have come
    before this event. Publish each such conflict, and count it.
    """
    event = received.event
    application = {"application_id": event.application_id, "reference": event.reference}
    revocation = Revocation(
        pass_number=event.pass_number, reason=event.reason, revoked_at=received.occurred_at
    )
    _count(session, _revoke(session, revocation, now, revoked_seq=received.seq, **application))


def _count(session: Session, conflicts: Iterable[ConflictKind]) -> None:
    for kind in conflicts:
        after_commit(session, GATE_CONFLICTS.labels(kind).inc)


def _revoke(
    session: Session, revocation: Revocation, now: datetime, **known_too: Any
) -> tuple[ConflictKind, ...]:
    """Store a revocation with what else is known of the pass, unless a newer one is stored.

    It holds from the first one on: a standing pass that was suspended ends without being lifted.
    """
    number, revoked_at = revocation.pass_number, revocation.revoked_at
    known = session.get(PassRow, number, with_for_update=True)
    ledger = None
    if known is not None and known.admitted > 0 and not known.standing.revoked:
        ledger = pass_ledgers.ledger_of(session, known)
    revoked = {"revoked_reason": revocation.reason, "revoked_at": revoked_at, **known_too}
    row = insert(PassRow).values(number=number, **revoked)
    newer = PassRow.revoked_seq < row.excluded.revoked_seq
    first = {"revoked_at": func.least(PassRow.revoked_at, row.excluded.revoked_at)}
    changed = revoked | first
    session.execute(row.on_conflict_do_update(index_elements=[PassRow.number], set_=changed, where=newer))
    if known is not None:
        session.refresh(known)
    _publish_waiting_scans(session, number, now)
    conflicts = ledger.revoke(revoked_at) if ledger is not None else ()
    late = [(one, one.movements[-1]) for one in conflicts if one.movements[-1].offline]
    for one, entry in late:
        pass_ledgers.publish_conflict(session, one, site_of(entry.gate), known, now)
    return tuple(one.kind for one, _ in late)


def handle_directory_changed(received: Received[DirectoryChanged], session: Session) -> None:
    """Store the gates of a site and their rules, unless a newer record of it arrived before."""
    site = received.event.site
    if site is None:
        return
    rules = site.gate_rules.model_dump() if site.gate_rules is not None else null()
    row = insert(SiteRow).values(code=site.code, seq=received.seq, gates=list(site.gates), gate_rules=rules)
    changed = {name: row.excluded[name] for name in ("seq", "gates", "gate_rules")}
    newer = SiteRow.seq < row.excluded.seq
    session.execute(row.on_conflict_do_update(index_elements=[SiteRow.code], set_=changed, where=newer))


def handle_status_list_signed(
    received: Received[StatusListSigned], session: Session, now: datetime, settings: VerifySettings
) -> None:
    """Record when the list was signed, if every revocation up to then is known here.

    A list with an unknown revocation is ignored: its PassRevoked is still on the way, and the next list
    follows soon. If it does not come for minutes, lists bring what is missing; conflicts that this
    shows are published and counted, as `handle_pass_revoked` does.

    A list from the future (a wrong clock) counts as signed now, so that it never hides that later lists are
    missing; a time that was stored while the clock here was wrong, too, is replaced. The key set is stored in
    any case.

    Raises:
        ForgedMessage: somebody else than issuance has signed the key set.
    """
    try:
        key_set = read_key_set(received.event.key_set, settings.commitment_master.get_secret_value())
    except NotAKeySet as error:
        raise ForgedMessage from error
    signing_keys.store(session, key_set, now)
    if not _knows_all(session, received):
        _count(session, _learn(session, received, now))
        if not _knows_all(session, received):
            return
    row = insert(StatusListRow).values(id=1, complete_at=func.least(received.occurred_at, latest(now)))
    stored, signed_at = StatusListRow.complete_at, row.excluded.complete_at
    newest = case((is_future(stored, now), signed_at), else_=func.greatest(stored, signed_at))
    changed = {"complete_at": newest}
    session.execute(row.on_conflict_do_update(index_elements=[StatusListRow.id], set_=changed))


def _learn(session: Session, received: Received[StatusListSigned], now: datetime) -> tuple[ConflictKind, ...]:
    """Revoke the passes that the list repeats and that are not revoked here, though it was minutes ago.

    Their PassRevoked is late, or lost: a dead letter that was dropped, or that nobody looked at for a month.
    """
    late = received.occurred_at - received.event.recent
    repeated = {one.pass_number: one for one in received.event.repeated if one.revoked_at <= late}
    is_known = PassRow.number.in_(repeated), PassRow.revoked_seq > 0
    missing = repeated.keys() - set(session.scalars(select(PassRow.number).where(*is_known)))
    if missing:
        log.warning("revocations learned from the status list", passes=len(missing))
    return tuple(
        kind for number in sorted(missing) for kind in _revoke(session, repeated[number], now, revoked_seq=1)
    )


def _knows_all(session: Session, received: Received[StatusListSigned]) -> bool:
    """Return whether the revocations known here are those of the list."""
    event, signed_at = received.event, received.occurred_at
    is_live = PassRow.revoked_at.between(signed_at - event.live_for, signed_at)
    live = select(func.count(), checksum(PassRow.number, true())).where(PassRow.revoked_seq > 0, is_live)
    return tuple(session.execute(live).one()) == (event.live_total, event.live_checksum)


def handle_pass_delivery_changed(received: Received[PassDeliveryChanged], session: Session) -> None:
    """Record whether a message has brought the pass to anybody; the gate is told, and nothing else changes.

    Raises:
        UnknownPass: neither its event nor a scan of it is here (yet).
    """
    event = received.event
    row = session.get(PassRow, event.pass_number, with_for_update=True)
    if row is None:
        raise UnknownPass
    if row.delivery_seq < received.seq:
        row.delivery_seq, row.undelivered = received.seq, event.undelivered


def handle_gate_advised(received: Received[GateAdvised], session: Session) -> None:
    """Store what the gate should do about an application, for the passes it has and for those to come."""
    event = received.event
    locks.lock(session, str(event.application_id))
    session.execute(
        _STORE_ADVICE,
        {
            "application_id": event.application_id,
            "seq": received.seq,
            "call_supervisor": event.personal.call_supervisor,
        },
    )


def handle_personal_data_erased(received: Received[PersonalDataErased], session: Session) -> None:
    """Erase the people of an application's passes, now and in events that arrive later."""
    application_id = received.event.application_id
    locks.lock(session, str(application_id))
    session.execute(
        insert(ErasedApplicationRow).values(application_id=application_id).on_conflict_do_nothing()
    )
    session.execute(delete(GateAdviceRow).where(GateAdviceRow.application_id == application_id))
    _erase(session, application_id)


def _erase(session: Session, application_id: UUID) -> None:
    passes = PassRow.application_id == application_id
    session.execute(
        update(PassRow).where(passes).values(visitors=None, id_commitments=[], call_supervisor=False),
        execution_options={"synchronize_session": False},
    )
    own = ScanRow.pass_number.in_(select(PassRow.number).where(passes))
    session.execute(
        update(ScanRow).where(own).values(reason=None), execution_options={"synchronize_session": False}
    )
    of_people = IncidentRow.pass_number.in_(select(PassRow.number).where(passes))
    session.execute(
        update(IncidentRow).where(of_people).values(reason=None),
        execution_options={"synchronize_session": False},
    )


def _publish_waiting_scans(session: Session, number: str, now: datetime) -> None:
    """Publish PassScanned for scans recorded by token before their application was known."""
    waiting = (
        select(ScanRow)
        .where(
            ScanRow.pass_number == number,
            ~ScanRow.published,
            ScanRow.recorded_at.between(now - LONGEST_UNPUBLISHED, now + timedelta(days=1)),
        )
        .order_by(ScanRow.recorded_at)
    )
    scans = session.scalars(waiting).all()
    row = session.get(PassRow, number) if scans else None
    for scan in scans if row is not None else ():
        assert row is not None
        outbox.add(session, pass_scanned(scan, row), at=now)
        scan.published = True
