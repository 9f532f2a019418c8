"""What approval does by the clock: escalate what waits too long, and plan by the nearest preferred day."""

from datetime import datetime, time

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from services.approval.domain import reviews
from services.approval.domain.working_time import open_since
from services.approval.models import ReviewRow, SiteRow
from services.chassis.messaging import outbox
from services.chassis.runtime.clock import IST

MOST_AT_ONCE = 500
"""Reviews that one run escalates at most, by site and level."""


def escalate_waiting(session: Session, now: datetime) -> int:
    """Escalate each review that has waited too long in open hours by one level; return how many there were.

    Replicas may run this at once: a review that one of them has locked, or that a decision has locked, is
    skipped.
    """
    sites = [site.record() for site in session.scalars(select(SiteRow))]
    escalated = 0
    for level in sorted(
        reviews.ESCALATE_AFTER, reverse=True
    ):  # the highest first: no review rises twice in one run
        for site in sites:
            since = open_since(site, now, reviews.ESCALATE_AFTER[level])
            if since is not None:
                escalated += _escalate(session, site.code, level, since, now)
    return escalated


def _escalate(session: Session, site: str, level: int, since: datetime, now: datetime) -> int:
    due = (
        (ReviewRow.status == "pending")
        & (ReviewRow.site == site)
        & (ReviewRow.escalated == level - 1)
        & (ReviewRow.waiting_since <= since)
    )
    rows = session.scalars(
        select(ReviewRow)
        .where(due)
        .order_by(ReviewRow.waiting_since)
        .limit(MOST_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.escalated = level
        outbox.add(session, reviews.escalate(row.as_domain(), level, row.waiting_since), at=now)
    return len(rows)


PLAN = text("""
update reviews set
  channel = details ->> 'channel',
  visit_at = nearest.at,
  precedence = case
    when details ->> 'channel' <> 'portal'
      and (nearest.at at time zone interval '+05:30')::date
        = (submitted_at at time zone interval '+05:30')::date
    then 0 else 1 end
from (
  select id, (
    select min(start.at)
    from jsonb_array_elements(details -> 'preferred') as slot,
      cast((slot ->> 'date') || ' ' || (slot ->> 'from') || '+05:30' as timestamptz) as start(at)
    where start.at >= :today
  ) as at
  from reviews
  where status = 'pending' and visit_at < :today
  order by id
  for update skip locked
) as nearest
where nearest.id = reviews.id and nearest.at is not null
""")
"""The same as `ReviewRow.plan`, for all reviews whose nearest preferred day has passed, and for those that an
older version of this service stored."""


def plan_visits(session: Session, now: datetime) -> int:
    """Place each review whose nearest preferred day has passed by its next; return how many there were."""
    today = datetime.combine(now.astimezone(IST).date(), time(), IST)
    planned = session.execute(PLAN.execution_options(synchronize_session=False), {"today": today})
    return planned.rowcount  # type: ignore[attr-defined, no-any-return]  # of a CursorResult
