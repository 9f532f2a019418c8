"""Tells people who has looked at their data: how often each login did, which the pages show by its office."""

from collections.abc import Collection, Sequence

from sqlalchemy import Text, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from contracts.errors import Forbidden
from contracts.rpc.call import Principal
from contracts.rpc.own_data import Kept, OwnData, Reader
from contracts.second_factor import require_fresh
from services.chassis.audit.record import DONE, REFRESHED, REPEATED
from services.chassis.db.tables import audit_log
from services.chassis.runtime.clock import now

MOST_READERS = 100
_UNTOLD = ("applicant", "anonymous", "auditor")
"""Roles of those who look at their own, and of auditors: whom they look for is told to nobody."""
COUNTED_ONCE = frozenset({"own_data"})
"""A look of the data officer asks every service; application alone tells of it."""


def mobile_of(principal: Principal) -> str:
    """Return the mobile that the caller has proved.

    Raises:
        Forbidden: they have proved none.
    """
    if principal.kind != "applicant" or not principal.mobile:
        raise Forbidden("this is for applicants")
    return principal.mobile


def is_data_officer(principal: Principal) -> bool:
    """Return whether the caller acts for people who come in person, or write."""
    return principal.kind == "staff" and principal.role == "privacy"


def owner_of(principal: Principal, *, whole: bool) -> str | None:
    """Return the mobile whose data the caller may see; None for the data officer, who sees anybody's.

    Raises:
        Forbidden: as `mobile_of`; or ``second_factor_stale``: the officer wants the ``whole`` of it.
    """
    if not is_data_officer(principal):
        return mobile_of(principal)
    if whole:
        require_fresh(principal, now())
    return None


def answer(session: Session, items: Sequence[Kept], hidden: Collection[str] = ()) -> OwnData:
    """Return what is kept, and who has looked at those applications and passes or worked on them here.

    Args:
        hidden: acts of which the person is not told.
    """
    names = sorted({one.reference for one in items} | {number for one in items for number in one.numbers})
    table = audit_log.c
    query = (
        select(
            table.actor,
            table.role,
            func.count().label("times"),
            func.min(table.at).label("first"),
            func.max(table.at).label("last"),
        )
        .where(table.objects.overlap(cast(names, ARRAY(Text))), table.role.not_in(_UNTOLD))
        .where(table.result.in_((DONE, REPEATED, REFRESHED)), table.action.not_in(hidden))
        .group_by(table.actor, table.role)
        .order_by(func.max(table.at).desc(), table.actor)
        .limit(MOST_READERS + 1)
    )
    found = session.execute(query).all() if names else []
    told = tuple(Reader.from_attributes(row) for row in found[:MOST_READERS])
    return OwnData(items=tuple(items), readers=told, is_cut=len(found) > MOST_READERS)
