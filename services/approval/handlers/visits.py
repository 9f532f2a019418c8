"""Visits after the gate: who has come, what the office says to them, how it ended.

A scan makes the row of a visit's day, in any order of scans; the first entry of a day is published.
"""

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, false, func, literal, select, text, true, tuple_, union
from sqlalchemy.orm import Session, lazyload, load_only

from contracts.envelope import Received
from contracts.errors import Conflict, Forbidden, NotFound
from contracts.events import (
    DecisionPersonal,
    PassScanned,
    VisitEnded,
    VisitorArrived,
    VisitorCalled,
)
from contracts.model import IST, Contact
from contracts.rpc.approval.visits import (
    ANSWER_VISIT,
    END_VISIT,
    AnswerVisit,
    CalledList,
    CalledQuestion,
    CalledVisitor,
    EndVisit,
    VisitLine,
    VisitList,
    VisitPart,
    VisitQuestion,
)
from contracts.rpc.call import Call, Nothing
from services.approval.domain.visit_states import LETS_COME, Answer, checked, reason_for
from services.approval.handlers import announcements, standing_places, visit_moves
from services.approval.handlers.announcements import members_of
from services.approval.handlers.authorization import login_of, own_department, readable
from services.approval.models.reviews import BookingRow, FirstApprovalRow, ReviewRow
from services.approval.models.visits import VisitRow
from services.chassis.db import cursors
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once

CALLED_FOR, MOST_CALLED = timedelta(minutes=30), 12
"""How long, and how many, the screen of a waiting hall shows."""
BY_LINK = "link:"
"""How ``answered_by`` begins where nobody signed in."""
DIFFERENCES_FOR = timedelta(days=31)
"""For so long a department sees of which visits it says something else than the visitor."""
_SHOWN = (
    ReviewRow.reference, ReviewRow.name, ReviewRow.site, ReviewRow.officer, ReviewRow.details,
    ReviewRow.standing_state,
)  # fmt: skip
"""What a line shows of a review: 200 desks ask each five seconds, so the rest is not read."""
_CAME_BACK = """visits.outcome is null and coalesce(visits.answer = 'wait', true)
    and visits.left_at >= visits.entered_at and excluded.entered_at > visits.left_at"""
_ENTERED = text(
    """
insert into visits (review_id, day, site, department, gate, arrived_at, entered_at, left_at)
select id, day, site, department, gate, first, latest, case when last_left_at >= first then last_left_at end
from json_to_recordset(cast(:entries as json))
  as entry(application_id uuid, day date, gate text, first timestamptz, latest timestamptz)
join reviews using (application_id)
order by id, day
on conflict (review_id, day) do update set
  gate = case when excluded.arrived_at < visits.arrived_at then excluded.gate else visits.gate end,
  arrived_at = least(visits.arrived_at, excluded.arrived_at),
  entered_at = greatest(visits.entered_at, excluded.entered_at),
  left_at = greatest(visits.left_at, excluded.left_at),
  escalated = case when CAME_BACK then 0 else visits.escalated end,
  escalate_at = case when CAME_BACK then greatest(excluded.entered_at, visits.wait_until, :now)
    + cast(:wait as interval) else visits.escalate_at end
returning review_id, day, xmax = 0 as is_new
""".replace("CAME_BACK", _CAME_BACK)
)
_LOCK = text("""
select from visits join reviews on id = review_id where application_id = any(:applications)
order by review_id, day for update of visits
""")
_LEFT = text("""
update visits set left_at = greatest(left_at, latest)
from json_to_recordset(cast(:exits as json)) as gone(application_id uuid, latest timestamptz)
join reviews using (application_id)
where visits.review_id = reviews.id and visits.day = (
  select max(day) from visits as of_review
  where of_review.review_id = reviews.id and of_review.entered_at <= latest
)
""")


