"""Handlers of other services' events: each sets a fact of an application and adds a timeline entry.

Events arrive in any order and more than once; the status follows from all facts together
(``domain/status.py``).
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import (
    ApprovalWithdrawn,
    Decision,
    Event,
    NotificationDelivered,
    NotificationFailed,
    PassApproved,
    PassIssued,
    PassRejected,
    PassReturned,
    PassRevoked,
    PassScanned,
    ReviewEscalated,
    VisitDayClosed,
    VisitDayReopened,
)
from contracts.model import ClosureReason, RejectionReason
from services.application import models
from services.application.domain.status import DecisionKind
from services.application.handlers.rows import (
    Entry,
    locked,
    matters_at,
    passes_of,
    record,
    record_all,
    settle_status,
    settle_status_by,
)
from services.chassis.db import deferred_writes

TIME_TO_CHOOSE = timedelta(days=14)
"""How long an applicant whose day was closed may take to choose another date."""
D = TypeVar("D", bound=Decision)
E = TypeVar("E", bound=Event)
_TO_DUTY_CONTACT = "review_escalated"
"""The purpose of a message about an application that does not go to its applicant."""
_APPLICATIONS = models.ApplicationRow.metadata.tables["applications"]
_CHANGED_BY_SCANS = ("id", "scan_seq", "inside", "scanned_pass", "last_matters_at", "status")
"""The columns that scans may change, and the key."""
_PASSAGE = {"admit": "entered", "exit": "left"}
"""Verdicts with which somebody went through a gate; with any other verdict nobody did."""


class UnknownApplication(Exception):
    """The application of an event is not here (yet); the delivery is retried later."""


def handle_pass_approved(received: Received[PassApproved], session: Session) -> None:
    """Record an approval."""
    event = received.event
    _decided(received, session, "approved", day=event.slot.day, further_days=event.further_days)


def handle_pass_rejected(received: Received[PassRejected], session: Session) -> None:
    """Record a rejection."""
    _decided(received, session, "rejected", reason=received.event.reason, note=received.event.personal.note)


def handle_pass_returned(received: Received[PassReturned], session: Session) -> None:
    """Record that the department returned the application."""
    _decided(received, session, "returned", note=received.event.personal.note)


def handle_approval_withdrawn(received: Received[ApprovalWithdrawn], session: Session) -> None:
    """Record that the department withdrew its approval."""
    event = received.event
    _decided(received, session, "withdrawn", reason=event.reason, note=event.personal.note)


def handle_visit_day_closed(received: Received[VisitDayClosed], session: Session) -> None:
    """Let the applicant choose another date, because the department closed the day of the visit.

    They have some time for it, also where the day is today, or where the application had expired. Whoever has
    asked for other dates meanwhile waits for a decision on them. A visit of several days stays approved for
    its other days.
    """
    event = received.event
    note, closed = event.personal.note, (event.day, event.reason)
    if event.remaining_days:
        first, *further = event.remaining_days
        days = tuple(further)
        _decided(received, session, "approved", day=first, further_days=days, note=note, closed=closed)
    else:
        _decided(received, session, "returned", note=note, closed=closed)


def handle_visit_day_reopened(received: Received[VisitDayReopened], session: Session) -> None:
    """Record that an applicant who was asked for another date may choose the closed day again."""
    _decided(received, session, "returned", closed=(received.event.day, None))


def handle_review_escalated(received: Received[ReviewEscalated], session: Session) -> None:
    """Record who was asked because the review waited too long."""
    event = received.event
    facts: dict[str, str | int] = {"level": event.level, "department": event.department}
    if event.step:
        facts["step"] = event.step
    row = _locked(session, event.application_id)
    if event.step == "reception":
        row.reception_asked_at = max(row.reception_asked_at or received.occurred_at, received.occurred_at)
    _record(session, row, received, "escalated", **facts)


def handle_pass_issued(received: Received[PassIssued], session: Session) -> None:
    """Record a pass."""
    event = received.event
    row = _locked(session, event.application_id)
    known, passes = _passes(session, row, event.pass_number)
    known.issued, known.replaces = True, event.replaces
    if received.seq > known.issued_seq:
        known.issued_seq = received.seq
        known.valid_from, known.valid_to = event.valid_from, event.valid_to
        known.further_days = list(event.further_days)
    matters_at(row, event.ends_at)
    if not event.is_update:  # the closing of its day is in the timeline already
        _record(session, row, received, "pass_reissued" if event.replaces else "pass_issued")
    settle_status_by(row, passes)


def handle_pass_revoked(received: Received[PassRevoked], session: Session) -> None:
    """Record that a pass was revoked."""
    event = received.event
    row = _locked(session, event.application_id)
    known, passes = _passes(session, row, event.pass_number)
    known.revoked, known.replaced = True, event.replaced
    known.day_closed = event.reason == "day_closed"
    _record(session, row, received, "pass_revoked", reason=event.reason)
    settle_status_by(row, passes)


def handle_notification_delivered(received: Received[NotificationDelivered], session: Session) -> None:
    """Record that a message to the applicant was delivered; ignore other messages."""
    event = received.event
    if event.application_id is not None and event.purpose != _TO_DUTY_CONTACT:
        row = _locked(session, event.application_id)
        _record(session, row, received, "message_delivered", purpose=event.purpose, channel=event.channel)


def handle_notification_failed(received: Received[NotificationFailed], session: Session) -> None:
    """Record that a message to the applicant failed; ignore other messages."""
    event = received.event
    if event.application_id is not None and event.purpose != _TO_DUTY_CONTACT:
        row = _locked(session, event.application_id)
        _record(
            session,
            row,
            received,
            "message_failed",
            purpose=event.purpose,
            channel=event.channel,
            reason=event.reason,
        )


def handle_passes_scanned(received: Sequence[Received[PassScanned]], session: Session) -> None:
    """Record entries and exits; ignore refused scans.

    Raises:
        UnknownApplication: one of the applications is not here (yet).
    """
    passages = [one for one in received if one.event.verdict in _PASSAGE]
    wanted = {one.event.application_id for one in passages}
    query = select(models.ApplicationRow).where(models.ApplicationRow.id.in_(wanted))
    rows = {row.id: row for row in session.scalars(locked(query.order_by(models.ApplicationRow.id)))}
    if missing := wanted - rows.keys():
        raise UnknownApplication(str(missing))
    for one in passages:
        event, row = one.event, rows[one.event.application_id]
        if one.seq > row.scan_seq:
            row.scan_seq, row.inside, row.scanned_pass = one.seq, event.inside, event.pass_number
    if passages:
        record_all(session, [(rows[one.event.application_id], _entry_of_scan(one)) for one in passages])
        settle_status(session, *rows.values())
        deferred_writes.update_from(session, _APPLICATIONS, _CHANGED_BY_SCANS, rows.values())


def _entry_of_scan(received: Received[PassScanned]) -> Entry:
    event = received.event
    facts: dict[str, str | int] = {"gate": event.gate, "count": event.count, "inside": event.inside}
    if event.marks:
        facts["marks"] = ",".join(event.marks)
    return Entry(received.id, _PASSAGE[event.verdict], event.scanned_at, facts)


def _decided(
    received: Received[D],
    session: Session,
    kind: DecisionKind,
    *,
    day: date | None = None,
    further_days: tuple[date, ...] = (),
    reason: RejectionReason | None = None,
    note: str = "",
    closed: tuple[date, ClosureReason | None] | None = None,
) -> None:
    """Record a decision; the latest one, with the revision that it decided, counts.

    Args:
        received: the decision.
        session: the transaction.
        kind: what was decided.
        day: of the approved visit, its first one.
        further_days: the days after it.
        reason: of a rejection or a withdrawal.
        note: the department's own words.
        closed: the day that the department closed, and why; no reason where it has lifted the closing.
    """
    event = received.event
    row = _locked(session, event.application_id)
    if closed is None:  # whose day was closed still waits for an answer
        row.answered_at = min(row.answered_at or received.occurred_at, received.occurred_at)
    if received.seq > row.decision_seq:
        row.decision_seq, row.decision_kind, row.decision_revision = received.seq, kind, event.revision
        row.decided_day, row.further_days, row.decision_reason = day, list(further_days), reason
        row.closed_day, row.closure_reason = closed or (None, None)
        row.note = "" if row.erased_at else note
        if kind == "returned" and closed and event.revision == row.revision:
            row.preferred_until = max(row.preferred_until, received.occurred_at + TIME_TO_CHOOSE)
            matters_at(row, row.preferred_until)
    facts: dict[str, str | int] = {"department": event.department, "revision": event.revision}
    if reason:
        facts["reason"] = reason
    if closed:
        facts["closed"] = closed[0].isoformat()
    if closed and closed[1]:
        facts["closure"] = closed[1]
    if event.on_behalf_of:
        facts["on_behalf_of"] = event.on_behalf_of
    what: str = kind
    if closed:
        what = "day_dropped" if kind == "approved" else "day_closed" if closed[1] else "day_reopened"
    _record(session, row, received, what, **facts)
    settle_status(session, row)


def _locked(session: Session, application_id: UUID) -> models.ApplicationRow:
    row = session.scalars(
        locked(select(models.ApplicationRow).where(models.ApplicationRow.id == application_id))
    ).one_or_none()
    if row is None:
        raise UnknownApplication(str(application_id))
    return row


def _passes(
    session: Session, row: models.ApplicationRow, number: str
) -> tuple[models.PassRow, list[models.PassRow]]:
    """Return the pass with this number, made if it is not known yet, and all passes of its application."""
    passes = passes_of(session, [row.id])[row.id]
    known = next((one for one in passes if one.number == number), None)
    if known is None:
        known = models.PassRow(
            number=number, application_id=row.id, issued_seq=0, issued=False, revoked=False, replaced=False,
            day_closed=False,
        )  # fmt: skip
        session.add(known)
        passes.append(known)
    return known, passes


def _record(
    session: Session, row: models.ApplicationRow, received: Received[E], what: str, **facts: str | int
) -> None:
    record(session, row, received.id, what, received.occurred_at, facts)
