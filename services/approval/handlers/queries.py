"""Queries: a department's queue, a search, one review, and where an application waits."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, get_args
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    and_,
    exists,
    func,
    literal_column,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from contracts import spelling
from contracts.crockford import parse_reference
from contracts.errors import Forbidden, InvalidInput, NotFound
from contracts.events import ClosedDay, People
from contracts.model import IST, ReviewStatus, Slot
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.approval.reviews import (
    CorrectionToConfirm,
    DecisionView,
    EarlierReview,
    FirstApproval,
    QueueCounts,
    ReviewId,
    ReviewList,
    ReviewOrder,
    ReviewQuestion,
    ReviewSearch,
    ReviewView,
    Whereabouts,
)
from contracts.rpc.call import Call, Principal
from contracts.visiting_rules import closed_wishes
from services.approval.domain.delegations import Decider, decides_for
from services.approval.handlers import reference_data, waiting_list
from services.approval.handlers.authorization import readable
from services.approval.handlers.corrections_to_confirm import (
    correction_waits,
    has_begun,
    is_near,
    visit_begins,
)
from services.approval.models.places import WaitRow
from services.approval.models.reviews import MOBILE, DecisionRow, ReviewRow
from services.chassis.audit.record import note_search
from services.chassis.db import bulk, cursors

MOST_HITS = 50
MOST_COUNTED = 10_000
MOST_EARLIER = 10
NEWEST_FIRST = {"newest", "decided"}
_EARLIER_ENDED = text(f"""
select given.id, earlier.status
from unnest(
  {bulk.array_of("ids", "uuid")}, {bulk.array_of("mobiles", "text")},
  {bulk.array_of("departments", "text")}, {bulk.array_of("instants", "timestamptz")}
) as given (id, mobile, department, at)
cross join lateral (
  select status, submitted_at from reviews
  where {MOBILE} = given.mobile and reviews.department = given.department
    and reviews.id <> given.id and submitted_at <= given.at
  order by submitted_at desc limit {MOST_EARLIER}
) as earlier
order by given.id, earlier.submitted_at desc
""")  # noqa: S608  made of constants


def list_reviews(request: ReviewQuestion, call: Call, session: Session, now: datetime) -> ReviewList:
    """Return a page of the principal's queue, and how much there is in all if that was asked for.

    Raises:
        Forbidden: the principal is of no department.
        InvalidInput: ``after`` is not one of our cursors of this order.
    """
    mine = readable(call.principal)
    query = select(ReviewRow).where(mine, *_filters(request, now)).limit(request.limit + 1)
    if request.order == "decided" or request.decided_on is not None:
        query = query.join(DecisionRow, DecisionRow.review_id == ReviewRow.id).where(
            _latest_decision(call.principal)
        )
    nearest = ReviewRow.visit_at
    visit = func.coalesce(visit_begins(now), nearest) if request.corrected else nearest
    rows: Sequence[ReviewRow] = session.scalars(_in_order(query, request, visit)).all()
    page = rows[: request.limit]
    following = _cursor(session, page[-1], request.order, visit) if len(rows) > len(page) else None
    counts = _counts(session, call.principal, now) if request.counts else None
    found = _list(session, call.principal, page, now, following, counts)
    ended = _earlier_ended(session, page)
    items = tuple(one.model_copy(update={"earlier_ended": tuple(ended[one.id])}) for one in found.items)
    return found.model_copy(update={"items": items})


def search_reviews(request: ReviewSearch, call: Call, session: Session, now: datetime) -> ReviewList:
    """Return the newest fifty with this reference, however typed, this name by ear, or this in the purpose.

    Raises:
        Forbidden: the principal is of no department.
    """
    q = request.q.replace("\x00", "").strip()
    note_search(session, "name", q)
    rows = session.scalars(
        select(ReviewRow)
        .where(readable(call.principal), _matches(q))
        .order_by(ReviewRow.waiting_since.desc(), ReviewRow.id)
        .limit(MOST_HITS)
    ).all()
    return _list(session, call.principal, reversed(rows), now)


def view_review(request: ReviewId, call: Call, session: Session, now: datetime) -> ReviewView:
    """Return one review.

    Raises:
        Forbidden: the principal is of no department.
        NotFound: there is no such review, or another department has it.
    """
    row = session.scalars(
        select(ReviewRow).where(ReviewRow.id == request.review_id, readable(call.principal))
    ).one_or_none()
    if row is None:
        raise NotFound("there is no such review")
    (seen,) = _list(session, call.principal, [row], now).items
    return seen.model_copy(update={"earlier": _earlier(session, row)})


def whereabouts(request: ReferenceOnly, call: Call, session: Session) -> Whereabouts:
    """Return the department with which an application waits, and since when; nothing personal.

    The gateway asks only after the application service has shown the application to the caller.

    Raises:
        NotFound: no application waits under this reference, or none is known yet.
    """
    try:
        reference = parse_reference(request.reference)
    except ValueError:
        raise NotFound("there is no such application") from None
    row = session.scalars(
        select(ReviewRow).where(ReviewRow.reference == reference, ReviewRow.status == "pending")
    ).one_or_none()
    if row is None:
        raise NotFound("it does not wait for a decision")
    arrivals = (
        forwarding.forwarded_at
        for forwarding in row.forwardings
        if forwarding.to_department == row.department != forwarding.from_department
    )
    wait = session.scalars(select(WaitRow).where(WaitRow.review_id == row.id)).one_or_none()
    found = Whereabouts(department=row.department, since=max([row.waiting_since, *arrivals]))
    if wait is None or (wait.revision, wait.department) != (row.revision, row.department):
        return found
    mobile = row.application.personal.applicant.mobile
    is_theirs = call.principal.kind == "applicant" and call.principal.mobile == mobile is not None
    place = waiting_list.shown(session, wait, row)
    return found.model_copy(update={"place": place, "place_code": wait.code if is_theirs else ""})


def view(row: ReviewRow) -> ReviewView:
    """Return a review as a department sees it."""
    application = row.application
    applicant, decided = application.personal.applicant, row.decision
    return ReviewView.from_attributes(
        row,
        kind=application.kind,
        official=applicant.official,
        guardian=applicant.guardian,
        id_type=applicant.id_type,
        id_last4=applicant.id_last4,
        companions=application.personal.companions,
        party=application.party,
        purpose_kind=application.purpose_kind,
        purpose=application.personal.purpose,
        preferred=application.preferred,
        weekly_until=application.weekly_until,
        photographed=bool(row.photographed),
        photograph_again=row.photographed is False,
        vehicle=application.personal.vehicle,
        assistance=application.assistance,
        mobile_proved=application.mobile_proved,
        decision=decided
        and DecisionView.from_attributes(decided, day_reopened=decided.reopened_at is not None),
        second_officer=row.is_watched,
        first_approval=row.first_approval and FirstApproval.from_attributes(row.first_approval),
        at_counter=row.status == "pending" and row.precedence == 0,
        language=application.language,
        deliver_by=application.deliver_by,
        **_corrected(row),
    )


def _corrected(row: ReviewRow) -> dict[str, Any]:
    """Return what a department sees of the newest correction, and of the one that waits for it."""
    known = row.correction
    if known is None:
        return {"corrected": (), "corrected_at": None, "correction": None}
    told = {
        "corrected": tuple(known["corrected"]),
        "corrected_at": known["at"],
        "corrected_by": known.get("by") or "applicant",
        "correction": None,
    }
    if row.correction_since is not None and not has_begun(row):
        people = People.model_validate(known["people"])
        told["correction"] = CorrectionToConfirm.from_attributes(
            people.applicant,
            number=known["number"],
            sent_at=row.correction_since,
            companions=people.companions,
            confirmed_by=known["confirmed_by"],
        )
    return told


def _list(
    session: Session,
    principal: Principal,
    found: Iterable[ReviewRow],
    now: datetime,
    following: str | None = None,
    counts: QueueCounts | None = None,
) -> ReviewList:
    """Return reviews as the principal sees them: with what they may do, and for whom."""
    decider = Decider(principal.login_id or "", principal.assistant_of)
    today = now.astimezone(IST).date()
    data = reference_data.current(session, today)
    held = data.held_by(principal, now)
    rows = list(found)
    waiting = [row.id for row in rows if row.correction_since is not None]
    of_waiting = select(ReviewRow.id, visit_begins(now)).where(ReviewRow.id.in_(waiting))
    begins = dict(session.execute(of_waiting).all()) if waiting else {}
    places = waiting_list.of_reviews(session, rows)

    def seen(row: ReviewRow) -> ReviewView:
        shown = view(row)
        if shown.correction is not None:
            at = begins[row.id]
            near = {"visit_begins": at, "urgent": is_near(at, row.site, row.department, data, now)}
            shown = shown.model_copy(update={"correction": shown.correction.model_copy(update=near)})
        closed = (
            ClosedDay(day=one.day, reason=one.reason) for one in data.closed_days(row.department, today)
        )
        wishes = closed_wishes(shown.preferred, data.sites.get(row.site), closed)
        days = tuple(wish.day for wish in wishes)
        shown = shown.model_copy(
            update={"closed": days, "closed_wishes": wishes, "place": places.get(row.id)}
        )
        try:
            officer = decides_for(decider, (row.officer, row.instead_of), held, now)
        except Forbidden:
            return shown.model_copy(update={"may_decide": False})
        return shown.model_copy(update={"on_behalf_of": officer})

    items = tuple(map(seen, rows))
    closed_days = data.closed_days(principal.department or "", today)
    return ReviewList(items=items, next=following, counts=counts, closed=closed_days)


def _filters(request: ReviewQuestion, now: datetime) -> Iterator[ColumnElement[bool]]:
    """Yield the condition of each filter that is given."""
    for name in ("status", "site", "officer", "channel"):
        if (value := getattr(request, name)) is not None:
            yield getattr(ReviewRow, name) == value
    if request.unassigned is not None:
        yield ReviewRow.officer.is_(None) == request.unassigned
    if request.visit_on is not None:
        yield _on(ReviewRow.visit_at, request.visit_on)
    if request.waiting_hours is not None:
        yield ReviewRow.waiting_since <= now - timedelta(hours=request.waiting_hours)
    if request.escalated is not None:
        yield (ReviewRow.escalated > 0) == request.escalated
    if request.corrected is not None:
        yield correction_waits(now) == request.corrected
    if request.waits_for_place:
        yield _waits_for_place()
    elif request.status == "pending":
        yield ~_waits_for_place()
    if request.decided_on is not None:
        yield _on(DecisionRow.decided_at, request.decided_on)


def _waits_for_place() -> ColumnElement[bool]:
    """Return whether a review waits for a place; there are few, so PostgreSQL looks them up in a hash."""
    return ReviewRow.id.in_(select(WaitRow.review_id).where(WaitRow.ended_at.is_(None)))


def _on(column: InstrumentedAttribute[datetime], day: date) -> ColumnElement[bool]:
    """Return whether an instant is on a day in India."""
    start = datetime.combine(day, time(), IST)
    return (column >= start) & (column < start + timedelta(days=1))


def _latest_decision(principal: Principal) -> ColumnElement[bool]:
    """Return whether a decision is the latest of its review, and of the principal's department."""
    later = aliased(DecisionRow)
    newer = exists().where(later.review_id == DecisionRow.review_id, later.number > DecisionRow.number)
    taken_back = DecisionRow.status == "pending"
    return ~newer & ~taken_back & (DecisionRow.department == principal.department)