def hear_scans(
    received: Sequence[Received[PassScanned]], session: Session, now: datetime, most: int, wait: timedelta
) -> None:
    """Store who came in and who has left; publish each first entry of a day, and tell its office.

    Args:
        most: so many messages a contact of an office gets in half a day.
        wait: so long a visitor waits for an answer until others are asked.
    """
    entries: dict[tuple[UUID, date], dict[str, Any]] = {}
    exits: dict[UUID, datetime] = {}
    for event in sorted((one.event for one in received), key=lambda event: event.scanned_at):
        day = event.scanned_at.astimezone(IST).date()
        if event.verdict == "admit":
            known = entries.setdefault(
                (event.application_id, day),
                {"application_id": event.application_id, "day": day, "gate": event.gate,
                 "first": event.scanned_at},
            )  # fmt: skip
            known["latest"] = event.scanned_at
        elif event.verdict == "exit" and event.inside == 0:
            exits[event.application_id] = event.scanned_at
    if exits:  # locked in the order in which entries are, so that two batches never wait for each other
        session.execute(_LOCK, {"applications": list(exits | {one: None for one, _ in entries})})
        left = [{"application_id": one, "latest": at} for one, at in exits.items()]
        session.execute(
            _LEFT, {"exits": json.dumps(left, default=str)}
        )  # an entry may show that they came back
    arrived = []
    if entries:
        told = {"entries": json.dumps(list(entries.values()), default=str), "wait": wait, "now": now}
        new = [(row.review_id, row.day) for row in session.execute(_ENTERED, told) if row.is_new]
        of_new = select(VisitRow, ReviewRow).join(ReviewRow, ReviewRow.id == VisitRow.review_id)
        for row, review in session.execute(of_new.where(tuple_(VisitRow.review_id, VisitRow.day).in_(new))):
            row.escalate_at = max(row.arrived_at, now) + wait  # an offline entry is heard of late
            facts = {"officer": review.officer, "gate": row.gate, "arrived_at": row.arrived_at}
            outbox.add(session, VisitorArrived(**members_of(review, row), **facts), at=now)
            arrived.append(row)
        session.flush()
    announcements.tell_of_arrivals(session, arrived, now, most)


def list_visits(
    request: VisitQuestion, call: Call, session: Session, now: datetime, *, visit_wait_minutes: int = 30
) -> VisitList:
    """Return the visits of one part, and how many there are of each.

    Raises:
        Forbidden: the principal is of no department.
        InvalidInput: ``after`` is not one of our cursors.
    """
    today = now.astimezone(IST).date()
    mine, department = readable(call.principal), own_department(call.principal)
    if request.site is not None:
        mine &= ReviewRow.site == request.site
    query = _of_today(mine, department, today)
    parts, since = _parts(now), _since(request.part, today)
    young = (VisitRow.day > today - DIFFERENCES_FOR, VisitRow.outcome != VisitRow.visitor_says)
    differing = _who_came(mine, department, today, *young)
    if request.part in ("expected", "late", "reception"):
        chosen, key = query, ReviewRow.id
    else:
        came = _who_came(mine, department, today, VisitRow.day == today)
        chosen, key = differing if request.part == "differ" else came, VisitRow.review_id
    page = (
        chosen.where(parts[request.part])
        .order_by(since, key)
        .limit(request.limit + 1)
        .options(
            load_only(*_SHOWN),
            *map(lazyload, (ReviewRow.decisions, ReviewRow.first_approvals, ReviewRow.matches)),
        )
    )
    if request.after is not None:
        page = page.where(tuple_(since, key) > cursors.decode(request.after, UUID))
    rows = session.execute(page.add_columns(since)).all()
    shown = rows[: request.limit]
    following = cursors.encode(shown[-1][-1], shown[-1][0].id) if len(rows) > len(shown) else None
    of_today = [one for one in parts if one != "differ"]
    numbers = session.execute(
        query.with_only_columns(*(func.count().filter(parts[one]) for one in of_today))
    ).one()
    counts = dict(zip(of_today, numbers, strict=True))
    counts["differ"] = session.scalars(differing.with_only_columns(func.count())).one()
    overdue = now - timedelta(minutes=visit_wait_minutes)
    return VisitList(
        items=tuple(_line(*row[:-1], now=now, overdue=overdue) for row in shown),
        next=following,
        counts=counts,
    )


