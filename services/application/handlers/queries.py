"""What is asked: an applicant's history, one application, where it stands, how long a department takes, and the counter's search."""

import base64
import hmac
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select, true, tuple_
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from contracts.crockford import parse_pass_number
from contracts.errors import Forbidden, InvalidInput, NotFound
from contracts.mobile import ascii_digits, parse_mobile
from contracts.model import ApplicationStatus
from contracts.rpc.application import (
    ApplicationList,
    ApplicationView,
    DepartmentCode,
    Durations,
    Lookup,
    LookupHits,
    ReferenceOnly,
    StatusQuestion,
    StatusView,
)
from contracts.rpc.call import Call, Page
from services.application.handlers.access import is_reception, mobile_of, operator_of
from services.application.handlers.rows import find
from services.application.handlers.views import hits_of, status_view_of, summary_of, view_of
from services.application.models import ApplicationRow, PassRow
from services.chassis.runtime.clock import IST

MOST_HITS = 50
LOOKED_BACK = timedelta(days=90)
STILL_HERE: tuple[ApplicationStatus, ...] = ("submitted", "returned", "approved", "rejected", "issued")
"""Who has applied where he stands, and waits for an answer or has one to hear."""
FEWEST_ANSWERED = 5
"""Of fewer applications nothing can be said for others, and something about each of them."""
_NEWEST_FIRST = (ApplicationRow.submitted_at.desc(), ApplicationRow.id.desc())


def list_applications(request: Page, call: Call, session: Session) -> ApplicationList:
    """The history of the applicant's mobile, newest first.

    Raises:
        Forbidden: no applicant asks, or one at a kiosk: a screen in a hall shows nobody's history.
        InvalidInput: ``after`` is not from an answer of ours.
    """
    if call.principal.kiosk:
        raise Forbidden("a kiosk shows nobody's history", code="at_a_kiosk")
    query = select(ApplicationRow).where(ApplicationRow.mobile == mobile_of(call.principal))
    if request.after is not None:
        query = query.where(
            tuple_(ApplicationRow.submitted_at, ApplicationRow.id) < tuple_(*_read_cursor(request.after))
        )
    rows = session.scalars(query.order_by(*_NEWEST_FIRST).limit(request.limit + 1)).all()
    shown = rows[: request.limit]
    return ApplicationList(
        items=tuple(summary_of(row) for row in shown),
        next=_cursor(shown[-1]) if len(rows) > len(shown) else None,
    )


def view(request: ReferenceOnly, call: Call, session: Session) -> ApplicationView:
    """One application, for its applicant and for the reception.

    Raises:
        NotFound: there is none, or not for this principal.
    """
    row, principal = find(session, request.reference), call.principal
    is_owner = (
        row is not None
        and principal.kind == "applicant"
        and principal.mobile is not None
        and row.mobile == principal.mobile
    )
    if row is None or not (is_owner or is_reception(principal)):
        raise NotFound("there is no such application")
    return view_of(session, row)


def status(request: StatusQuestion, session: Session) -> StatusView:
    """Where an application stands, for whoever knows its reference and the last four digits of its mobile.

    Raises:
        NotFound: one of the two is wrong; which, is not told, nor does the work differ.
    """
    row = find(session, request.reference)
    known = row.mobile[-4:] if row is not None and row.mobile else "none"
    given = ascii_digits(request.mobile_last4.strip())
    is_right = hmac.compare_digest(known.encode(), given.encode()) and given.isdigit()
    if row is None or not is_right:
        raise NotFound("there is no such application")
    return status_view_of(session, row)


def durations(request: DepartmentCode, session: Session, at: datetime) -> Durations:
    """How long a department took until its first answer; by the clock, nights and holidays included, as an applicant waits."""
    row = ApplicationRow
    took = row.answered_at - row.submitted_at
    question = select(func.count(), func.percentile_cont(array([0.5, 0.95])).within_group(took)).where(
        row.department == request.department, row.answered_at > at - LOOKED_BACK
    )
    answered, found = session.execute(question).one()
    if answered < FEWEST_ANSWERED:
        return Durations(answered=answered)
    half, nearly_all = (max(round(one.total_seconds()), 0) for one in found)
    return Durations(answered=answered, half_within=half, nearly_all_within=nearly_all)


def lookup(request: Lookup, call: Call, session: Session) -> LookupHits:
    """The reception's search by mobile, by reference or pass number, or by a part of a name.

    Raises:
        Forbidden: somebody else asks.
    """
    operator_of(call.principal)
    query = select(ApplicationRow).order_by(*_NEWEST_FIRST).limit(MOST_HITS)
    mobile = _mobile(request.q)
    if mobile is not None:
        return LookupHits(
            items=hits_of(session, session.scalars(query.where(ApplicationRow.mobile == mobile)))
        )
    numbered = _by_number(session, request.q)
    if numbered is not None:
        return LookupHits(items=hits_of(session, [numbered]))
    text = request.q.strip()
    if len(text) < 2:
        return LookupHits(items=())
    named = or_(
        ApplicationRow.name.icontains(text, autoescape=True),
        ApplicationRow.name_latin.icontains(text, autoescape=True),
    )
    return LookupHits(items=hits_of(session, session.scalars(query.where(named))))


def waiting_here(call: Call, session: Session, at: datetime) -> LookupHits:
    """Who applied today at the counters and kiosks of the operator's site and has not gone in yet: the fifty newest, the newest last.

    Raises:
        Forbidden: somebody else asks.
    """
    operator_of(call.principal)
    row, site = ApplicationRow, call.principal.site
    midnight = at.astimezone(IST).replace(hour=0, minute=0, second=0, microsecond=0)
    query = (
        select(row)
        .where(
            row.submitted_at >= midnight, row.channel.in_(("counter", "kiosk")), row.status.in_(STILL_HERE)
        )
        .where(row.site == site if site is not None else true())
        .order_by(*_NEWEST_FIRST)
        .limit(MOST_HITS)
    )
    return LookupHits(items=hits_of(session, session.scalars(query))[::-1])


def _mobile(text: str) -> str | None:
    try:
        return parse_mobile(text)
    except ValueError:
        return None


def _by_number(session: Session, text: str) -> ApplicationRow | None:
    row = find(session, text)
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


def _cursor(row: ApplicationRow) -> str:
    return base64.urlsafe_b64encode(f"{row.submitted_at.isoformat()} {row.id}".encode()).decode()


def _read_cursor(text: str) -> tuple[datetime, UUID]:
    try:
        instant, identity = base64.urlsafe_b64decode(text.encode()).decode().split(" ")
        return datetime.fromisoformat(instant).astimezone(UTC), UUID(identity)
    except (ValueError, OverflowError) as error:
        raise InvalidInput.of("after", "not_a_cursor") from error
