"""What visitors say of their visit themselves, and the question whether they were met."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.errors import Conflict, Forbidden, NotFound
from contracts.events import QuestionAnswered, VisitorAnswered, VisitorLeft, VisitorSaid
from contracts.last_day import CLOCKS_DIFFER, of_last_day
from contracts.model import IST, Contact, VisitOutcome, next_day
from contracts.rpc.application import (
    SAY_MET,
    SAY_MET_HERE,
    Acknowledged,
    SayMet,
    SayMetHere,
    TimelineEntry,
    VisitOfPass,
)
from contracts.rpc.call import Call
from contracts.rpc.issuance import PassNumber
from services.application.domain.status import current_pass
from services.application.handlers import unlocked_sessions
from services.application.handlers.authorization import side_of
from services.application.handlers.event_handlers import UnknownApplication
from services.application.handlers.queries import find_by_last4
from services.application.handlers.rows import (
    Entry,
    cancel_row,
    facts_of,
    find,
    locked,
    passes_of,
    publish,
    record_all,
)
from services.application.handlers.views import INSIDE, PRESENCE, timeline_of
from services.application.metrics import QUESTIONS, WITHOUT_EFFECT
from services.application.models import ApplicationRow, PassRow
from services.chassis.db.database import after_commit
from services.chassis.rpc.idempotency import once

TOLD = INSIDE | {"visitor_coming"}
"""What the page of a pass tells."""
BATCH = 100
SAID_WITHIN = timedelta(days=7)
"""So long after the last entry or exit a visitor says whether they were met."""
ASKED_WITHIN = timedelta(hours=3)
"""So long after they were to be asked a visitor is asked; an exit that is heard of later asks nobody."""


def say_met(request: SayMet, call: Call, session: Session, now: datetime) -> Acknowledged:
    """Store whether a visitor was met, in their own word; the newest counts.

    Raises:
        NotFound: the applicant has no such application.
        Forbidden: ``not_opened``: their session has not opened it.
        Conflict: ``no_visit``: nobody of it has come, or they did a week ago.
    """

    def effect() -> str:
        row = find(session, request.reference, lock=True)
        if row is None or side_of(call.principal, row.mobile, row.site) != "applicant":
            raise NotFound("there is no such application")
        unlocked_sessions.require_open(session, row, call.principal, now)
        return _say_of_a_visit(session, row, request.outcome, now)

    answer = partial(_acknowledge, session)
    return once(session, call, f"application.{SAY_MET.name}", request, effect, answer, reference=str)


def say_met_here(request: SayMetHere, call: Call, session: Session, now: datetime) -> Acknowledged:
    """Store whether a visitor was met, as they say at a kiosk on their way out; the newest word counts.

    Raises:
        NotFound: a reference or digits that are wrong, or an application of another site.
        Forbidden: the caller is no kiosk.
        Conflict: as `say_met`.
    """
    if call.principal.role != "kiosk":
        raise Forbidden("this is for kiosks")

    def effect() -> str:
        row = find_by_last4(session, request)
        session.refresh(row, with_for_update=True)
        if row.site != call.principal.site:
            raise NotFound("there is no such application")
        return _say_of_a_visit(session, row, request.outcome, now)

    answer = partial(_acknowledge, session)
    return once(session, call, f"application.{SAY_MET_HERE.name}", request, effect, answer, reference=str)


def _acknowledge(session: Session, reference: str) -> Acknowledged:
    found = find(session, reference)
    return Acknowledged(reference=reference, status=found.status if found else "left")


def _say_of_a_visit(session: Session, row: ApplicationRow, outcome: VisitOutcome, now: datetime) -> str:
    """Publish what a visitor says of a visit that has taken place, and return its reference.

    Raises:
        Conflict: ``no_visit``: nobody of it has come, or they did a week ago.
    """
    told = timeline_of(session, row)
    scans = [entry.at for entry in told if entry.what in PRESENCE]
    if row.status not in PRESENCE or not _has_come(told, now) or now > scans[-1] + SAID_WITHIN:
        raise Conflict("nobody has come", code="no_visit", status=row.status)
    _say(session, row, outcome, now)
    return row.reference


def hear_answer(received: Received[VisitorAnswered], session: Session, now: datetime) -> None:
    """Do what a visitor said on the page of their pass: cancel a visit to which they do not come.

    What comes too late changes nothing: they have come, the pass is another one, nobody has come. That they
    come is recorded once for each day of the pass.

    Raises:
        UnknownApplication: the application or its pass is not here (yet).
    """
    event, at = received.event, received.occurred_at
    row = session.scalars(
        locked(select(ApplicationRow).where(ApplicationRow.id == event.application_id))
    ).one_or_none()
    if row is None:
        raise UnknownApplication
    facts = facts_of(row, passes_of(session, [row.id])[row.id])
    if event.pass_number not in {known.number for known in facts.passes if known.issued}:
        raise UnknownApplication
    counting = current_pass(facts.passes)
    is_of_now = row.is_shown and counting is not None and counting.number == event.pass_number
    if event.answer in ("met", "not_met"):
        if is_of_now:
            _hear(session, row, "met" if event.answer == "met" else "not_met", at, _day(at))
            return
    elif is_of_now and row.status == "issued" and event.answer == "not_coming":
        cancel_row(session, row, "applicant", now)
        return
    elif is_of_now and event.answer == "coming":
        known = session.get_one(PassRow, event.pass_number)
        if known.valid_from and known.valid_to:
            first = _day(known.valid_from)
            day_at = partial(next_day, known.valid_to, first, known.further_days)
            day = day_at(at)
            said = (entry for entry in timeline_of(session, row) if entry.what == "visitor_coming")
            if row.status == "issued" or (row.status in PRESENCE and day and day > first):
                if all(day_at(entry.at) != day for entry in said):
                    record_all(session, [(row, Entry(received.id, "visitor_coming", at, {}))])
                return
    after_commit(session, WITHOUT_EFFECT.labels(event.answer).inc)


def hear_reply(received: Received[QuestionAnswered], session: Session) -> None:
    """Store whether a visitor was met, as they said by a plain reply to the question."""
    event = received.event
    if event.purpose != "visit_question":
        return
    row = session.scalars(
        locked(select(ApplicationRow).where(ApplicationRow.id == event.application_id))
    ).one_or_none()
    answer: VisitOutcome = "met" if event.yes else "not_met"
    if row is not None and row.is_shown and received.occurred_at <= event.until:
        _hear(session, row, answer, received.occurred_at, _day(event.until - ASKED_WITHIN))
    else:
        after_commit(session, WITHOUT_EFFECT.labels(answer).inc)


def ask_whether_met(session: Session, now: datetime) -> int:
    """Ask visitors who have left whether they were met, unless somebody has said it; return how many."""
    due = select(ApplicationRow).where(ApplicationRow.ask_met_at <= now).order_by(ApplicationRow.ask_met_at)
    rows = session.scalars(due.limit(BATCH).with_for_update(skip_locked=True)).all()
    for row in rows:
        asked_for, row.ask_met_at = row.ask_met_at, None
        if row.status != "left" or not row.is_shown or asked_for is None:
            continue
        told = timeline_of(session, row)
        if any(entry.what == "visit_ended" for entry in of_last_day(told)):
            continue
        if not _has_come(told, now):
            after_commit(session, QUESTIONS.labels("no_entry").inc)
            continue
        until = asked_for + ASKED_WITHIN
        if now >= until:
            after_commit(session, QUESTIONS.labels("late").inc)
            continue
        row.asked_met_at = asked_for
        event = VisitorLeft(
            application_id=row.id,
            reference=row.reference,
            department=row.department,
            until=until,
            language=row.language,
            deliver_by=row.deliver_by,
            personal=Contact(mobile=row.mobile, email=row.email),
        )
        publish(session, row, event, "visit_question", now)
        after_commit(session, QUESTIONS.labels("asked").inc)
    return len(rows)


def view_by_pass(request: PassNumber, session: Session) -> VisitOfPass:
    """Return where the visitor of a pass is in their visit. The gateway asks for whoever has its link.

    Raises:
        NotFound: there is no such pass, or another one has its place.
    """
    known = session.get(PassRow, request.number)
    row = (
        session.get(ApplicationRow, known.application_id) if known is not None and not known.revoked else None
    )
    if row is None or not row.is_shown:
        raise NotFound("there is no such pass")
    told = tuple(entry for entry in timeline_of(session, row) if entry.what in TOLD)
    return VisitOfPass(status=row.status, timeline=told)


def _day(at: datetime) -> date:
    return at.astimezone(IST).date()


def _has_come(told: Sequence[TimelineEntry], at: datetime) -> bool:
    """Return whether an entry is known; without one the department has no visit to show a word beside.

    A gate without a network may hand in the exit before the entry.
    """
    return any(entry.what == "entered" and entry.at <= at + CLOCKS_DIFFER for entry in told)


def _hear(session: Session, row: ApplicationRow, outcome: VisitOutcome, at: datetime, about: date) -> None:
    """Publish what a visitor said at ``at`` of their visit on a day, unless they have said it.

    Events may arrive late: a word changes nothing that is older than another one, or about a day after which
    they came again, or that was said before anybody came.
    """
    told = timeline_of(session, row)
    came = [entry.at for entry in told if entry.what == "entered"]
    said = [entry for entry in told if entry.facts.get("said_by") == "visitor"]
    is_over = any(_day(one) > about for one in came) or (said and at < said[-1].at)
    if row.status not in PRESENCE or not _has_come(told, at) or is_over:
        after_commit(session, WITHOUT_EFFECT.labels(outcome).inc)
    elif not (said and said[-1].facts["outcome"] == outcome and _day(said[-1].at) == _day(at)):
        _say(session, row, outcome, at)


def _say(session: Session, row: ApplicationRow, outcome: VisitOutcome, at: datetime) -> None:
    """Publish whether a visitor was met, in their own word."""
    event = VisitorSaid(application_id=row.id, reference=row.reference, outcome=outcome)
    publish(session, row, event, "visit_ended", at, outcome=outcome, said_by="visitor")
