"""What issuance and application tell: passes, revocations, and people to be forgotten. In any order, any number of times."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.commitment import commit, commitment_key
from contracts.envelope import Received
from contracts.events import PassIssued, PassPersonal, PassRevoked, PersonalDataErased
from contracts.model import Companion, Person
from services.chassis.messaging import outbox
from services.chassis.runtime.settings import settings
from services.verify.domain import Visitors
from services.verify.handlers import signing_keys
from services.verify.handlers.recording import scanned
from services.verify.models import ErasedApplication, Pass, Scan

_TERMS = (
    "application_id", "reference", "site", "gate", "party", "entries", "valid_from", "valid_to", "department", "officer",
    "vehicle_allowed", "assistance",
)  # fmt: skip


def note_issued(received: Received[PassIssued], session: Session, now: datetime) -> None:
    """Keeps the pass as the newest event tells it; who is inside and what was revoked stays as it is."""
    event = received.event
    _one_at_a_time(session, event.application_id)
    signing_keys.learn(session, event.key)
    columns = {name: getattr(event, name) for name in _TERMS}
    columns["issued_seq"] = received.seq
    columns["visitors"] = Visitors.of(event.personal).model_dump(mode="json")
    columns["id_commitments"] = _id_commitments(event.pass_number, event.personal)
    row = insert(Pass).values(number=event.pass_number, **columns)
    newer = Pass.issued_seq < received.seq
    session.execute(row.on_conflict_do_update(index_elements=[Pass.number], set_=columns, where=newer))
    if session.get(ErasedApplication, event.application_id) is not None:
        _erase(session, event.application_id)
    _tell_waiting_scans(session, event.pass_number, now)


def note_revoked(received: Received[PassRevoked], session: Session, now: datetime) -> None:
    """Revokes, for good; a pass that is not known yet gets a row that is revoked before it is issued."""
    event = received.event
    revoked = {"revoked_seq": received.seq, "revoked_reason": event.reason}
    application = {"application_id": event.application_id, "reference": event.reference}
    row = insert(Pass).values(number=event.pass_number, **revoked, **application)
    newer = Pass.revoked_seq < received.seq
    session.execute(
        row.on_conflict_do_update(index_elements=[Pass.number], set_=revoked | application, where=newer)
    )
    _tell_waiting_scans(session, event.pass_number, now)


def forget_people(received: Received[PersonalDataErased], session: Session) -> None:
    """Erases who an application's passes are for and remembers to erase what comes later."""
    application_id = received.event.application_id
    _one_at_a_time(session, application_id)
    session.execute(insert(ErasedApplication).values(application_id=application_id).on_conflict_do_nothing())
    _erase(session, application_id)


def _one_at_a_time(session: Session, application_id: UUID) -> None:
    """Keeps issuing and erasing of one application apart: neither would see what the other has not committed."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(application_id), 0))))


def _erase(session: Session, application_id: UUID) -> None:
    passes = Pass.application_id == application_id
    session.execute(
        update(Pass).where(passes).values(visitors=None, id_commitments=[]),
        execution_options={"synchronize_session": False},
    )
    own = Scan.pass_number.in_(select(Pass.number).where(passes))
    session.execute(
        update(Scan).where(own).values(reason=None), execution_options={"synchronize_session": False}
    )


def _id_commitments(number: str, personal: PassPersonal) -> list[str]:
    key = commitment_key(settings().commitment_master.get_secret_value(), number)
    people: tuple[Person | Companion, ...] = (personal.applicant, *personal.companions)
    return [
        commit(key, person.id_type, person.id_last4)
        for person in people
        if person.id_type and person.id_last4
    ]


def _tell_waiting_scans(session: Session, number: str, now: datetime) -> None:
    """Says PassScanned of scans that were recorded by token before any event told which application they belong to."""
    waiting = select(Scan).where(Scan.pass_number == number, ~Scan.told).order_by(Scan.recorded_at)
    scans = session.scalars(waiting).all()
    row = session.get(Pass, number) if scans else None
    for scan in scans if row is not None else ():
        assert row is not None
        outbox.add(session, scanned(scan, row), at=now)
        scan.told = True
