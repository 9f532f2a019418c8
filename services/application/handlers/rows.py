"""Between rows and the domain: finding an application, reading it as the domain's, writing back what changed."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.crockford import parse_reference
from contracts.events import Event
from contracts.model import Companion, Person, Slot
from contracts.visiting_rules import MOST_COMPANIONS, end_of
from services.application import models
from services.application.domain.applications import Application, Intake, Visit
from services.application.domain.status import Decision, Facts, Pass, status_of
from services.chassis.messaging import outbox

_SLOTS: TypeAdapter[tuple[Slot, ...]] = TypeAdapter(tuple[Slot, ...])
_COMPANIONS: TypeAdapter[tuple[Companion, ...]] = TypeAdapter(tuple[Companion, ...])
Columns = dict[str, Any]


def find(session: Session, reference: str, *, lock: bool = False) -> models.ApplicationRow | None:
    """The row of a reference as it was typed; with ``lock`` nobody else changes it until the transaction ends."""
    try:
        wanted = parse_reference(reference)
    except ValueError:
        return None
    query = select(models.ApplicationRow).where(models.ApplicationRow.reference == wanted)
    return session.scalars(locked(query) if lock else query).one_or_none()


def locked(query: Select[models.ApplicationRow]) -> Select[models.ApplicationRow]:
    """The same rows, fresh from the database and ours until the transaction ends."""
    return query.with_for_update().execution_options(populate_existing=True)


def passes_of(session: Session, application_ids: Iterable[UUID]) -> dict[UUID, list[models.PassRow]]:
    """What is known of the passes of applications."""
    found: dict[UUID, list[models.PassRow]] = {application_id: [] for application_id in application_ids}
    for known in session.scalars(
        select(models.PassRow).where(models.PassRow.application_id.in_(found)).order_by(models.PassRow.number)
    ):
        found[known.application_id].append(known)
    return found


def slots_of(row: models.ApplicationRow) -> tuple[Slot, ...]:
    """The preferred windows."""
    return _SLOTS.validate_python(row.preferred)


def companions_of(row: models.ApplicationRow) -> tuple[Companion, ...]:
    """Who comes along."""
    return _COMPANIONS.validate_python(row.companions)


def person_of(row: models.ApplicationRow) -> Person:
    """The applicant."""
    return Person.model_validate(row, from_attributes=True)


def visit_of(row: models.ApplicationRow) -> Visit:
    """What the visit is to be."""
    return Visit(
        site=row.site,
        department=row.department,
        officer=row.officer,
        purpose_kind=row.purpose_kind,
        purpose=row.purpose,
        preferred=slots_of(row),
        companions=companions_of(row),
        vehicle=row.vehicle,
    )


def application_of(row: models.ApplicationRow) -> Application:
    """The present revision, as the domain's."""
    return Application(
        id=row.id,
        reference=row.reference,
        revision=row.revision,
        intake=Intake(row.channel, MOST_COMPANIONS[row.channel], row.mobile_proved, row.submitted_by),
        kind=row.kind,
        applicant=person_of(row),
        language=row.language,
        deliver_by=row.deliver_by,
        assistance=row.assistance,
        visit=visit_of(row),
    )


def columns_of(application: Application, at: datetime) -> Columns:
    """A new row's columns."""
    names = ("id", "reference", "revision", "kind", "language", "deliver_by", "assistance")
    intake = application.intake
    visit = visit_columns(application.visit)
    return {
        **{name: getattr(application, name) for name in names},
        **application.applicant.model_dump(mode="json"),
        **visit,
        "channel": intake.channel,
        "mobile_proved": intake.mobile_proved,
        "submitted_by": intake.submitted_by,
        "submitted_at": at,
        "last_matters_at": max(at, visit["preferred_until"]),
    }


def visit_columns(visit: Visit) -> Columns:
    """The columns of what may be amended."""
    names = ("site", "department", "officer", "purpose_kind", "purpose", "vehicle")
    return {
        **{name: getattr(visit, name) for name in names},
        "preferred": [slot.model_dump(mode="json") for slot in visit.preferred],
        "companions": [companion.model_dump(mode="json") for companion in visit.companions],
        "preferred_until": max(end_of(slot) for slot in visit.preferred),
    }


def amend_row(row: models.ApplicationRow, application: Application) -> None:
    """Writes a new revision over the one before."""
    row.revision = application.revision
    for name, value in visit_columns(application.visit).items():
        setattr(row, name, value)
    matters_at(row, row.preferred_until)


def matters_at(row: models.ApplicationRow, at: datetime) -> None:
    """The application matters until then, at least."""
    row.last_matters_at = max(row.last_matters_at, at)


def facts_of(row: models.ApplicationRow, passes: list[models.PassRow]) -> Facts:
    """All that the status depends on."""
    kind = row.decision_kind
    return Facts(
        revision=row.revision,
        cancelled=row.cancelled_at is not None,
        expired=row.expired_at is not None,
        decision=Decision(kind, row.decision_revision) if kind and row.decision_revision else None,
        passes=tuple(
            Pass(known.number, known.issued, known.revoked, known.replaced, known.replaces)
            for known in passes
        ),
        inside=row.inside,
    )


def settle_status(session: Session, row: models.ApplicationRow) -> None:
    """Writes the status that follows from the facts."""
    session.flush()
    row.status = status_of(facts_of(row, passes_of(session, [row.id])[row.id]))


def say(
    session: Session, row: models.ApplicationRow, event: Event, what: str, at: datetime, **facts: str | int
) -> None:
    """Puts an event of ours into the outbox and into the timeline."""
    note(session, row, outbox.add(session, event, at=at), what, at, facts)


def note(
    session: Session,
    row: models.ApplicationRow,
    event_id: UUID,
    what: str,
    at: datetime,
    facts: dict[str, str | int],
) -> None:
    """Puts what happened into the timeline, once for each event."""
    entry = insert(models.TimelineEntryRow).values(
        event_id=event_id, application_id=row.id, at=at, what=what, facts=facts
    )
    session.execute(entry.on_conflict_do_nothing())
    matters_at(row, at)
