"""What an office is told of its visitors: that one has come, where it chose that; that nobody answers one.

Nobody gets more than so many messages in half a day: the next one leads to the page of all visitors, and
after it there is none. A message about one visitor has a link by which the office answers this visit alone.
"""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.events import DepartmentRecord, OfficeContact, VisitorAnnounced
from contracts.model import IST, Announcement, Contact, DeliverBy, EscalationStep, Language, Slot
from contracts.visiting_rules import windows_on
from services.approval.domain.escalation import STEPS, officer_of
from services.approval.handlers.delegations import stand_in_of
from services.approval.handlers.directory import department_record, site_record
from services.approval.handlers.duty_contacts import contact_for, office_contact
from services.approval.metrics import VISITS_ESCALATED, department_label
from services.approval.models.reviews import BookingRow, ReviewRow
from services.approval.models.visits import AnnouncementRow, VisitRow
from services.chassis.db.database import after_commit
from services.chassis.db.locks import lock
from services.chassis.messaging import outbox

BATCH = 100
LINK_BYTES = 12
"""Random bytes in the code of a link, whose digest alone is stored."""
MIDDAY = time(13)


def members_of(review: ReviewRow, row: VisitRow) -> dict[str, Any]:
    """Return the members of every event of a visit."""
    of_review = {"application_id": review.application_id, "reference": review.reference}
    return {**of_review, "day": row.day, "site": row.site, "department": row.department}


def digest(code: str) -> str:
    """Return what is stored of the code of a link."""
    return sha256(code.encode()).hexdigest()


def tell_of_arrivals(session: Session, rows: Iterable[VisitRow], now: datetime, most: int) -> None:
    """Tell offices that visitors have come; nothing of those who have left meanwhile, or whose day is over.

    Its locks are taken after those of all visits, and in one order.
    """
    today = now.astimezone(IST).date()
    of_today = (row for row in rows if row.day == today)
    for row in sorted(of_today, key=lambda one: (one.department, one.review_id)):
        session.refresh(row)
        if row.state != "here":
            continue
        review = session.get_one(ReviewRow, row.review_id)
        department = department_record(session, row.department)
        officer = review.officer
        if not _is_there(department, officer):
            officer = officer_of("head", department, None)
        place = f"departments/{row.department}"
        known, language = office_contact(session, place, officer)
        if known is None or known.arrivals == "none":
            continue
        contact = Contact(mobile=known.mobile, email=known.email)
        quiet = 0 if known.arrivals == "digest" else most
        channel: DeliverBy = "whatsapp" if known.arrivals == "whatsapp" else "sms"
        _tell(
            session, review, row, f"{place}/{officer}", contact, language, now, quiet,
            about="arrived", since=row.arrived_at, deliver_by=channel,
        )  # fmt: skip