def list_called(request: CalledQuestion, call: Call, session: Session, now: datetime) -> CalledList:
    """Return by reference who was called at a site within the last `CALLED_FOR`, the newest first.

    Raises:
        Forbidden: the principal is neither of the reception nor a kiosk of a site.
    """
    principal = call.principal
    if principal.role != "reception" and (principal.role != "kiosk" or principal.site is None):
        raise Forbidden("this is for the reception and the screens of halls")
    site = principal.site or request.site
    row = VisitRow
    query = (
        select(ReviewRow.reference, row.room, row.answered_at.label("called_at"))
        .join(row, row.review_id == ReviewRow.id)
        .where(row.day == now.astimezone(IST).date(), row.answer.in_(LETS_COME), row.outcome.is_(None))
        .where(row.answered_at > now - CALLED_FOR, row.left_at.is_(None) | (row.left_at < row.entered_at))
        .order_by(row.answered_at.desc(), ReviewRow.id)
        .limit(MOST_CALLED)
    )
    found = session.execute(query if site is None else query.where(row.site == site)).all()
    return CalledList(items=tuple(CalledVisitor.from_attributes(one) for one in found))


def answer(
    request: AnswerVisit,
    call: Call,
    session: Session,
    now: datetime,
    *,
    furthest_days: int = 30,
    visit_wait_minutes: int = 30,
) -> Nothing:
    """Tell a visitor who is inside what the office says. The newest answer counts.

    Who cannot be received today may get another day at once.

    Raises:
        Forbidden: the principal is no login of a department.
        NotFound: no such visitor of theirs has come today.
        Conflict, InvalidInput: as `give_answer`, and as `visit_moves.move`.
    """
    come_back = request.come_back if request.answer == "not_today" else None
    wait = timedelta(minutes=visit_wait_minutes)

    def effect(review: ReviewRow, row: VisitRow, by: str) -> None:
        said = Answer(request.answer, request.wait_until, request.room)
        if come_back is not None:
            visit_moves.move(session, call, review, come_back, now, furthest_days)
        give_answer(session, review, row, said, by, now, wait, come_back.day if come_back else None)

    return _command(session, call, ANSWER_VISIT.name, request, effect, now)


def give_answer(
    session: Session,
    review: ReviewRow,
    row: VisitRow,
    said: Answer,
    by: str,
    now: datetime,
    wait: timedelta,
    come_back: date | None = None,
) -> None:
    """Store what the office says to a visitor whose row is locked, and tell them unless it is nothing new.

    Who signs in may take back that it is not possible today, where a link has said it.

    Raises:
        Conflict: ``has_left``; or as `visit_states.checked`.
        InvalidInput: as `visit_states.checked`.
    """
    takes_back = not by.startswith(BY_LINK) and (row.ended_by or "").startswith(BY_LINK)
    given = checked(said, None if takes_back else row.outcome, now)
    if row.has_left:
        raise Conflict("the visitor has left", code="has_left")
    row.answered_at = now
    if row.outcome is None and row.answer and given == Answer(row.answer, row.wait_until, row.room):
        return
    row.outcome = row.reason = row.ended_at = row.ended_by = None
    row.answer, row.answered_by = given.answer, by
    row.wait_until, row.room = given.wait_until, given.room
    row.escalated, row.escalate_at = 0, given.wait_until + wait if given.wait_until else None
    if given.lets_come:
        row.called_at = row.called_at or now
    application = review.application
    applicant = application.personal.applicant
    event = VisitorCalled(
        **members_of(review, row),
        answer=given.answer,
        answered_by=by,
        wait_until=given.wait_until,
        room=given.room,
        come_back=come_back,
        language=application.language,
        deliver_by=application.deliver_by,
        personal=DecisionPersonal(contact=Contact(mobile=applicant.mobile, email=applicant.email)),
    )
    outbox.add(session, event, at=now)
    if given.answer == "not_today":
        not_met = EndVisit(review_id=review.id, outcome="not_met", reason="officer_away")
        _end(session, review, row, not_met, by, now)


