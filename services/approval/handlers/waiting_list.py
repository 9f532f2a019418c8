"""The waiting list: who waits for a place in a full window, and whose turn it is.

An officer has approved whoever waits; only the place is missing. A place that is offered is booked, so nobody
else gets it. The job locks reviews before the day, as approvals do; it waits for no review, since whoever
holds one may wait for the day. Nobody is passed by it: where somebody's review is locked, their places are
kept for the next run.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from contracts.capacity import Capacity
from contracts.errors import Conflict, NotFound
from contracts.events import PlaceOffered
from contracts.events.approval import PlacePersonal
from contracts.model import Contact, PlaceOutcome, PlaceState, Slot
from contracts.rpc.approval.places import PlaceWait, WaitCode, WaitView
from contracts.visiting_rules import Calendar, slot_problem, windows_on
from services.approval import metrics
from services.approval.domain import capacity as rules
from services.approval.domain.delegations import Author
from services.approval.domain.visits import Terms
from services.approval.handlers import capacity, reference_data
from services.approval.handlers.reference_data import ReferenceData
from services.approval.models.places import WaitRow, waits
from services.approval.models.reviews import ReviewRow
from services.chassis.db.database import Database
from services.chassis.messaging import outbox
from services.chassis.runtime.logs import logger

log = logger(__name__)
LOOK_SECONDS = 5.0
"""So often it is looked whose turn it is."""


def enter(
    session: Session,
    row: ReviewRow,
    terms: Terms,
    by: Author,
    limit: Capacity | None,
    calendar: Calendar,
    live: timedelta,
    full: Conflict,
) -> None:
    """Let an approved visit wait for a place, at the end of the list; its review and its day are locked.

    Whoever waits for the same time already keeps their turn, also after a change of the application.

    Raises:
        Conflict: ``full``, where nobody can wait: on several days, at a time that the visitor did not ask
            for, for more places than the window has, or too short before the visit.
    """
    slot, party = terms.slot, row.application.party
    is_possible = (
        not terms.further_days
        and slot.day in {one.day for one in row.application.preferred}
        and (limit is None or rules.may_wait(limit, slot, party))
        and rules.offered_until(slot, calendar.now, live) is not None
    )
    if not is_possible:
        raise full
    known = session.scalars(select(WaitRow).where(WaitRow.review_id == row.id)).one_or_none()
    wait = known or WaitRow(review_id=row.id)
    same_list = known is not None and (known.department, known.slot) == (row.department, slot)
    if known is None or not same_list or known.outcome not in (None, "over"):
        last = select(func.max(WaitRow.position)).where(
            WaitRow.department == row.department, WaitRow.day == slot.day
        )
        wait.position, wait.since = (session.scalar(last) or 0) + 1, calendar.now
    if known is None or not same_list or not is_waiting(known, row):
        capacity.release(session, row.id)
        wait.offered_at = wait.offered_until = None
    wait.department, wait.revision, wait.party = row.department, row.revision, party
    wait.day, wait.start, wait.end = slot.day, slot.start, slot.end
    wait.gate, wait.entries, wait.vehicle_allowed = terms.gate, terms.entries, terms.vehicle_allowed
    wait.approved_by, wait.on_behalf_of = by.login, by.on_behalf_of
    wait.ended_at = wait.outcome = None
    session.add(wait)
    session.flush()


def is_waiting(wait: WaitRow, row: ReviewRow) -> bool:
    """Return of one review what `waits` says of all."""
    return wait.ended_at is None and is_undecided(wait, row)


def is_undecided(wait: WaitRow, row: ReviewRow) -> bool:
    """Return whether what somebody waits for, or waited for, is still to be decided."""
    about = (wait.department, wait.revision, "pending")
    return (row.department, row.revision, row.status) == about


def end(session: Session, wait: WaitRow, row: ReviewRow, outcome: PlaceOutcome, now: datetime) -> None:
    """End a wait, whose review is locked; one that is still to be decided waits for the department again."""
    if is_waiting(wait, row) and outcome != "taken":
        row.waiting_since, row.escalated, row.escalate_at = now, 0, now
    if row.status != "approved":
        capacity.release(session, row.id)
    wait.ended_at, wait.outcome = now, outcome


def leave(session: Session, row: ReviewRow, now: datetime) -> None:
    """End the wait of a review, if it waits: it asks for a standing pass, which takes no places."""
    open_one = select(WaitRow).where(WaitRow.review_id == row.id, WaitRow.ended_at.is_(None))
    wait = session.scalars(open_one).one_or_none()
    if wait is not None:
        end(session, wait, row, "over", now)
    capacity.release(session, row.id)


def run(db: Database, now: datetime, place_offer_minutes: int, furthest_days: int) -> None:
    """End what is over, and offer each place that is free to whose turn it is, one day after the other.

    An offer and its event are stored in one transaction, so a process that is killed loses and repeats none.
    Days on which nothing is due are not read further: this is looked at every few seconds in each process.
    A day that fails stops no other; then the job has failed, too, so that it becomes late.
    """
    calendar, live = Calendar(now, furthest_days), timedelta(minutes=place_offer_minutes)
    with db.transaction() as session:
        due = _due(session, reference_data.current(session, calendar.today), calendar, live)
    failed: Exception | None = None
    for (department, day), concerned in due.items():
        if concerned.over or concerned.turn:
            try:
                with db.transaction() as session:
                    look_at_day(session, department, day, calendar, live)
            except Exception as error:  # whatever it is, it stops no other day
                log.warning("waiting list failed", department=department, day=str(day), exc_info=error)
                failed = error
    if failed is not None:
        raise failed


def look_at_day(session: Session, department: str, day: date, calendar: Calendar, live: timedelta) -> int:
    """Do for one day what `run` does for all; return how many places were offered.

    Who would get an offer is found twice: without locks, to know which reviews to lock, and under all of
    them.
    """
    of_day = (WaitRow.department == department, WaitRow.day == day)
    data = reference_data.current(session, calendar.today)
    due = _due(session, data, calendar, live, *of_day).get((department, day))
    if due is None or not (due.over or due.turn):
        return 0
    locking = select(ReviewRow.id).where(ReviewRow.id.in_({*due.over, *due.turn})).order_by(ReviewRow.id)
    locked = set(session.scalars(locking.with_for_update(skip_locked=True)))
    capacity.lock_days(session, department, (day,))
    data = reference_data.current(session, calendar.today)
    query = (
        select(WaitRow, ReviewRow)
        .join(ReviewRow, WaitRow.review_id == ReviewRow.id)
        .where(ReviewRow.id.in_(locked))
        .execution_options(populate_existing=True)
    )
    rows = {row.id: (wait, row) for wait, row in session.execute(query)}
    lines = _lines(session, *of_day)
    over = _over(lines, data, calendar, live)
    for key in over.keys() & locked:
        end(session, *rows[key], over[key], calendar.now)
    session.flush()
    waiting = [one for one in lines if one.review_id not in over.keys() & locked]
    booked = capacity.bookings(session, department, day, day)
    offered = [key for key in _turn(waiting, data, booked.get(day, ()), calendar.now) if key in locked]
    for key in offered:
        _offer(session, *rows[key], calendar.now, live)
    return len(offered)


def view(request: WaitCode, session: Session) -> PlaceWait:
    """Return how it stands with a wait. Whoever knows its code may see it.

    Raises:
        NotFound: there is none.
    """
    found = session.execute(
        select(WaitRow, ReviewRow)
        .join(ReviewRow, WaitRow.review_id == ReviewRow.id)
        .where(WaitRow.code == request.code)
    ).one_or_none()
    if found is None:
        raise NotFound("there is no such wait")
    wait, row = found
    return PlaceWait(code=wait.code, **dict(shown(session, wait, row)))


def of_reviews(session: Session, rows: Sequence[ReviewRow]) -> dict[UUID, WaitView]:
    """Return by review who of these waits or has an offer."""
    pending = [row.id for row in rows if row.status == "pending"]
    if not pending:
        return {}
    found = select(WaitRow, ReviewRow).join(ReviewRow, waits()).where(ReviewRow.id.in_(pending))
    return {row.id: shown(session, wait, row) for wait, row in session.execute(found)}


def shown(session: Session, wait: WaitRow, row: ReviewRow) -> WaitView:
    """Return a wait as everybody sees it who sees the application: without the code that takes the place."""
    state: PlaceState = wait.outcome or ("waits" if wait.offered_until is None else "offered")
    if wait.ended_at is None and not is_waiting(wait, row):
        state = "over"
    before = _before(session, wait) if state == "waits" else 0
    return WaitView(
        reference=row.reference,
        department=wait.department,
        site=row.site,
        slot=wait.slot,
        party=wait.party,
        state=state,
        before=before,
        offered_until=wait.offered_until if state == "offered" else None,
    )


def measure(session: Session, now: datetime, furthest_days: int, place_offer_minutes: int) -> None:
    """Measure how late the oldest offer is that should be over, and how many free places are not offered."""
    live, calendar = timedelta(minutes=place_offer_minutes), Calendar(now, furthest_days)
    oldest = session.scalar(select(func.min(WaitRow.offered_until)).where(WaitRow.ended_at.is_(None)))
    metrics.PLACE_OFFER_LATE.set(max((now - oldest).total_seconds(), 0.0) if oldest else 0.0)
    due = _due(session, reference_data.current(session, calendar.today), calendar, live)
    metrics.PLACES_UNDISTRIBUTED.set(sum(len(one.turn) for one in due.values()))


class _Line(NamedTuple):
    """What is looked at of each wait that has not ended: no application is read for it."""

    review_id: UUID
    department: str
    day: date
    start: time
    end: time
    party: int
    offered_until: datetime | None
    site: str
    is_waiting: bool
    is_held: bool

    @property
    def slot(self) -> Slot:
        return Slot(day=self.day, start=self.start, end=self.end)


class _Due(NamedTuple):
    """Of one day: whose wait has ended and how, and whose turn it is."""

    over: dict[UUID, PlaceOutcome]
    turn: tuple[UUID, ...]


def _lines(session: Session, *which: ColumnElement[bool]) -> list[_Line]:
    """Return the waits that have not ended, day by day and in their order."""
    of_wait = (getattr(WaitRow, name) for name in _Line._fields[:7])
    query = (
        select(*of_wait, ReviewRow.site, waits(), ReviewRow.leaves_at.is_not(None))
        .join(ReviewRow, WaitRow.review_id == ReviewRow.id)
        .where(WaitRow.ended_at.is_(None), *which)
        .order_by(WaitRow.day, WaitRow.department, WaitRow.position)
    )
    return [_Line._make(one) for one in session.execute(query)]


def _due(
    session: Session, data: ReferenceData, calendar: Calendar, live: timedelta, *which: ColumnElement[bool]
) -> dict[tuple[str, date], _Due]:
    """Return what is due by department and day: a statement for all waits, one for each department's places.

    It locks nothing.
    """
    lines = _lines(session, *which)
    over = _over(lines, data, calendar, live)
    days: dict[str, list[date]] = {}
    for one in lines:
        days.setdefault(one.department, []).append(one.day)
    booked = {
        department: capacity.bookings(session, department, min(of), max(of), over)
        for department, of in days.items()
    }
    found = {}
    for (department, day), group in groupby(lines, lambda one: (one.department, one.day)):
        of_day = list(group)
        ended = {one.review_id: over[one.review_id] for one in of_day if one.review_id in over}
        queue = [one for one in of_day if one.review_id not in over]
        turn = _turn(queue, data, booked[department].get(day, ()), calendar.now)
        found[department, day] = _Due(ended, turn)
    return found


def _over(
    lines: Iterable[_Line], data: ReferenceData, calendar: Calendar, live: timedelta
) -> dict[UUID, PlaceOutcome]:
    found = ((one.review_id, _outcome(one, data, calendar, live)) for one in lines)
    return {key: outcome for key, outcome in found if outcome is not None}


def _outcome(wait: _Line, data: ReferenceData, calendar: Calendar, live: timedelta) -> PlaceOutcome | None:
    """Return how a wait has ended, if it has: by something else, by a closed day, or by the time.

    A decision that can still be taken back ends none.
    """
    if wait.is_held:
        return None
    site, limit = data.sites.get(wait.site), data.capacities.get(wait.department)
    windows = windows_on(site, wait.day) if site else ()
    is_closed = (
        slot_problem(wait.slot, windows, calendar) is not None
        or bool(data.closed_days(wait.department, wait.day, wait.day))
        or (limit is not None and rules.hours_problem(limit, wait.slot) is not None)
    )
    if not wait.is_waiting or is_closed:
        return "over"
    if wait.offered_until is not None:
        return "lapsed" if wait.offered_until <= calendar.now else None
    return "over" if rules.offered_until(wait.slot, calendar.now, live) is None else None


def _turn(
    lines: Sequence[_Line], data: ReferenceData, bookings: Iterable[rules.Booking], now: datetime
) -> tuple[UUID, ...]:
    """Return the reviews whose turn it is on a day with these waits, for the places that are free now."""
    queue = [
        capacity.in_line(one.review_id, one.slot, one.party, now)
        for one in lines
        if one.is_waiting and one.offered_until is None
    ]
    return rules.turn(data.capacities.get(lines[0].department), queue, bookings).offered if queue else ()


def _offer(session: Session, wait: WaitRow, row: ReviewRow, now: datetime, live: timedelta) -> None:
    until = rules.offered_until(wait.slot, now, live)
    assert until is not None, "whose visit begins too soon does not wait any more"
    wait.offered_at, wait.offered_until = now, until
    capacity.take(session, row, wait.slot, wait.party)
    application = row.application
    applicant = application.personal.applicant
    event = PlaceOffered(
        application_id=row.application_id,
        reference=row.reference,
        department=row.department,
        slot=wait.slot,
        until=until,
        language=application.language,
        deliver_by=application.deliver_by,
        personal=PlacePersonal(
            contact=Contact(name=applicant.name, mobile=applicant.mobile, email=applicant.email),
            code=wait.code,
        ),
    )
    outbox.add(session, event, at=now)


def _before(session: Session, wait: WaitRow) -> int:
    """Return how many wait before somebody for places that they want, too."""
    query = select(func.count()).select_from(WaitRow).join(ReviewRow, waits())
    of_day = (WaitRow.department == wait.department, WaitRow.day == wait.day)
    same_places = (WaitRow.start < wait.end, WaitRow.end > wait.start, WaitRow.offered_until.is_(None))
    return session.scalar(query.where(*of_day, *same_places, WaitRow.position < wait.position)) or 0
