"""What approval does by the clock: escalate reviews that wait too long, level by level."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.approval.domain import reviews
from services.approval.domain.working_time import open_since
from services.approval.models import ReviewRow, SiteRow
from services.chassis.messaging import outbox

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
