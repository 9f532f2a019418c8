"""How many standing passes a site has, and who may have one. It is a module below that of decisions."""

from datetime import date, timedelta

from sqlalchemy import ColumnElement, Time, and_, cast, func, literal_column, select
from sqlalchemy.orm import Session

from contracts.errors import Conflict
from contracts.rpc.approval.standing import RENEWED_WITHIN_DAYS
from services.approval.models.reviews import MOBILE, FirstApprovalRow, ReviewRow
from services.chassis.db.locks import lock

HOURS = {key: cast(FirstApprovalRow.slot[key].astext, Time) for key in ("from", "to")}
"""The hours of a standing pass, which has no row of places."""


def require_possible(session: Session, row: ReviewRow, today: date, most: int) -> None:
    """Raise `Conflict` unless this visitor may have a standing pass at this site now.

    It is `standing_off` where there are none, `standing_one_person` for a party or somebody without an ID,
    since an old code is worth no more than the ID that is compared with it, `standing_in_force` where they
    have one for the same department whose last days have not come, and `standing_full`; or as
    `require_photograph`.
    """
    if most == 0:
        raise Conflict("there are no standing passes here", code="standing_off")
    application = row.application
    applicant = application.personal.applicant
    if application.party != 1 or applicant.id_last4 is None or applicant.guardian is not None:
        raise Conflict("a standing pass is for one person with an ID", code="standing_one_person")
    require_photograph(row)
    lock(session, f"standing passes of {row.site}")
    others = select(ReviewRow.id).where(
        literal_column(MOBILE) == applicant.mobile,
        ReviewRow.department == row.department,
        ReviewRow.site == row.site,
        ReviewRow.id != row.id,
        ReviewRow.status == "approved",
        ReviewRow.standing_until > today + timedelta(days=RENEWED_WITHIN_DAYS),
    )
    if applicant.mobile is not None and session.scalar(others.limit(1)) is not None:
        raise Conflict(
            "they have a standing pass; its last days have not come",
            code="standing_in_force",
            days=RENEWED_WITHIN_DAYS,
        )
    if count_at(session, row.site, today) >= most:
        raise Conflict("the gates of this site hold no more standing passes", code="standing_full", most=most)


def require_photograph(row: ReviewRow) -> None:
    """Raise `Conflict` unless the reception has a photograph of the visitor, which the ADO Branch looks at.

    It is `standing_no_photograph` until one is taken, and `standing_photograph_erased` from its erasure, or
    from a correction to somebody else, until they come again.
    """
    if row.photographed is False:
        raise Conflict("the photograph is no longer kept", code="standing_photograph_erased")
    if not row.photographed:
        raise Conflict("the reception has no photograph of the visitor", code="standing_no_photograph")


def count_at(session: Session, site: str, today: date) -> int:
    """Return how many standing passes of a site have not ended, the suspended ones included."""
    live = (
        ReviewRow.site == site,
        ReviewRow.standing_until >= today,
        ReviewRow.status == "approved",
    )
    return session.scalar(select(func.count()).select_from(ReviewRow).where(*live)) or 0


def admits_on(day: date) -> ColumnElement[bool]:
    """Return the condition of a review and of its terms: a standing pass in force, of which this is a day."""
    first = FirstApprovalRow
    return and_(
        first.review_id == ReviewRow.id,
        first.revision == ReviewRow.revision,
        ReviewRow.status == "approved",
        ReviewRow.standing_state == "in_force",
        ReviewRow.standing_until >= day,
        (first.slot["date"].astext == day.isoformat()) | first.further_days.contains([day]),
    )
