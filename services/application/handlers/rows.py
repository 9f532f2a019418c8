"""Translation between rows and the domain's values; the timeline and the outbox of an application."""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Select, any_, delete, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session

from contracts import spelling
from contracts.crockford import parse_reference
from contracts.events import Event, People, VisitorPhotographed
from contracts.mobile import ascii_digits
from contracts.model import Companion, Person, Slot
from contracts.visiting_rules import end_of
from services.application import models
from services.application.domain.applications import Application, Intake, Visit
from services.application.domain.status import Decision, Facts, Pass, status_of
from services.chassis.db import bulk, deferred_writes
from services.chassis.messaging import outbox

_SLOTS: TypeAdapter[tuple[Slot, ...]] = TypeAdapter(tuple[Slot, ...])
_COMPANIONS: TypeAdapter[tuple[Companion, ...]] = TypeAdapter(tuple[Companion, ...])
Columns = dict[str, Any]
_TIMELINE = models.TimelineEntryRow.metadata.tables["timeline"]
_OF_A_PASS = [field.name for field in fields(Pass)]
TIME_FOR_TWO_APPROVALS = timedelta(days=14)
"""How long an application for a standing pass waits for both approvals after the last day it prefers."""


def find(
    session: Session, reference: str, *, lock: bool = False, also_locked: bool = False
) -> models.ApplicationRow | None:
    """Return the row of a reference as it was typed; with ``lock``, locked until the transaction ends.

    An application that is locked at the request of its person is there only for who asks for it, too.
    """
    try:
        wanted = parse_reference(reference)
    except ValueError:
        return None
    query = select(models.ApplicationRow).where(models.ApplicationRow.reference == wanted)
    if not also_locked:
        query = query.where(models.ApplicationRow.locked_at.is_(None))
    return session.scalars(locked(query) if lock else query).one_or_none()


def ends_in(mobile: str | None, typed: str) -> bool:
    """Return whether a mobile ends in these four digits; it takes as long where there is none."""
    known, given = mobile[-4:] if mobile else "none", ascii_digits(typed.strip())
    return hmac.compare_digest(known.encode(), given.encode()) and given.isdigit()


def locked(query: Select[models.ApplicationRow]) -> Select[models.ApplicationRow]:
    """Return the query with its rows read again from the database and locked until the transaction ends."""
    return query.with_for_update().execution_options(populate_existing=True)


def is_one_of(column: InstrumentedAttribute[UUID], ids: Iterable[UUID]) -> ColumnElement[bool]:
    """Return the condition that a column has one of some ids; its SQL is the same for any number of them."""
    return column == any_(text(f"({bulk.array_of('ids', 'uuid')})").bindparams(ids=list(ids)))


def passes_of(session: Session, application_ids: Iterable[UUID]) -> dict[UUID, list[models.PassRow]]:
    """Return the known passes of each application."""
    found: dict[UUID, list[models.PassRow]] = {application_id: [] for application_id in application_ids}
    known_passes = select(models.PassRow).where(is_one_of(models.PassRow.application_id, found))
    for known in session.scalars(known_passes.order_by(models.PassRow.number)):
        found[known.application_id].append(known)
    return found


def slots_of(row: models.ApplicationRow) -> tuple[Slot, ...]:
    """Return the preferred windows."""
    return _SLOTS.validate_python(row.preferred)


def companions_of(row: models.ApplicationRow) -> tuple[Companion, ...]:
    """Return the companions."""
    return _COMPANIONS.validate_python(row.companions)


def person_of(row: models.ApplicationRow) -> Person:
    """Return the applicant."""
    return Person.model_validate(row, from_attributes=True)


def visit_of(row: models.ApplicationRow) -> Visit:
    """Return the visit that is applied for."""
    return Visit(
        site=row.site,
        department=row.department,
        officer=row.officer,
        purpose_kind=row.purpose_kind,
        purpose=row.purpose,
        preferred=slots_of(row),
        companions=companions_of(row),
        vehicle=row.vehicle,
        weekly_until=row.weekly_until,
    )


def application_of(row: models.ApplicationRow) -> Application:
    """Return the present revision as the domain's value."""
    return Application(
        id=row.id,
        reference=row.reference,
        revision=row.revision,
        intake=Intake(row.channel, row.mobile_proved, row.submitted_by, row.notice),
        kind=row.kind,
        applicant=person_of(row),
        language=row.language,
        deliver_by=row.deliver_by,
        assistance=row.assistance,
        visit=visit_of(row),
    )


def columns_of(application: Application, now: datetime) -> Columns:
    """Return the columns of a new row."""
    names = ("id", "reference", "revision", "kind", "language", "deliver_by", "assistance")
    intake = application.intake
    visit = visit_columns(application.visit)
    return {
        **{name: getattr(application, name) for name in names},
        **application.applicant.model_dump(mode="json"),
        "name_keys": sorted(spelling.keys(application.applicant.name, application.applicant.name_latin)),
        **visit,
        "channel": intake.channel,
        "mobile_proved": intake.mobile_proved,
        "submitted_by": intake.submitted_by,
        "notice": intake.notice,
        "consented_at": now if intake.consented else None,
        "submitted_at": now,
        "asks_for_card": True,
        "last_matters_at": max(now, visit["preferred_until"]),
    }


