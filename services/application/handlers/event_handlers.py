"""Handlers of other services' events: each sets a fact of an application and adds a timeline entry.

Events arrive in any order and more than once; the status follows from all facts together
(``domain/status.py``). A handler takes all events of its type that wait: two queries lock and read what they
are about, and one statement writes it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import (
    AboutApplication,
    AboutPass,
    ApprovalWithdrawn,
    Decision,
    MessageOutcome,
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
    VisitEnded,
    VisitMoved,
    VisitorArrived,
    VisitorCalled,
)
from contracts.model import IST, ClosureReason, RejectionReason
from services.application.domain.status import DecisionKind
from services.application.handlers.rows import (
    Entry,
    is_one_of,
    locked,
    matters_at,
    passes_of,
    put_people,
    record_all,
    settle_status_by,
    wanted_of,
)
from services.application.models import ApplicationRow, PassRow
from services.application.settings import ApplicationSettings
from services.chassis.db import deferred_writes

TIME_TO_CHOOSE = timedelta(days=14)
"""How long an applicant whose day was closed may take to choose another date."""
D = TypeVar("D", bound=Decision)
E = TypeVar("E", bound=AboutApplication | AboutPass | MessageOutcome)
_TO_OTHERS = (
    "review_escalated", "mobile_changed", "breach_notice", "visitor_arrived", "visitors_many",
    "visitor_unanswered",
)  # fmt: skip
"""Purposes of messages about an application that go to the duty contact, or to a number of before. That
people were told of a breach is no reason to keep them longer, so it stands in no timeline either."""
_DELIVERED = {None: "message_delivered", "delivered": "message_arrived", "read": "message_read"}
"""The entry for each status of a message; without one, the vendor has it."""
Passes = list[PassRow]
_PASSES = PassRow.metadata.tables["passes"]
_PASSAGE = {"admit": "entered", "exit": "left"}
"""Verdicts with which somebody went through a gate; with any other verdict nobody did."""


class UnknownApplication(Exception):
    """The application of an event is not here (yet); the delivery is retried later."""


def handle_approved(received: Sequence[Received[PassApproved]], session: Session) -> None:
    """Record approvals."""

    def approved(one: Received[PassApproved], row: ApplicationRow, _: Passes) -> Entry:
        event = one.event
        return _decided(one, row, "approved", day=event.slot.day, further_days=event.further_days)

    handle_each(received, session, approved)


def handle_moved(received: Sequence[Received[VisitMoved]], session: Session) -> None:
    """Record that departments gave visitors whom they could not receive another day."""

    def moved(one: Received[VisitMoved], row: ApplicationRow, _: Passes) -> Entry:
        return replace(_decided(one, row, "approved", day=one.event.slot.day), what="visit_moved")

    handle_each(received, session, moved)


def handle_rejected(received: Sequence[Received[PassRejected]], session: Session) -> None:
    """Record rejections."""

    def rejected(one: Received[PassRejected], row: ApplicationRow, _: Passes) -> Entry:
        return _decided(one, row, "rejected", reason=one.event.reason, note=one.event.personal.note)

    handle_each(received, session, rejected)


def handle_returned(received: Sequence[Received[PassReturned]], session: Session, now: datetime) -> None:
    """Record that the department returned applications."""

    def returned(one: Received[PassReturned], row: ApplicationRow, _: Passes) -> Entry:
        _correct(session, one, row, now)
        return _decided(one, row, "returned", note=one.event.personal.note)

    handle_each(received, session, returned)


def handle_withdrawn(received: Sequence[Received[ApprovalWithdrawn]], session: Session) -> None:
    """Record that the department withdrew approvals."""

    def withdrawn(one: Received[ApprovalWithdrawn], row: ApplicationRow, _: Passes) -> Entry:
        return _decided(one, row, "withdrawn", reason=one.event.reason, note=one.event.personal.note)

    handle_each(received, session, withdrawn)


def handle_days_closed(received: Sequence[Received[VisitDayClosed]], session: Session, now: datetime) -> None:
    """Let applicants choose another date, because the department closed the day of the visit.

    They have some time for it, also where the day is today, or where the application had expired. Whoever has
    asked for other dates meanwhile waits for a decision on them. A visit of several days stays approved for
    its other days.
    """

    def closed(one: Received[VisitDayClosed], row: ApplicationRow, _: Passes) -> Entry:
        event = one.event
        note, day = event.personal.note, (event.day, event.reason)
        if not event.remaining_days:
            _correct(session, one, row, now)
            return _decided(one, row, "returned", note=note, closed=day)
        first, *further = event.remaining_days
        return _decided(one, row, "approved", day=first, further_days=further, note=note, closed=day)

    handle_each(received, session, closed)


def handle_days_reopened(
    received: Sequence[Received[VisitDayReopened]], session: Session, now: datetime
) -> None:
    """Record that applicants who were asked for another date may choose the closed day again."""

    def reopened(one: Received[VisitDayReopened], row: ApplicationRow, _: Passes) -> Entry:
        _correct(session, one, row, now)
        return _decided(one, row, "returned", closed=(one.event.day, None))

    handle_each(received, session, reopened)


def handle_escalated(received: Sequence[Received[ReviewEscalated]], session: Session) -> None:
    """Record who was asked because reviews waited too long."""

    def escalated(one: Received[ReviewEscalated], row: ApplicationRow, _: Passes) -> Entry:
        event, at = one.event, one.occurred_at
        facts: dict[str, str | int] = {"level": event.level, "department": event.department}
        if event.step:
            facts["step"] = event.step
        if event.step == "reception":
            row.reception_asked_at = max(row.reception_asked_at or at, at)
        return Entry(one.id, "escalated", at, facts)

    handle_each(received, session, escalated, settle=False)


def handle_issued(received: Sequence[Received[PassIssued]], session: Session) -> None:
    """Record passes."""

    def issued(one: Received[PassIssued], row: ApplicationRow, passes: Passes) -> Entry | None:
        event = one.event
        known = _pass(passes, row, event.pass_number)
        known.issued, known.replaces = True, event.replaces
        if one.seq > known.issued_seq:
            known.issued_seq = one.seq
            known.valid_from, known.valid_to = event.valid_from, event.valid_to
            known.further_days, known.recurring = list(event.further_days), event.recurring
        matters_at(row, event.ends_at)
        if event.is_update:  # the closing of its day is in the timeline already
            return None
        return Entry(one.id, "pass_reissued" if event.replaces else "pass_issued", one.occurred_at, {})

    handle_each(received, session, issued)


def handle_revoked(received: Sequence[Received[PassRevoked]], session: Session) -> None:
    """Record that passes were revoked."""

    def revoked(one: Received[PassRevoked], row: ApplicationRow, passes: Passes) -> Entry:
        event = one.event
        known = _pass(passes, row, event.pass_number)
        known.revoked, known.replaced = True, event.replaced
        known.day_closed = event.reason == "day_closed"
        return Entry(one.id, "pass_revoked", one.occurred_at, {"reason": event.reason})

    handle_each(received, session, revoked)


def handle_delivered(received: Sequence[Received[NotificationDelivered]], session: Session) -> None:
    """Record that messages to applicants were sent, arrived or were read; ignore other messages."""

    def delivered(one: Received[NotificationDelivered], _row: ApplicationRow, _: Passes) -> Entry:
        event = one.event
        facts: dict[str, str | int] = {"purpose": event.purpose, "channel": event.channel}
        if event.possible_duplicate:
            facts["possible_duplicate"] = 1
        return Entry(one.id, _DELIVERED[event.status], one.occurred_at, facts)

    handle_each([one for one in received if _is_to_applicant(one.event)], session, delivered, settle=False)


def handle_failed(received: Sequence[Received[NotificationFailed]], session: Session) -> None:
    """Record that messages to applicants failed; ignore other messages."""

    def failed(one: Received[NotificationFailed], _row: ApplicationRow, _: Passes) -> Entry:
        event = one.event
        facts: dict[str, str | int] = {"purpose": event.purpose, "channel": event.channel}
        if event.next_channel is not None:
            facts["next"] = event.next_channel
        return Entry(one.id, "message_failed", one.occurred_at, {**facts, "reason": event.reason})

    handle_each([one for one in received if _is_to_applicant(one.event)], session, failed, settle=False)


def handle_scanned(
    received: Sequence[Received[PassScanned]], session: Session, settings: ApplicationSettings
) -> None:
    """Record entries and exits; ignore refused scans. Who has left is asked whether they were met.

    Nobody is asked after an exit that no gate saw, nor whoever comes each week with a standing pass.
    """
    ask_after = timedelta(minutes=settings.ask_met_minutes)

    def scanned(one: Received[PassScanned], row: ApplicationRow, passes: Passes) -> Entry:
        event = one.event
        if one.seq > row.scan_seq:
            row.scan_seq, row.inside = one.seq, event.inside
            row.scanned_pass = event.pass_number if "no_entry" not in event.marks else None
            left = event.verdict == "exit" and not event.inside and "assumed_left" not in event.marks
            day, asked = event.scanned_at.astimezone(IST).date(), row.asked_met_at
            is_new_day = asked is None or (asked - ask_after).astimezone(IST).date() < day
            recurring = any(known.recurring for known in passes if known.number == event.pass_number)
            if ask_after and left and is_new_day and not recurring:
                row.ask_met_at = event.scanned_at + ask_after
            elif event.inside:  # an entry of a gate that was offline may be heard of after the exit
                row.ask_met_at = None
        facts: dict[str, str | int] = {"gate": event.gate, "count": event.count, "inside": event.inside}
        if event.marks:
            facts["marks"] = ",".join(event.marks)
        return Entry(one.id, _PASSAGE[event.verdict], event.scanned_at, facts)

    handle_each([one for one in received if one.event.verdict in _PASSAGE], session, scanned)


def handle_arrived(received: Sequence[Received[VisitorArrived]], session: Session) -> None:
    """Record that the office knows who has come."""

    def arrived(one: Received[VisitorArrived], _row: ApplicationRow, _: Passes) -> Entry:
        return Entry(one.id, "office_told", one.occurred_at, {"department": one.event.department})

    handle_each(received, session, arrived, settle=False)


def handle_called(received: Sequence[Received[VisitorCalled]], session: Session) -> None:
    """Record what the office said to visitors who have come."""

    def called(one: Received[VisitorCalled], _row: ApplicationRow, _: Passes) -> Entry:
        event = one.event
        facts: dict[str, str | int] = {"answer": event.answer, "department": event.department}
        if event.room:
            facts["room"] = event.room
        if event.wait_until:
            facts["until"] = event.wait_until.isoformat()
        return Entry(one.id, "visit_answered", one.occurred_at, facts)

    handle_each(received, session, called, settle=False)


def handle_visits_ended(received: Sequence[Received[VisitEnded]], session: Session) -> None:
    """Record how visits ended, in the word of whoever says so."""

    def ended(one: Received[VisitEnded], _row: ApplicationRow, _: Passes) -> Entry:
        event = one.event
        facts: dict[str, str | int] = {"outcome": event.outcome, "said_by": event.said_by}
        if event.reason:
            facts["reason"] = event.reason
        return Entry(one.id, "visit_ended", one.occurred_at, facts)

    handle_each(received, session, ended, settle=False)


def handle_each(
    received: Sequence[Received[E]],
    session: Session,
    happened: Callable[[Received[E], ApplicationRow, Passes], Entry | None],
    *,
    settle: bool = True,
) -> None:
    """Lock the applications of some events, and record what each event says.

    Args:
        received: the events, in their order; those about no application are ignored.
        happened: is called with each event, the row of its application and the passes of that. It changes
            these, and returns the entry in the timeline.
        settle: whether their status may change; else the passes are not read.

    Raises:
        UnknownApplication: one of the applications is not here (yet).
    """
    about = [(found, one) for one in received if (found := one.event.application_id) is not None]
    if not about:
        return
    rows = _locked(session, {application_id for application_id, _ in about})
    passes = passes_of(session, rows) if settle else {}
    entries = []
    for application_id, one in about:
        row = rows[application_id]
        entry = happened(one, row, passes.get(application_id, []))
        if entry is not None:
            entries.append((row, entry))
    record_all(session, entries)
    for application_id, known in passes.items():
        settle_status_by(rows[application_id], known)
    deferred_writes.update_changed(session, rows.values())
    _store(session, [one for known in passes.values() for one in known])


def _store(session: Session, passes: Passes) -> None:
    """Insert the passes that are new, and update those that have changed."""
    new = [one for one in passes if inspect(one).transient]
    columns = _PASSES.columns.keys()
    deferred_writes.insert(session, _PASSES, [{key: getattr(one, key) for key in columns} for one in new])
    deferred_writes.update_changed(session, [one for one in passes if one not in new])


def _decided(
    received: Received[D],
    row: ApplicationRow,
    kind: DecisionKind,
    *,
    day: date | None = None,
    further_days: Sequence[date] = (),
    reason: RejectionReason | None = None,
    note: str = "",
    closed: tuple[date, ClosureReason | None] | None = None,
) -> Entry:
    """Record a decision; the latest one, with the revision that it decided, counts. Return its entry.

    Args:
        day: of the approved visit, its first one.
        further_days: the days after it.
        reason: of a rejection or a withdrawal.
        note: the department's own words.
        closed: the day that the department closed, and why; no reason where it has lifted the closing.
    """
    event = received.event
    if closed is None:  # whose day was closed still waits for an answer
        row.answered_at = min(row.answered_at or received.occurred_at, received.occurred_at)
    if received.seq > row.decision_seq:
        row.decision_seq, row.decision_kind, row.decision_revision = received.seq, kind, event.revision
        row.decided_day, row.further_days, row.decision_reason = day, list(further_days), reason
        row.closed_day, row.closure_reason = closed or (None, None)
        row.note = "" if row.erased_at else note
        if kind != "approved":
            row.correction = None
            row.correction_seq = max(row.correction_seq, received.seq)  # what was said before it is over
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
    return Entry(received.id, what, received.occurred_at, facts)


def _correct(session: Session, received: Received[D], row: ApplicationRow, now: datetime) -> None:
    """Let a correction take effect that waits: an application was sent back, so nobody has to confirm it."""
    wanted = wanted_of(row)
    if received.seq > row.decision_seq and wanted is not None:
        put_people(session, row, wanted, now)


def _locked(session: Session, application_ids: set[UUID]) -> dict[UUID, ApplicationRow]:
    """Return the applications, locked in the order of their ids."""
    query = select(ApplicationRow).where(is_one_of(ApplicationRow.id, application_ids))
    rows = {row.id: row for row in session.scalars(locked(query.order_by(ApplicationRow.id)))}
    if missing := application_ids - rows.keys():
        raise UnknownApplication(str(missing))
    return rows


def _pass(passes: Passes, row: ApplicationRow, number: str) -> PassRow:
    """Return the pass with this number; add it to the passes of its application if it is not known yet."""
    known = next((one for one in passes if one.number == number), None)
    if known is None:
        known = PassRow(
            number=number, application_id=row.id, issued_seq=0, issued=False, revoked=False, replaced=False,
            day_closed=False, further_days=[], recurring=False,
        )  # fmt: skip
        passes.append(known)
    return known


def _is_to_applicant(event: NotificationDelivered | NotificationFailed) -> bool:
    return event.application_id is not None and event.purpose not in _TO_OTHERS