def _in_order(
    query: Select[ReviewRow], request: ReviewQuestion, visit: SQLColumnExpression[datetime]
) -> Select[ReviewRow]:
    """Sort a query, and begin behind the cursor.

    Args:
        visit: when the visit begins: the nearest wish, or the nearest day that was approved.
    """
    columns = {
        "waiting": (ReviewRow.waiting_since, ReviewRow.id),
        "newest": (ReviewRow.waiting_since, ReviewRow.id),
        "visit": (ReviewRow.precedence, visit, ReviewRow.id),
        "decided": (DecisionRow.decided_at, ReviewRow.id),
    }[request.order]
    descending = request.order in NEWEST_FIRST
    if request.after is not None:
        position = tuple_(*_position(request.after, request.order))
        row = tuple_(*columns)
        query = query.where(row < position if descending else row > position)
    return query.order_by(*(column.desc() if descending else column for column in columns))


def _cursor(
    session: Session, row: ReviewRow, order: ReviewOrder, visit: SQLColumnExpression[datetime]
) -> str:
    if order == "visit":
        begins = session.scalars(select(visit).where(ReviewRow.id == row.id)).one()
        return cursors.encode(begins, f"{row.precedence} {row.id}")
    return cursors.encode(row.decisions[-1].decided_at if order == "decided" else row.waiting_since, row.id)