def escalate_visits(
    session: Session, now: datetime, *, arrival_messages: int = 20, visit_wait_minutes: int = 30
) -> int:
    """Ask others for an answer to visitors who wait too long, at most BATCH; return how many were looked at.

    The steps and their contacts are those of undecided applications. Replicas may run this at once: a visit
    that one of them has locked is skipped.
    """
    rows = session.scalars(
        select(VisitRow)
        .where(VisitRow.escalate_at <= now)
        .order_by(VisitRow.escalate_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    for site in sorted({row.site for row in rows}):  # a reception hears of all departments, locked after it
        lock(session, f"announcements of sites/{site}")
    for row in sorted(rows, key=lambda one: (one.department, one.review_id)):
        _escalate(session, row, now, arrival_messages, timedelta(minutes=visit_wait_minutes))
    return len(rows)


def _escalate(session: Session, row: VisitRow, now: datetime, most: int, wait: timedelta) -> None:
    review = session.get_one(ReviewRow, row.review_id)
    due, row.escalate_at = row.escalate_at, None
    since = row.waits_since(now, standing=review.standing_state is not None)
    if since is None or due is None or _answer_until(session, row) <= now:
        return
    department = department_record(session, row.department)
    name = department_label(row.department)
    counters = {step: VISITS_ESCALATED.labels(name, step) for step in STEPS}  # each begins at 0
    while row.escalated < len(STEPS) and due <= now:
        step = STEPS[row.escalated]
        row.escalated += 1
        due += wait
        if step == "reception":  # it has who waits inside, told or not
            after_commit(session, counters[step].inc)
        stand_in = stand_in_of(session, row.department, review.officer, (_slot(session, review, row),))
        officer = officer_of(step, department, stand_in)
        if step == "stand_in" and not _is_there(department, officer):
            continue
        reached, language = contact_for(session, step, row.department, row.site, officer)
        if reached.contact.mobile or reached.contact.email:
            place = f"sites/{row.site}" if step == "reception" else f"departments/{row.department}/{officer}"
            is_told = _tell(
                session, review, row, place, reached.contact, language, now, most,
                about="unanswered", since=since, step=step,
            )  # fmt: skip
            if is_told and step != "reception":
                after_commit(session, counters[step].inc)
    if row.escalated < len(STEPS):
        row.escalate_at = due


def _slot(session: Session, review: ReviewRow, row: VisitRow) -> Slot:
    """Return the hours of a visit on its day; those that were asked for, where it has no places."""
    asked, booked = review.application.preferred[0], session.get(BookingRow, (review.id, row.day))
    hours = booked or asked
    return Slot(day=row.day, start=hours.start, end=hours.end)


def _is_there(department: DepartmentRecord | None, officer: str | None) -> bool:
    """Return whether the directory still names an officer of a department whom people can ask to meet."""
    return department is not None and any(
        one.code == officer and not one.closed for one in department.officers
    )


def _tell(
    session: Session,
    review: ReviewRow,
    row: VisitRow,
    recipient: str,
    contact: Contact,
    language: Language | None,
    now: datetime,
    most: int,
    *,
    about: Announcement,
    since: datetime,
    step: EscalationStep | None = None,
    deliver_by: DeliverBy = "sms",
) -> bool:
    """Publish a message to the office, unless its contact has had all of this half of the day.

    Return whether it was published. Where ``most`` is 0, all of it is a digest; other messages do not count.
    """
    until = _answer_until(session, row)
    if until <= now:
        return False
    lock(session, f"announcements of {row.department}")
    there = now.astimezone(IST)
    half = datetime.combine(there.date(), MIDDAY if there.time() >= MIDDAY else time(), IST)
    told = AnnouncementRow
    of_half = select(func.count()).where(told.recipient == recipient, told.made_at >= half)
    before = session.scalars(of_half if most else of_half.where(told.about == "many")).one()
    if before > most:
        return False
    if before == most:
        about = "many"
    code = token_urlsafe(LINK_BYTES) if about != "many" and step != "reception" else ""
    row_of_it = AnnouncementRow(
        review_id=row.review_id,
        day=row.day,
        recipient=recipient,
        about=about,
        made_at=now,
        answer_until=until,
        link_digest=digest(code) if code else None,
    )
    session.add(row_of_it)
    session.flush()
    event = VisitorAnnounced(
        **members_of(review, row),
        about=about,
        step=step,
        since=since,
        answer_until=until,
        language=language,
        deliver_by=deliver_by,
        personal=OfficeContact(contact=contact, link_code=code),
    )
    outbox.add(session, event, at=now, expires_at=until)
    return True


def _answer_until(session: Session, row: VisitRow) -> datetime:
    """Return when the site closes on the day of a visit; for who came later, when the day ends."""
    site = site_record(session, row.site)
    hours = windows_on(site, row.day) if site else ()
    closes = max((datetime.combine(row.day, closes, IST) for _opens, closes in hours), default=row.entered_at)
    if closes > row.entered_at:
        return closes
    return datetime.combine(row.day + timedelta(days=1), time(), IST)