def visit_columns(visit: Visit) -> Columns:
    """Return the columns of what may be amended."""
    names = ("site", "department", "officer", "purpose_kind", "purpose", "vehicle", "weekly_until")
    return {
        **{name: getattr(visit, name) for name in names},
        "preferred": [slot.model_dump(mode="json") for slot in visit.preferred],
        "companions": [companion.model_dump(mode="json") for companion in visit.companions],
        "preferred_until": max(end_of(slot) for slot in visit.preferred)
        + (TIME_FOR_TWO_APPROVALS if visit.weekly_until else timedelta()),
    }


def amend_row(row: models.ApplicationRow, application: Application) -> None:
    """Replace the row's revision by a new one."""
    row.revision, row.reception_asked_at = application.revision, None
    for name, value in visit_columns(application.visit).items():
        setattr(row, name, value)
    matters_at(row, row.preferred_until)


def put_people(session: Session, row: models.ApplicationRow, people: People, now: datetime) -> None:
    """Store other people. The mobile stays: only who has proved another one changes it.

    A photograph is of whoever showed the ID card that was named then; nobody else keeps it.
    """
    person = people.applicant
    if People(applicant=person_of(row)).is_another(people):
        told = drop_photograph(session, row, now)
        if told is not None:
            record_all(session, [(row, Entry(told, "photograph_outdated", now, {}))])
    for name in ("name", "name_latin", "email", "id_type", "id_last4"):
        setattr(row, name, getattr(person, name))
    row.name_keys = sorted(spelling.keys(person.name, person.name_latin))
    row.companions = [companion.model_dump(mode="json") for companion in people.companions]


def drop_photograph(session: Session, row: models.ApplicationRow, now: datetime) -> UUID | None:
    """Delete the photograph of a locked application; return the event that says so, None without one."""
    photograph = models.PhotographRow
    of_row = (
        delete(photograph).where(photograph.application_id == row.id).returning(photograph.application_id)
    )
    with session.no_autoflush:
        if session.scalars(of_row).first() is None:
            return None
    event = VisitorPhotographed(application_id=row.id, reference=row.reference, erased=True)
    return outbox.add(session, event, at=now)


def wanted_of(row: models.ApplicationRow) -> People | None:
    """Return whom a correction wants that waits for the department, with the mobile of now."""
    if row.correction is None or row.correction["state"] != "waits":
        return None
    people = People.model_validate(row.correction)
    return people.model_copy(update={"applicant": people.applicant.model_copy(update={"mobile": row.mobile})})


def matters_at(row: models.ApplicationRow, at: datetime) -> None:
    """Record that the application matters at least until then; the retention of its people starts later."""
    row.last_matters_at = max(row.last_matters_at, at)


def facts_of(row: models.ApplicationRow, passes: list[models.PassRow]) -> Facts:
    """Return all facts on which the status depends."""
    kind = row.decision_kind
    return Facts(
        revision=row.revision,
        cancelled=row.cancelled_at is not None,
        expired=row.expired_at is not None and row.expired_at >= row.preferred_until,
        decision=Decision(kind, row.decision_revision, kind == "returned" and row.closed_day is not None)
        if kind and row.decision_revision
        else None,
        passes=tuple(Pass(**{name: getattr(known, name) for name in _OF_A_PASS}) for known in passes),
        inside=row.inside,
        scanned=row.scanned_pass,
    )


def settle_status(session: Session, row: models.ApplicationRow) -> None:
    """Record the status that follows from the facts. The row is written later, with whatever else changes."""
    with session.no_autoflush:
        passes = passes_of(session, [row.id])
    settle_status_by(row, passes[row.id])


def settle_status_by(row: models.ApplicationRow, passes: list[models.PassRow]) -> None:
    """Record the status that follows from the facts and all passes of an application."""
    row.status = status_of(facts_of(row, passes))


def cancel_row(
    session: Session, row: models.ApplicationRow, by: Literal["applicant", "counter"], now: datetime
) -> None:
    """Cancel an application, and publish it.

    Raises:
        Conflict: ``cannot_cancel``: it has ended, or the visitor came in; fact ``status``.
    """
    event = application_of(row).cancel(row.status, by)
    row.cancelled_at, row.correction = now, None
    publish(session, row, event, "cancelled", now, by=by)
    settle_status(session, row)


@dataclass(frozen=True)
class Entry:
    """An entry of the timeline: which event says what, and its facts."""

    event_id: UUID
    what: str
    at: datetime
    facts: dict[str, str | int]


def publish(
    session: Session, row: models.ApplicationRow, event: Event, what: str, now: datetime, **facts: str | int
) -> None:
    """Publish an event of this service, and record it in the timeline."""
    record_all(session, [(row, Entry(outbox.add(session, event, at=now), what, now, facts))])


def record_all(session: Session, entries: Sequence[tuple[models.ApplicationRow, Entry]]) -> None:
    """Record entries of several timelines, each once for its event."""
    for row, entry in entries:
        enter(session, row.id, entry)
        matters_at(row, entry.at)


def enter(session: Session, application_id: UUID, entry: Entry) -> None:
    """Store an entry of a timeline, unless it is there already."""
    entered = {"application_id": application_id, **vars(entry)}
    deferred_writes.insert(session, _TIMELINE, [entered], skip_existing=True)
