"""Whose desk it is: a department sees and decides its own reviews, an auditor sees all, nobody else sees any."""

from uuid import UUID

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from contracts.errors import Forbidden, NotFound
from contracts.rpc.call import Principal
from services.approval.models import Review


def readable(principal: Principal) -> ColumnElement[bool]:
    """The reviews that a principal may read.

    Raises:
        Forbidden: the principal has no desk.
    """
    return true() if principal.role == "auditor" else Review.department == _department(principal)


def own_review(session: Session, principal: Principal, review_id: UUID) -> Review:
    """A review that the principal's department decides, locked until the transaction ends.

    Raises:
        Forbidden: the principal is of no department.
        NotFound: there is no such review, or another department has it.
    """
    own = (Review.id == review_id) & (Review.department == _department(principal))
    review = session.scalars(select(Review).where(own).with_for_update()).one_or_none()
    if review is None:
        raise NotFound("there is no such review")
    return review


def login_of(principal: Principal) -> str:
    """The login that decides."""
    if principal.login_id is None:
        raise Forbidden("only a login can decide")
    return principal.login_id


def _department(principal: Principal) -> str:
    if principal.role != "department" or principal.department is None:
        raise Forbidden("this is for logins of a department")
    return principal.department
