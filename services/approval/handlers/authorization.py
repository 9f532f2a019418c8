"""Who may see and decide which reviews: a department its own, nobody else any.

A login of a department that is limited to a site sees and decides the reviews of that site only, and nothing
that holds for all sites of its department.
"""

from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, Text, bindparam, func, select
from sqlalchemy.orm import Session, joinedload

from contracts.errors import Forbidden, NotFound
from contracts.rpc.call import Principal
from services.approval.handlers import reference_data
from services.approval.handlers.reference_data import VERSION, ReferenceData
from services.approval.models.reviews import ReviewRow
from services.chassis.db.locks import locked

_OWN = (
    select(ReviewRow.id)
    .where(
        ReviewRow.id == bindparam("review"),
        ReviewRow.department == bindparam("department"),
        ReviewRow.site == func.coalesce(bindparam("site", type_=Text), ReviewRow.site),
    )
    .with_for_update()
    .subquery()
)
_LOCK, _LOCK_BOTH = select(_OWN), select(_OWN, locked(bindparam("name", type_=Text)))
"""The row of the subquery is locked before the name is."""
_WHOLE = (
    select(ReviewRow, VERSION)
    .where(ReviewRow.id == bindparam("review"))
    .options(*map(joinedload, (ReviewRow.decisions, ReviewRow.first_approvals, ReviewRow.matches)))
    .execution_options(populate_existing=True)
)


def readable(principal: Principal) -> ColumnElement[bool]:
    """Return the condition for reviews that a principal may read.

    Raises:
        Forbidden: the principal is of no department.
    """
    own = ReviewRow.department == own_department(principal)
    return own & (ReviewRow.site == principal.site) if principal.site else own


def own_review(
    session: Session, principal: Principal, review_id: UUID, today: date, then_lock: str | None = None
) -> tuple[ReviewRow, ReferenceData]:
    """Return a review that the principal's department decides, locked until the transaction ends.

    With it comes the reference data as it is under that lock, and under the one whose name is ``then_lock``,
    which is taken after it.

    Raises:
        Forbidden: the principal is of no department.
        NotFound: there is no such review, or another department or another site has it.
    """
    own = {"review": review_id, "department": own_department(principal), "site": principal.site}
    lock = _LOCK_BOTH if then_lock else _LOCK
    if session.execute(lock, {**own, "name": then_lock}).first() is None:
        raise NotFound("there is no such review")
    # Read after the lock, so that the rows of a decision that it waited for are there, too.
    row, version = session.execute(_WHOLE, own).unique().one()
    return row, reference_data.current(session, today, version)


def login_of(principal: Principal) -> str:
    """Return the login that decides.

    Raises:
        Forbidden: the principal has no login.
    """
    if principal.login_id is None:
        raise Forbidden("only a login can decide")
    return principal.login_id


def own_department(principal: Principal) -> str:
    """Return the department of a principal.

    Raises:
        Forbidden: they are no login of a department.
    """
    if principal.role != "department" or principal.department is None:
        raise Forbidden("this is for logins of a department")
    return principal.department


def deciding_department(principal: Principal) -> str:
    """Return the department for which a principal sets what is to hold: hours, delegations, closed days.

    Raises:
        Forbidden: they are no login of a department, or an assistant, or limited to a site.
    """
    if principal.assistant_of is not None:
        raise Forbidden("an assistant prepares and does not decide", code="is_assistant")
    if principal.site is not None:
        raise Forbidden("this holds for all sites of the department", code="limited_to_site")
    return own_department(principal)
