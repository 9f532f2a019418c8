"""Corrections of who comes: they take effect, or they wait until the department confirms them.

Without an approval in force a correction takes effect at once, and the desk shows that there was one. An
approved visit stays as it was approved. Its correction waits on the desk, for as long as the visit has not
begun and is not over; then it changes nothing any more, and nobody is asked.
"""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts import rpc
from contracts.errors import Conflict, InvalidInput
from contracts.events import ApplicationCorrected, ApplicationDetails, CorrectionPersonal, CorrectionSettled
from contracts.events import People as Party
from contracts.free_text import note_problem
from contracts.model import IST, Slot
from contracts.rpc.approval.decisions import SettleCorrection
from contracts.rpc.approval.reviews import ReviewView
from contracts.rpc.call import Call
from services.approval import metrics
from services.approval.domain import reviews
from services.approval.handlers import capacity, held_decisions, reference_data, watchlist
from services.approval.handlers.authorization import login_of, own_review
from services.approval.handlers.corrections_to_confirm import (
    correction_waits,
    has_begun,
    is_near,
    visit_begins,
)
from services.approval.handlers.delegations import decides_for
from services.approval.handlers.queries import view
from services.approval.handlers.reference_data import ReferenceData
from services.approval.models.reviews import BookingRow, ReviewRow
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once


def hear(row: ReviewRow, event: ApplicationCorrected, at: datetime) -> bool:
    """Note a correction of a locked review; return whether it takes effect at once.

    What it changes of an approved visit is compared here: application may not know what was approved, or
    confirmed, just now. It is told where it could not know how the correction stands.
    """
    people = Party(applicant=event.personal.applicant, companions=event.personal.companions)
    is_approved, changes = row.status == "approved", event.corrected
    if is_approved:
        known = row.application.personal
        changes = Party(applicant=known.applicant, companions=known.companions).changed_to(people)
    noted = {
        "number": event.number,
        "corrected": list(changes),
        "at": at.isoformat(),
        "by": event.corrected_by,
    }
    if row.status == "withdrawn" or (is_approved and not changes and not event.corrected):
        drop(row)  # nobody comes; or the applicant has taken back the one that waited
    elif is_approved and changes:
        row.correction = {**noted, "people": people.model_dump(mode="json"), "confirmed_by": None}
        row.correction_since = at
        row.application = reviews.with_contact_of(row.application, event)
    else:
        row.correction, row.correction_since = noted, None
    return row.status not in reviews.WITH_PASS


def tell(session: Session, row: ReviewRow, event: ApplicationCorrected, at: datetime) -> None:
    """Publish how a correction stands where application has expected something else."""
    waits = row.correction_since is not None
    if row.correction is not None and (
        waits != event.waits or (waits and set(row.correction["corrected"]) != set(event.corrected))
    ):
        _publish(session, row, "waits" if waits else "applied", at)


def take_effect(session: Session, row: ReviewRow, now: datetime) -> None:
    """Apply a correction that waits, because the approval has ended that it would have changed.

    Application does the same when it hears of that end, so nothing is published.
    """
    wanted = _wanted(row)
    if wanted is None:
        return
    _apply(row, wanted)
    watchlist.mark(session, row, now, reference_data.current(session, now.astimezone(IST).date()))


def drop(row: ReviewRow) -> None:
    """Forget a correction of a visit that does not take place."""
    row.correction = row.correction_since = None


def settle(request: SettleCorrection, call: Call, session: Session, now: datetime) -> ReviewView:
    """Confirm or refuse the correction of an approved visit.

    Somebody new who is on the watchlist needs two officers, as in an application.

    Raises:
        NotFound, Forbidden: as `own_review`.
        Conflict: ``already_settled``: no correction waits; ``application_changed``: another one does;
            ``standing_not_corrected``: it is a standing pass, which is ended, and asked for anew;
            ``visit_begun``: somebody of the party went in; ``second_officer``: another one has to confirm it.
        InvalidInput: the note of a refusal is missing, or as `note_problem`.
        InvalidInput, Conflict: as `capacity.book`, where more people are to come.
    """
    changed: ReviewRow | None = None

    def carry_out() -> UUID:
        nonlocal changed
        watchlist.await_confirmations(session)
        today, login = now.astimezone(IST).date(), login_of(call.principal)
        changed, data = own_review(session, call.principal, request.review_id, today)
        wanted = _wanted(changed)
        if wanted is not None and 1 + len(wanted.companions) != changed.application.party:
            data = _lock_days(session, changed, today)  # before delegations, as an approval does
        decides_for(session, call.principal, changed, now, request.on_behalf_of, data, prepares=False)
        if wanted is None or changed.correction is None:
            raise Conflict("no correction waits", code="already_settled")
        if changed.correction["number"] != request.number:
            raise Conflict("another correction came since", code="application_changed")
        held_decisions.let_go(session, changed)
        if request.confirm:
            _confirm(session, changed, wanted, login, data, now)
        else:
            _refuse(session, changed, wanted, request.note, now)
        session.flush()
        return changed.id

    def answer(review_id: UUID) -> ReviewView:
        return view(changed or session.get_one(ReviewRow, review_id))

    route = f"approval.{rpc.approval.decisions.SETTLE_CORRECTION.name}"
    return once(session, call, route, request, carry_out, answer, reference=UUID)


