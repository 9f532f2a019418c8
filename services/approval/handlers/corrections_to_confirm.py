"""Which corrections wait for their department, and which of them are urgent."""

from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import object_session

from contracts.events import EscalationMinutes
from contracts.model import IST
from services.approval.domain import escalation
from services.approval.handlers.reference_data import ReferenceData
from services.approval.models.reviews import BookingRow, ReviewRow


def correction_waits(now: datetime) -> ColumnElement[bool]:
    """Return the condition for reviews whose correction the department can still confirm."""
    today = now.astimezone(IST).date()
    is_booked = (BookingRow.review_id == ReviewRow.id) & (BookingRow.day >= today)
    to_come = exists().where(is_booked) | (ReviewRow.standing_until >= today)
    first = select(func.min(BookingRow.day)).where(BookingRow.review_id == ReviewRow.id)
    not_begun = ReviewRow.entered_on.is_(None) | (ReviewRow.entered_on < first.scalar_subquery())
    in_time = (ReviewRow.status == "approved") & not_begun & to_come
    return ReviewRow.correction_since.is_not(None) & in_time


def has_begun(row: ReviewRow) -> bool:
    """Return whether somebody of the party went in on one of its days; one before it was moved is none."""
    session = object_session(row)
    if row.entered_on is None or session is None:
        return False
    first = session.scalar(select(func.min(BookingRow.day)).where(BookingRow.review_id == row.id))
    return first is None or row.entered_on >= first


def visit_begins(now: datetime) -> ColumnElement[datetime]:
    """Return the start of the nearest day of an approved visit that is not over; null where all are."""
    begins, ends = (
        func.timezone("Asia/Kolkata", BookingRow.day + at) for at in (BookingRow.start, BookingRow.end)
    )
    nearest = select(func.min(begins)).where(BookingRow.review_id == ReviewRow.id, ends > now)
    return nearest.correlate(ReviewRow).scalar_subquery()


def is_near(begins: datetime | None, site: str, department: str, data: ReferenceData, now: datetime) -> bool:
    """Return whether a correction of a visit is urgent, because it begins soon."""
    record = data.departments.get(department)
    minutes = (record.escalation if record else None) or EscalationMinutes()
    return begins is not None and escalation.is_near(begins, data.sites.get(site), minutes, now)