def _position(after: str, order: ReviewOrder) -> tuple[Any, ...]:
    if order != "visit":
        return cursors.decode(after, UUID)
    visit_at, key = cursors.decode(after)
    precedence, _, review_id = key.partition(" ")
    try:
        return {"0": 0, "1": 1}[precedence], visit_at, UUID(review_id)
    except (KeyError, ValueError) as error:
        raise InvalidInput.of("after", "not_a_cursor") from error


def _counts(session: Session, principal: Principal, now: datetime) -> QueueCounts:
    """Count the queue of a principal; each count stops at ``MOST_COUNTED`` and reads an index alone."""
    mine, today = readable(principal), now.astimezone(IST).date()
    midnight = datetime.combine(today, time(), IST)
    tomorrow, day_after = midnight + timedelta(days=1), midnight + timedelta(days=2)
    waits = (ReviewRow.status == "pending") & _waits_for_place()
    here, pending = ReviewRow.precedence == 0, (ReviewRow.status == "pending") & ~_waits_for_place()
    parts = {
        **{status: ReviewRow.status == status for status in get_args(ReviewStatus)},
        "pending": pending,
        "waiting_for_place": waits,
        "at_counter": pending & here,
        "today": pending & ~here & (ReviewRow.visit_at < tomorrow),
        "tomorrow": pending & ~here & (ReviewRow.visit_at >= tomorrow) & (ReviewRow.visit_at < day_after),
        "later": pending & ~here & (ReviewRow.visit_at >= day_after),
        "corrections": correction_waits(now),
    }
    decided = (
        select(1)
        .select_from(DecisionRow)
        .join(ReviewRow, DecisionRow.review_id == ReviewRow.id)
        .where(mine, _latest_decision(principal), _on(DecisionRow.decided_at, today))
    )
    counted = [select(1).select_from(ReviewRow).where(mine, part) for part in parts.values()]
    numbers = [
        select(func.count()).select_from(one.limit(MOST_COUNTED).subquery()).scalar_subquery()
        for one in (*counted, decided)
    ]
    row = session.execute(select(*numbers)).one()
    found = dict(zip((*parts, "decided_today"), row, strict=True))
    by_status = {status: found.pop(status) for status in get_args(ReviewStatus)}
    return QueueCounts(by_status=by_status, **found)


