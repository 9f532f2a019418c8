"""Reviews that wait too long are called out, level by level."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.approval import domain
from services.approval.models import Review, Site
from services.approval.opening import open_since
from services.chassis.messaging import outbox

AT_A_TIME = 500


def escalate_waiting(session: Session, at: datetime) -> int:
    """Raises each review that has waited through its site's open hours too long by one level; how many there were.

    Replicas may run this at once: a review that one has locked, also for a decision, is skipped by the others.
    """
    sites = [site.record() for site in session.scalars(select(Site))]
    raised = 0
    for level in sorted(
        domain.ESCALATE_AFTER, reverse=True
    ):  # from above, so that none rises twice in one run
        for site in sites:
            since = open_since(site, at, domain.ESCALATE_AFTER[level])
            if since is not None:
                raised += _raise(session, site.code, level, since, at)
    return raised


def _raise(session: Session, site: str, level: int, since: datetime, at: datetime) -> int:
    due = (
        (Review.status == "pending")
        & (Review.site == site)
        & (Review.escalated == level - 1)
        & (Review.waiting_since <= since)
    )
    reviews = session.scalars(
        select(Review)
        .where(due)
        .order_by(Review.waiting_since)
        .limit(AT_A_TIME)
        .with_for_update(skip_locked=True)
    ).all()
    for review in reviews:
        review.escalated = level
        outbox.add(session, domain.escalate(review.as_domain(), level, review.waiting_since), at=at)
    return len(reviews)
