"""Queries: an applicant's history, one application, its status, durations, the counter's search."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, select, true
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from contracts import spelling
from contracts.crockford import parse_pass_number
from contracts.errors import NotFound
from contracts.mobile import parse_mobile
from contracts.model import IST, ApplicationStatus
from contracts.plates import canonical, is_plate, names_plate
from contracts.rpc.application import (
    ApplicationList,
    ApplicationView,
    DepartmentCode,
    Durations,
    Lookup,
    LookupHits,
    NumberToProve,
    ReferenceOnly,
    StatusQuestion,
    StatusView,
)
from contracts.rpc.call import Call, Page
from services.application.handlers import mobiles, unlocked_sessions
from services.application.handlers.authorization import (
    is_applicant_of,
    is_reception,
    is_reception_of,
    operator_of,
)
from services.application.handlers.rows import ends_in, find
from services.application.handlers.views import (
    history_of,
    hits_of,
    shortened_view_of,
    status_view_of,
    view_for_applicant,
    view_of,
    view_without_cards,
)
from services.application.models import ApplicationRow, PassRow
from services.chassis.audit import record
from services.chassis.audit.readers import is_data_officer, mobile_of
from services.chassis.db import pages

MOST_HITS = 50
MOST_ASKED = 20
LOOKED_BACK = timedelta(days=90)
STILL_HERE: tuple[ApplicationStatus, ...] = ("submitted", "returned", "approved", "rejected", "issued")
"""Statuses of visitors at the site who wait for an answer, or have not seen it yet."""
FEWEST_ANSWERED = 5
"""Fewer applications are no basis for an estimate, and would reveal something about each of them."""
_NEWEST_FIRST = (ApplicationRow.submitted_at.desc(), ApplicationRow.id.desc())


def list_applications(request: Page, call: Call, session: Session, now: datetime) -> ApplicationList:
    """Return the history of the applicant's mobile, newest first.

    A kiosk, whose screen stands in a hall, shows nobody's history: only what this session has opened.

    Raises:
        Forbidden: the principal is not an applicant.
        InvalidInput: ``after`` is not one of our cursors.
    """
    query = select(ApplicationRow).where(ApplicationRow.mobile == mobile_of(call.principal))
    page, following = pages.read(session, query, ApplicationRow.submitted_at, ApplicationRow.id, request)
    shown = [row for (row,) in page]
    opened = unlocked_sessions.opened_of(session, shown, call.principal, now)
    if call.principal.kiosk:
        shown = [row for row in shown if row.id in opened]
    return ApplicationList(items=history_of(session, shown, opened), next=following)


def view(
    request: ReferenceOnly, call: Call, session: Session, now: datetime, *, rate_limits: bool = True
) -> ApplicationView:
    """Return one application: to its applicant, to the data officer as they see it, and to the reception.

    At the counter of another site it is shortened, and for all but the data officer if it is locked.

    Who may change its number learns whether they have done so too often, where ``rate_limits`` count.

    Raises:
        NotFound: there is none, or not for this principal.
        Forbidden: ``not_opened``: the session of its applicant has not opened it.
    """
    row, principal = find(session, request.reference, also_locked=True), call.principal
    if row is not None and is_reception(principal):
        if row.locked_at is not None or not is_reception_of(principal, row.site):
            return shortened_view_of(session, row)
        shown = view_of(session, row)
    elif row is not None and is_applicant_of(principal, row.mobile):
        unlocked_sessions.require_open(session, row, principal, now)
        shown = view_for_applicant(session, row)
    elif row is not None and is_data_officer(principal) and row.erased_at is None:
        return view_without_cards(session, row)
    else:
        raise NotFound("there is no such application")
    free = mobiles.free_after(session, row, principal, now) if rate_limits else None
    return shown.model_copy(update={"mobile_change_after": free})


def status(request: StatusQuestion, call: Call, session: Session) -> StatusView:
    """Return the status of an application for anyone who knows its reference and mobile's last four digits.

    Who has proved the mobile reads what the department wrote, too.

    Raises:
        NotFound: one of the two is wrong. Neither the error nor the work reveals which.
    """
    row = find_by_last4(session, request)
    shown = status_view_of(session, row)
    if not is_applicant_of(call.principal, row.mobile) or call.principal.kiosk:
        return shown
    return shown.model_copy(update=view_of(session, row).model_dump(include={"reason", "note"}))


def find_by_last4(session: Session, request: StatusQuestion) -> ApplicationRow:
    """Return the application with this reference whose mobile ends in these digits.

    Raises:
        NotFound: one of the two is wrong. Neither the error nor the work reveals which.
    """
    row = find(session, request.reference)
    is_right = ends_in(row.mobile if row is not None else None, request.mobile_last4)
    if row is None or not is_right:
        raise NotFound("there is no such application")
    return row


def number_to_prove(request: ReferenceOnly, session: Session) -> NumberToProve:
    """Return the mobile to which the gateway has a code sent; whether there is one, it tells nobody."""
    row = find(session, request.reference)
    return NumberToProve(mobile=row.mobile if row else None)


def durations(request: DepartmentCode, session: Session, now: datetime) -> Durations:
    """Return how long a department took until its first answer, nights and holidays included.

    Invitations do not count: nobody waited for an answer.
    """
    row = ApplicationRow
    took = row.answered_at - row.submitted_at
    question = select(func.count(), func.percentile_cont(array([0.5, 0.95])).within_group(took)).where(
        row.department == request.department, row.answered_at > now - LOOKED_BACK, row.channel != "invitation"
    )
    answered, found = session.execute(question).one()
    if answered < FEWEST_ANSWERED:
        return Durations(answered=answered)
    half, nearly_all = (max(round(one.total_seconds()), 0) for one in found)
    return Durations(answered=answered, half_within=half, nearly_all_within=nearly_all)


def lookup(request: Lookup, call: Call, session: Session, now: datetime) -> LookupHits:
    """Search applications by mobile, reference, pass number, vehicle or a name by ear, for the reception.

    A counter finds those of its site. One of another site, or that is locked, it finds by its exact reference
    or pass number only, and sees no name.

    Raises:
        Forbidden: the principal is not at a reception counter.
    """
    operator_of(call.principal)
    query = select(ApplicationRow).where(_here(call)).order_by(*_NEWEST_FIRST)
    mobile = _mobile(request.q)
    if mobile is not None:
        record.note_search(session, "mobile", mobile)
        return _newest(session, query.where(ApplicationRow.mobile == mobile))
    numbered = by_number(session, request.q)
    if numbered is not None:
        own = is_reception_of(call.principal, numbered.site)
        return LookupHits(items=hits_of(session, [numbered], named=own))
    if is_plate(request.q):
        record.note_search(session, "vehicle", canonical(request.q))
        there = _with_vehicle(session, request.q, _here(call), now)
        return _newest(session, query.where(ApplicationRow.id.in_(there)))
    record.note_search(session, "name", request.q)
    words = spelling.wanted(request.q)
    if not words:
        return LookupHits(items=())
    named = and_(*(ApplicationRow.name_keys.overlap(word) for word in words))
    return _newest(session, query.where(named))


def waiting_here(call: Call, session: Session, now: datetime) -> LookupHits:
    """Return who applied today at the counters and kiosks of the operator's site and has not gone in yet.

    These are the fifty newest, the newest last. Before them come the twenty nearest visits about which the
    reception was asked because nobody decides.

    Raises:
        Forbidden: the principal is not at a reception counter.
    """
    operator_of(call.principal)
    row = ApplicationRow
    here = _here(call)
    midnight = now.astimezone(IST).replace(hour=0, minute=0, second=0, microsecond=0)
    query = (
        select(row)
        .where(
            row.submitted_at >= midnight, row.channel.in_(("counter", "kiosk")), row.status.in_(STILL_HERE)
        )
        .where(here)
        .order_by(*_NEWEST_FIRST)
        .limit(MOST_HITS)
    )
    asked = (
        select(row)
        .where(row.reception_asked_at.is_not(None), row.status == "submitted", row.preferred_until > now)
        .where(here)
        .order_by(row.preferred_until, row.id)
        .limit(MOST_ASKED)
    )
    first = session.scalars(asked).all()
    walk_ins = [one for one in reversed(session.scalars(query).all()) if one not in first]
    return LookupHits(items=hits_of(session, [*first, *walk_ins]))


def _newest(session: Session, query: Select[ApplicationRow]) -> LookupHits:
    rows = session.scalars(query.limit(MOST_HITS + 1)).all()
    return LookupHits(items=hits_of(session, rows[:MOST_HITS]), is_cut=len(rows) > MOST_HITS)


def _here(call: Call) -> ColumnElement[bool]:
    """Return the condition that an application is of the site of the login, if it has one, and not locked."""
    here = true() if call.principal.site is None else ApplicationRow.site == call.principal.site
    return here & ApplicationRow.locked_at.is_(None)


def _mobile(text: str) -> str | None:
    try:
        return parse_mobile(text)
    except ValueError:
        return None


def _with_vehicle(session: Session, typed: str, here: ColumnElement[bool], now: datetime) -> list[UUID]:
    """Return the applications with a vehicle whose plate was typed, of visits that are not over for a day."""
    row = ApplicationRow
    named = select(row.id, row.vehicle).where(
        row.vehicle.is_not(None), row.erased_at.is_(None), row.last_matters_at > now - timedelta(days=1)
    )
    found = session.execute(named.where(here))
    return [one for one, vehicle in found if vehicle and names_plate(typed, vehicle)]


def by_number(session: Session, text: str) -> ApplicationRow | None:
    """Return the application of a reference or a pass number, as it was typed; also one that is locked."""
    row = find(session, text, also_locked=True)
    if row is not None:
        return row
    try:
        number = parse_pass_number(text)
    except ValueError:
        return None
    return session.scalars(
        select(ApplicationRow)
        .join(PassRow, PassRow.application_id == ApplicationRow.id)
        .where(PassRow.number == number)
    ).one_or_none()
