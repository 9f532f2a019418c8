"""What approval does by the clock.

Escalate what nobody decides, plan by the nearest day, key older names, show which sites are open
and which departments nobody can decide for, and delete what is old.
"""

from datetime import datetime, time

from sqlalchemy import and_, exists, func, select, text, true
from sqlalchemy.orm import Session

from contracts.events import EscalationMinutes
from services.approval.domain import escalation, reviews
from services.approval.domain.working_time import is_open
from services.approval.handlers import closures, directory
from services.approval.handlers.delegations import stand_in_of
from services.approval.handlers.directory import department_record, site_record
from services.approval.handlers.duty_contacts import contact_for
from services.approval.metrics import DEPARTMENTS_UNSTAFFED, SITE_OPEN, department_label, site_label
from services.approval.models.directory import ImportRow
from services.approval.models.places import waits
from services.approval.models.reviews import (
    ApplicationRow,
    BookingRow,
    DecisionRow,
    FirstApprovalRow,
    ForwardingRow,
    ReviewRow,
)
from services.approval.models.watchlist import WatchlistMatchRow
from services.chassis.db import batches, import_drafts
from services.chassis.db.database import Database
from services.chassis.db.destructive_jobs import Portion
from services.chassis.db.retention import kept_since
from services.chassis.messaging import outbox
from services.chassis.runtime.clock import IST

BATCH = 200

_DELETE_REVIEWS = text("select delete_reviews(:old)")


def escalate_waiting(session: Session, now: datetime) -> int:
    """Take the steps that are due, for at most BATCH reviews; return how many reviews were looked at.

    The step that a review has reached and the event about it are stored in one transaction, so a process that
    is killed loses and repeats none. Replicas may run this at once: a review that one of them has locked, or
    that a decision has locked, is skipped.
    """
    rows = session.scalars(
        select(ReviewRow)
        .where(
            ReviewRow.status == "pending",
            ReviewRow.escalate_at <= now,
            ~exists().where(waits()),
            ReviewRow.standing_state.is_(None),  # its department has decided; `standing.measure`
        )
        .order_by(ReviewRow.escalate_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        _escalate(session, row, now)
    return len(rows)


def _escalate(session: Session, row: ReviewRow, now: datetime) -> None:
    site, department = site_record(session, row.site), department_record(session, row.department)
    if site is None:
        row.escalate_at = None  # the directory lets it be looked at again once it knows the site
        return
    minutes = (department.escalation if department else None) or EscalationMinutes()
    review = row.as_domain()
    waiting = escalation.Waiting(row.application, row.waiting_since, row.escalated)
    for step in escalation.due_steps(waiting, site, minutes, now):
        row.escalated += 1
        stand_in = stand_in_of(session, row.department, row.officer, row.application.preferred)
        officer = escalation.officer_of(step, department, stand_in)
        contact, language = contact_for(session, step, row.department, row.site, officer)
        event = reviews.escalate(review, step, row.escalated, officer, row.waiting_since, contact, language)
        outbox.add(session, event, at=now)
    reached = escalation.Waiting(row.application, row.waiting_since, row.escalated)
    row.escalate_at = escalation.next_due(reached, site, minutes, now)


PLAN = text("""
update reviews set
  channel = details ->> 'channel',
  visit_at = nearest.at,
  precedence = case
    when details ->> 'channel' in ('counter', 'kiosk')
      and (nearest.at at time zone interval '+05:30')::date
        = (submitted_at at time zone interval '+05:30')::date
    then 0 else 1 end
from (
  select id, future.at
  from reviews, lateral (
    select min(start.at) as at
    from jsonb_array_elements(details -> 'preferred') as slot,
      cast((slot ->> 'date') || ' ' || (slot ->> 'from') || '+05:30' as timestamptz) as start(at)
    where start.at >= :today
  ) as future
  where status = 'pending' and visit_at < :today and future.at is not null
  order by id
  limit :rows
  for update of reviews skip locked
) as nearest
where nearest.id = reviews.id
""")
"""The same as `ReviewRow.plan`, for reviews whose nearest preferred day has passed."""


def plan_visits(session: Session, now: datetime) -> int:
    """Place reviews whose nearest preferred day has passed by their next; return how many, at most BATCH."""
    today = datetime.combine(now.astimezone(IST).date(), time(), IST)
    planned = session.execute(
        PLAN.execution_options(synchronize_session=False), {"today": today, "rows": BATCH}
    )
    return planned.rowcount  # type: ignore[attr-defined, no-any-return]  # of a CursorResult


def show_open_sites(session: Session, now: datetime) -> None:
    """Show which sites are open now."""
    sites = directory.sites(session).items
    SITE_OPEN.clear()  # a site that was removed is not open for ever
    for site in sites:
        SITE_OPEN.labels(site_label(site.code)).set(is_open(site, now))


def show_unstaffed_departments(session: Session) -> None:
    """Show for which departments no login can decide, although they are not closed."""
    departments = directory.directory(session).departments.values()
    DEPARTMENTS_UNSTAFFED.clear()  # a department that is gone needs nobody
    for one in departments:
        DEPARTMENTS_UNSTAFFED.labels(department_label(one.code)).set(one.unstaffed and not one.closed)


def purge(db: Database, now: datetime) -> None:
    """Delete files that nobody can see, and notes of days that were closed long ago."""
    batches.run(db, lambda session: import_drafts.purge(session, ImportRow, now))
    batches.run(db, lambda session: closures.forget_notes(session, now))


def delete_old_reviews(session: Session, now: datetime, records_kept_months: int) -> int:
    """Delete reviews whose records are kept no longer; return how many, at most BATCH.

    All that belongs to a review goes with it. The application itself stays known, so that a late event brings
    nobody back. A function of the database's owner does it: the service may delete no decision by itself.
    """
    due = select(ReviewRow.id).where(old_reviews(now, records_kept_months).taken)
    due = due.order_by(ReviewRow.waiting_since).limit(BATCH)
    old = session.scalars(due.with_for_update(skip_locked=True)).all()
    session.execute(_DELETE_REVIEWS, {"old": list(old)})
    return len(old)


def old_reviews(now: datetime, records_kept_months: int) -> Portion:
    """Return the reviews without people of which nothing is so young that its records are kept."""
    before = kept_since(now, records_kept_months)
    erased = select(ApplicationRow).where(
        ApplicationRow.application_id == ReviewRow.application_id, ApplicationRow.erased_at.is_not(None)
    )
    since = (
        (DecisionRow, DecisionRow.decided_at >= before),
        (ForwardingRow, ForwardingRow.forwarded_at >= before),
        (FirstApprovalRow, FirstApprovalRow.approved_at >= before),
        (
            WatchlistMatchRow,
            func.greatest(WatchlistMatchRow.found_at, WatchlistMatchRow.settled_at) >= before,
        ),
        (BookingRow, BookingRow.day >= before.astimezone(IST).date()),
    )
    is_old = and_(
        ReviewRow.waiting_since < before,
        ReviewRow.submitted_at < before,
        erased.exists(),
        *(~exists().where(row.review_id == ReviewRow.id, is_younger) for row, is_younger in since),
    )
    return Portion(ReviewRow, true(), is_old)