def _earlier(session: Session, row: ReviewRow) -> tuple[EarlierReview, ...]:
    """Return the newest earlier applications of the same mobile; without one, of the same name and ID."""
    applicant = row.application.personal.applicant
    if applicant.mobile:
        same = literal_column(MOBILE) == applicant.mobile
    elif applicant.name_latin and applicant.id_last4:
        same = (ReviewRow.name_latin == applicant.name_latin) & (
            ReviewRow.personal["applicant"]["id_last4"].astext == applicant.id_last4
        )
    else:
        return ()
    rows = session.scalars(
        select(ReviewRow)
        .where(same, ReviewRow.department == row.department, ReviewRow.id != row.id)
        .where(ReviewRow.submitted_at <= row.submitted_at)
        .order_by(ReviewRow.submitted_at.desc(), ReviewRow.id)
        .limit(MOST_EARLIER)
    )
    return tuple(_earlier_view(one) for one in rows)


def _earlier_ended(session: Session, rows: Iterable[ReviewRow]) -> dict[UUID, list[ReviewStatus]]:
    """Return by review how the newest earlier ones of the same mobile stand; nothing without a mobile."""
    known = [(row, mobile) for row in rows if (mobile := row.application.personal.applicant.mobile)]
    found: defaultdict[UUID, list[ReviewStatus]] = defaultdict(list)
    if known:
        asked = {
            "ids": [row.id for row, _ in known],
            "mobiles": [mobile for _, mobile in known],
            "departments": [row.department for row, _ in known],
            "instants": [row.submitted_at for row, _ in known],
        }
        for review_id, status in session.execute(_EARLIER_ENDED, asked):
            found[review_id].append(status)
    return found


def _earlier_view(row: ReviewRow) -> EarlierReview:
    decision = row.decision
    return EarlierReview.from_attributes(
        row,
        visit=Slot.model_validate(decision.slot) if decision and decision.slot else row.visit,
        decided_at=decision.decided_at if decision else None,
        reason=decision.reason if decision else None,
        closed_day=decision.closed_day if decision else None,
        day_reopened=decision is not None and decision.reopened_at is not None,
    )


def _matches(q: str) -> ColumnElement[bool]:
    """Return the condition of a search: part of a name or of the purpose, a name by ear, or a reference."""
    texts = (ReviewRow.name, ReviewRow.name_latin, ReviewRow.personal["purpose"].astext)
    found = or_(*(text.icontains(q, autoescape=True) for text in texts))
    if words := spelling.wanted(q):
        found |= and_(*(ReviewRow.name_keys.overlap(word) for word in words))
    try:
        return found | (ReviewRow.reference == parse_reference(q))
    except ValueError:
        return found
