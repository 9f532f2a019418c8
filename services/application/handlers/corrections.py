"""The correction of an application that was sent, by its applicant or by the data officer for them.

Before a decision it takes effect at once. After an approval the row stays as it was, and the correction waits
beside it until the department has confirmed or refused it. Approval alone knows which of the two it is: where
a decision has crossed a correction, its `CorrectionSettled` says how it stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.errors import Conflict, NotFound, TooManyAttempts
from contracts.events import CorrectionSettled, People
from contracts.model import ApplicationStatus, Corrector
from contracts.rpc.call import Call
from contracts.rpc.corrections import CORRECT, CorrectApplication, Corrected
from services.application.domain.corrections import (
    check_correction,
    corrected,
    people_of,
    require_correctable,
)
from services.application.handlers import unlocked_sessions
from services.application.handlers.applications import record_revision
from services.application.handlers.event_handlers import Passes, handle_each
from services.application.handlers.rows import Entry, application_of, find, publish, put_people, wanted_of
from services.application.models import ApplicationRow, TimelineEntryRow
from services.chassis.audit.readers import mobile_of
from services.chassis.rpc.idempotency import once

CORRECTED = "corrected"
"""The entry in the timeline."""
CORRECTIONS = 5
"""So often within a day one application is corrected."""
WINDOW = timedelta(days=1)


@dataclass(frozen=True)
class Made:
    """A correction as it was made, from which the answer to a repeated command is rebuilt."""

    reference: str
    status: ApplicationStatus
    waits: bool
    masked: tuple[str, ...]


def correct(
    request: CorrectApplication, call: Call, session: Session, now: datetime, *, rate_limits: bool
) -> Corrected:
    """Correct an application, or ask the department that has approved it to confirm the correction.

    A correction that waits already is replaced; what this one leaves out stays as that one wants it. One that
    brings everything back to what it is takes that one back.

    Raises:
        NotFound: the applicant has no such application.
        Forbidden: ``not_opened``: their session has not opened it.
        Conflict: ``cannot_correct``: the visit has begun, or does not take place; ``application_changed``:
            it was changed or decided since it was read. Both have the fact ``status``.
        TooManyAttempts: it was corrected too often within a day.
        InvalidInput: with every problem, or of ``name``: ``nothing_changed``.
    """
    mobile = mobile_of(call.principal)

    def effect() -> Made:
        row = find(session, request.reference, lock=True)
        if row is None or row.mobile != mobile:
            raise NotFound("there is no such application")
        unlocked_sessions.require_open(session, row, call.principal, now)
        return make(session, row, request, now, "applicant", rate_limits=rate_limits)

    route = f"application.{CORRECT.name}"
    return once(session, call, route, request, effect, Corrected.from_attributes, reference=Made)


def make(
    session: Session,
    row: ApplicationRow,
    request: CorrectApplication,
    now: datetime,
    by: Corrector,
    *,
    rate_limits: bool,
) -> Made:
    """Correct a locked application; the errors are those of `correct`."""
    waits = require_correctable(row.status)
    if request.revision not in (None, row.revision) or request.waits not in (None, waits):
        raise Conflict(
            "it was changed or decided since it was read", code="application_changed", status=row.status
        )
    if rate_limits:
        _refuse_too_many(session, row, now)
    before = application_of(row)
    in_force, most = people_of(before), before.intake.most_companions
    known = wanted_of(row) if waits else None
    people, masked = check_correction(request, known or in_force, most, row.deliver_by)
    fields = in_force.changed_to(people)
    row.corrections += 1
    row.correction = stored(row.corrections, fields, people, now) if waits and fields else None
    if not waits:
        put_people(session, row, people, now)
        # who reads it at the desk then reads it again; what was sent back is not decided
        if row.status == "submitted":
            row.revision += 1
            record_revision(session, application_of(row), masked, now)
    event = corrected(application_of(row), people, fields, row.corrections, waits=waits, by=by)
    facts: dict[str, str | int] = {"fields": ",".join(fields), "waits": int(waits)}
    if by != "applicant":
        facts["by"] = by
    publish(session, row, event, CORRECTED, now, **facts)
    return Made(row.reference, row.status, row.correction is not None, masked)


def stored(number: int, fields: Sequence[str], people: People, sent_at: datetime) -> dict[str, Any]:
    """Return what is stored of a correction that waits."""
    return {
        "number": number,
        "state": "waits",
        "sent_at": sent_at.isoformat(),
        "corrected": list(fields),
        "note": "",
        **people.model_dump(mode="json"),
    }


def handle_correction_settled(
    received: Sequence[Received[CorrectionSettled]], session: Session, now: datetime
) -> None:
    """Record that corrections wait for the department, or what it decided about them.

    What is said of an earlier correction is over: one that came after it is answered, too.
    """

    def settled(one: Received[CorrectionSettled], row: ApplicationRow, _: Passes) -> Entry | None:
        event = one.event
        if one.seq <= row.correction_seq or event.number < row.corrections or not row.is_shown:
            return None
        row.correction_seq = one.seq
        put_people(session, row, event.personal, now)
        facts: dict[str, str | int] = {"fields": ",".join(event.corrected), "department": event.department}
        wanted = event.personal.wanted
        if wanted is None:
            row.correction = None
        else:
            row.correction = stored(event.number, event.corrected, wanted, one.occurred_at)
            if event.outcome == "refused":
                row.correction |= {"state": "refused", "note": event.personal.note}
        return Entry(one.id, f"correction_{event.outcome}", one.occurred_at, facts)

    handle_each(received, session, settled, settle=False)


def _refuse_too_many(session: Session, row: ApplicationRow, now: datetime) -> None:
    """Raise `TooManyAttempts` if an application was corrected so often within a day."""
    entry = TimelineEntryRow
    own = (entry.application_id == row.id) & (entry.what == CORRECTED) & (entry.at > now - WINDOW)
    query = select(entry.at).where(own).order_by(entry.at.desc()).offset(CORRECTIONS - 1).limit(1)
    if (nth := session.scalar(query)) is not None:
        raise TooManyAttempts.until(nth + WINDOW, now, "this application was corrected too often")