def end(request: EndVisit, call: Call, session: Session, now: datetime) -> Nothing:
    """Store whether a visitor was met; the latest word of the office counts.

    Raises:
        Forbidden: the principal is no login of a department.
        NotFound: no such visitor of theirs has come today.
        InvalidInput: as `visit_states.reason_for`.
    """

    def effect(review: ReviewRow, row: VisitRow, by: str) -> None:
        _end(session, review, row, request, by, now)

    return _command(session, call, END_VISIT.name, request, effect, now)


def _end(session: Session, review: ReviewRow, row: VisitRow, said: EndVisit, by: str, now: datetime) -> None:
    row.reason = reason_for(said.outcome, said.reason)
    row.outcome, row.ended_at, row.ended_by = said.outcome, now, by
    event = VisitEnded(**members_of(review, row), outcome=said.outcome, reason=row.reason, said_by="office")
    outbox.add(session, event, at=now)


def _command(
    session: Session,
    call: Call,
    route: str,
    request: AnswerVisit | EndVisit,
    effect: Callable[[ReviewRow, VisitRow, str], None],
    now: datetime,
) -> Nothing:
    """Carry out a command once about a visitor of today, whose row is locked."""
    own_department(call.principal)
    by = login_of(call.principal)

    def carry_out() -> str:
        today = now.astimezone(IST).date()
        if isinstance(request, AnswerVisit) and request.come_back is not None:  # a scan locks in this order
            session.execute(
                select(ReviewRow.id).where(ReviewRow.id == request.review_id).with_for_update(key_share=True)
            )
        of_review = (ReviewRow.id == request.review_id) & readable(call.principal)
        found = session.execute(
            select(ReviewRow, VisitRow)
            .join(VisitRow, and_(VisitRow.review_id == ReviewRow.id, VisitRow.day == today))
            .where(of_review)
            .with_for_update(of=VisitRow)
        ).first()
        if found is None:
            raise NotFound("no such visitor has come today")
        effect(*found, by)
        return ""

    return once(session, call, f"approval.{route}", request, carry_out, lambda _: Nothing(), reference=str)


def _of_today(
    mine: ColumnElement[bool], department: str, today: date
) -> Select[ReviewRow, BookingRow, VisitRow, FirstApprovalRow]:
    """Return the visits of a day with their hours: approved for it, begun, or to be approved at once."""
    of_day = and_(VisitRow.review_id == ReviewRow.id, VisitRow.day == today)
    booked = and_(BookingRow.review_id == ReviewRow.id, BookingRow.day == today)
    weekly = standing_places.admits_on(today)
    ids = union(
        select(BookingRow.review_id).where(BookingRow.department == department, BookingRow.day == today),
        select(VisitRow.review_id).where(VisitRow.department == department, VisitRow.day == today),
        select(ReviewRow.id).where(ReviewRow.department == department, _at_reception(today)),
        select(ReviewRow.id).join(FirstApprovalRow, weekly).where(ReviewRow.department == department),
    )
    query = select(ReviewRow, BookingRow, VisitRow, FirstApprovalRow).outerjoin(BookingRow, booked)
    query = query.outerjoin(VisitRow, of_day).outerjoin(FirstApprovalRow, weekly)
    return query.where(mine, ReviewRow.id.in_(ids))