def measure(session: Session, now: datetime) -> None:
    """Measure for how long the oldest correction waits, and how many of those that wait are urgent."""
    data, row = reference_data.current(session, now.astimezone(IST).date()), ReviewRow
    found = select(func.coalesce(row.correction_since, now), visit_begins(now), row.site, row.department)
    waiting = session.execute(found.where(correction_waits(now))).all()
    oldest = min((since for since, *_ in waiting), default=now)
    metrics.CORRECTION_WAITS.set(max((now - oldest).total_seconds(), 0.0))
    urgent = [is_near(begins, site, department, data, now) for _, begins, site, department in waiting]
    metrics.CORRECTIONS_URGENT.set(sum(urgent))


def _confirm(
    session: Session, row: ReviewRow, wanted: Party, login: str, data: ReferenceData, now: datetime
) -> None:
    if row.standing_state is not None:
        raise Conflict("the ADO Branch has approved this person", code="standing_not_corrected")
    if has_begun(row):
        raise Conflict("somebody of the party went in", code="visit_begun")
    assert row.correction is not None
    first = row.correction["confirmed_by"]
    if watchlist.has_newcomers(session, row, (wanted.applicant, *wanted.companions), data):
        if first is None:
            row.correction = {**row.correction, "confirmed_by": login}
            return
        if first == login:
            raise Conflict("another officer must confirm it, too", code="second_officer")
    party = row.application.party
    _apply(row, wanted)
    if row.application.party > party:
        _book_again(session, row, data, now)
    else:  # fewer have their places already, however many the department takes now
        for one in _booked(session, row):
            one.party = row.application.party
    watchlist.mark(session, row, now, data)
    _publish(session, row, "applied", now)


def _refuse(session: Session, row: ReviewRow, wanted: Party, words: str, now: datetime) -> None:
    problem = note_problem(words) or ("" if words.strip() else "required")
    if problem:
        raise InvalidInput.of("note", problem, reviews.PROBLEMS[problem])
    row.correction_since = None
    _publish(session, row, "refused", now, wanted, reviews.plain(words))
    row.correction = None
    if row.later_details is not None:  # other dates, which had crossed it, are of the party that was approved
        row.later_details = {**row.later_details, "party": row.application.party}


def _apply(row: ReviewRow, wanted: Party) -> None:
    """Put other people into the application; a correction that waited does so no more."""
    before = row.application
    people = {"applicant": wanted.applicant, "companions": wanted.companions}
    told = {"personal": before.personal.model_copy(update=people), "party": 1 + len(wanted.companions)}
    if Party(applicant=before.personal.applicant).is_another(wanted):
        row.forget_photograph()
    row.application = before.model_copy(update=told)
    assert row.correction is not None
    row.correction = {name: row.correction.get(name) for name in ("number", "corrected", "at", "by")}
    row.correction_since = None
    if row.later_details is not None:
        row.later_details = {**row.later_details, "party": told["party"]}


def _booked(session: Session, row: ReviewRow) -> Sequence[BookingRow]:
    return session.scalars(select(BookingRow).where(BookingRow.review_id == row.id)).all()


def _lock_days(session: Session, row: ReviewRow, today: date) -> ReferenceData:
    """Lock the days of an approved visit; return the reference data as it is under those locks."""
    capacity.lock_days(session, row.department, (one.day for one in _booked(session, row)))
    return reference_data.current(session, today)


def _book_again(session: Session, row: ReviewRow, data: ReferenceData, now: datetime) -> None:
    """Book the places of an approved visit anew, for a larger party; its days are locked."""
    slots = [Slot(day=one.day, start=one.start, end=one.end) for one in _booked(session, row)]
    capacity.book(session, row, slots, row.application.party, data, now)


def _wanted(row: ReviewRow) -> Party | None:
    """Return whom a correction wants that waits, with the mobile of now."""
    if row.correction_since is None or row.correction is None:
        return None
    people = Party.model_validate(row.correction["people"])
    mobile = row.application.personal.applicant.mobile
    return people.model_copy(update={"applicant": people.applicant.model_copy(update={"mobile": mobile})})


def _publish(
    session: Session,
    row: ReviewRow,
    outcome: str,
    now: datetime,
    refused: Party | None = None,
    note: str = "",
) -> None:
    application: ApplicationDetails = row.application
    assert row.correction is not None
    event = CorrectionSettled(
        application_id=row.application_id,
        reference=row.reference,
        number=row.correction["number"],
        outcome=outcome,
        corrected=tuple(row.correction["corrected"]),
        approved_revision=row.revision if row.status == "approved" else None,
        party=application.party,
        department=row.department,
        personal=CorrectionPersonal(
            applicant=application.personal.applicant,
            companions=application.personal.companions,
            wanted=refused or _wanted(row),
            note=note,
        ),
    )
    outbox.add(session, event, at=now)