def _at_reception(today: date) -> ColumnElement[bool]:
    """Return the condition of the applications whose visitor waits at the reception for today's approval."""
    begins = datetime.combine(today, time(), IST)
    of_today = and_(ReviewRow.visit_at >= begins, ReviewRow.visit_at < begins + timedelta(days=1))
    return and_(ReviewRow.status == "pending", ReviewRow.precedence == 0, of_today)


def _who_came(
    mine: ColumnElement[bool], department: str, today: date, *which: ColumnElement[bool]
) -> Select[ReviewRow, BookingRow, VisitRow, FirstApprovalRow]:
    """Return such visits of people who have come, with their hours.

    Sorted by columns of visits, only the reviews and hours of one page are looked up.
    """
    booked = and_(BookingRow.review_id == VisitRow.review_id, BookingRow.day == VisitRow.day)
    query = select(ReviewRow, BookingRow, VisitRow, FirstApprovalRow)
    query = query.join(VisitRow, VisitRow.review_id == ReviewRow.id).outerjoin(BookingRow, booked)
    query = query.outerjoin(FirstApprovalRow, standing_places.admits_on(today))
    return query.where(mine, VisitRow.department == department, *which)


def _parts(now: datetime) -> dict[VisitPart, ColumnElement[bool]]:
    """Return the condition of each part of the day; `VisitRow.state` says the same of one visit.

    A visitor comes at any time of their window and is late after it. Whoever has a standing pass has no
    appointment: they are expected while they may come in, and never late.
    """
    has_come, has_left = VisitRow.review_id.is_not(None), VisitRow.left_at >= VisitRow.entered_at
    over = has_come & (VisitRow.outcome.is_not(None) | func.coalesce(has_left, false()))
    may_come = func.coalesce(VisitRow.answer.in_(LETS_COME), false())
    expected, ended = ~has_come & (ReviewRow.status == "approved"), VisitRow.outcome
    time_now = now.astimezone(IST).time()
    may_still_come = func.coalesce(BookingRow.end > time_now, standing_places.HOURS["to"] > time_now)
    return {
        "expected": expected & may_still_come,
        "late": expected & (BookingRow.end <= time_now),
        "reception": ~has_come & _at_reception(now.astimezone(IST).date()),
        "here": has_come & ~over & ~may_come,
        "called": has_come & ~over & may_come,
        "met": func.coalesce(ended == "met", false()),
        "not_met": func.coalesce(ended == "not_met", false()),
        "gone": over & ended.is_(None),
        "differ": true(),
    }


def _since(part: VisitPart, today: date) -> ColumnElement[Any]:
    """Return by what a part is sorted: the beginning of the visit, or since when they are there."""
    if part in ("expected", "late"):
        start = func.coalesce(BookingRow.start, standing_places.HOURS["from"])
        return func.timezone(text("interval '+05:30'"), literal(today) + start)
    if part == "reception":
        return func.coalesce(ReviewRow.waiting_since)
    since = {"here": VisitRow.arrived_at, "called": VisitRow.answered_at, "gone": VisitRow.left_at}
    return func.coalesce(since.get(part, VisitRow.ended_at))


def _line(
    review: ReviewRow,
    booking: BookingRow | None,
    row: VisitRow | None,
    standing: FirstApprovalRow | None = None,
    *,
    now: datetime,
    overdue: datetime,
) -> VisitLine:
    hours = booking or (standing.terms().slot if standing else None)
    standing_pass = review.standing_state is not None
    waits_since = row.waits_since(now, standing=standing_pass) if row else None
    return VisitLine.from_attributes(
        row,
        review_id=review.id,
        reference=review.reference,
        name=review.name,
        site=review.site,
        officer=review.officer,
        party=review.details["party"],
        assistance=review.details.get("assistance"),
        start=hours.start if hours else None,
        end=hours.end if hours else None,
        state=row.state if row else "expected",
        is_overdue=waits_since is not None and waits_since <= overdue,
        standing=standing_pass,
    )
