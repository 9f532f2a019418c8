"""Delegation for a period: who decides for an officer who is away, and whom visitors meet meanwhile.

A delegation lets one login of the department decide for one officer. It is the only way for an assistant to
decide; any other login of the department may also decide in its own name. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from contracts.errors import Conflict, Forbidden, InvalidInput
from contracts.events import DepartmentRecord
from contracts.model import IST, Slot

PROBLEMS: dict[str, str] = {
    "unknown_officer": "there is no such officer in this department",
    "closed_officer": "this officer receives nobody any more",
    "same_officer": "nobody stands in for themselves",
    "date_past": "this date has passed",
    "ends_before_it_begins": "the last day is before the first",
    "too_long_a_time": "a delegation lasts at most a year",
}
"""Error code → its sentence for developers. The pages translate the codes."""

LONGEST = timedelta(days=366)


@dataclass(frozen=True)
class Delegation:
    """A delegation, as it was made, and as it ended.

    Args:
        officer: for whom the login decides.
        stand_in: the officer whom visitors meet instead; None if the officer is not away.
        starts: the first instant of the period.
        ends: the first instant after the period, or when it was ended early.
    """

    id: UUID
    officer: str
    login: str
    stand_in: str | None
    starts: datetime
    ends: datetime

    def in_force(self, at: datetime) -> bool:
        """Return whether it holds at an instant."""
        return self.starts <= at < self.ends


@dataclass(frozen=True)
class Decider:
    """A login that decides.

    Args:
        assistant_of: the officer whom it assists; None for a login that decides in its own name, too.
    """

    login: str
    assistant_of: str | None = None


@dataclass(frozen=True)
class Author:
    """Who decided: a login, for an officer where a delegation lets it."""

    login: str
    on_behalf_of: str | None = None


def period(first_day: date, last_day: date) -> tuple[datetime, datetime]:
    """Return the first instant of a period of whole days in India, and the first after it."""
    midnight = time(0, tzinfo=IST)
    return datetime.combine(first_day, midnight), datetime.combine(last_day + timedelta(days=1), midnight)


def check(
    officer: str,
    stand_in: str | None,
    first_day: date,
    last_day: date,
    department: DepartmentRecord | None,
    today: date,
) -> None:
    """Raise `InvalidInput` with everything that is wrong with a new delegation."""
    known = {one.code: one for one in department.officers} if department else {}
    problems = []
    if officer not in known:
        problems.append(("officer", "unknown_officer"))
    if stand_in is not None and stand_in not in known:
        problems.append(("stand_in", "unknown_officer"))
    elif stand_in is not None and known[stand_in].closed:
        problems.append(("stand_in", "closed_officer"))
    elif stand_in == officer:
        problems.append(("stand_in", "same_officer"))
    if last_day < first_day:
        problems.append(("last_day", "ends_before_it_begins"))
    elif last_day < today:
        problems.append(("last_day", "date_past"))
    elif last_day - first_day > LONGEST:
        problems.append(("last_day", "too_long_a_time"))
    if problems:
        raise InvalidInput.of_all("this cannot be delegated like this", problems, PROBLEMS)


def stand_in_of(
    officer: str | None, preferred: tuple[Slot, ...], delegations: Iterable[Delegation]
) -> str | None:
    """Return the officer whom a visit goes to instead, if its officer is away at the first choice of time.

    Args:
        officer: whom the visitor wants to meet.
        preferred: the slots that were asked for.
        delegations: those of the department, the newest first.
    """
    begins = datetime.combine(preferred[0].day, preferred[0].start, IST)
    away = (one for one in delegations if one.officer == officer and one.in_force(begins))
    return next((one.stand_in for one in away if one.stand_in), None)


def decides_for(
    decider: Decider,
    officers: tuple[str | None, ...],
    delegations: Iterable[Delegation],
    now: datetime,
    claimed: str | None = None,
    *,
    prepares: bool = False,
) -> str | None:
    """Return the officer for whom a login decides about a review; None if it decides in its own name.

    Args:
        officers: whom the visit is to, and who is away; an assistant also decides about a visit that names
            nobody.
        delegations: those to this login.
        now: the instant of the decision.
        claimed: the officer for whom the person meant to decide when they saw the page.
        prepares: whether the command only prepares a decision, as an assistant may.

    Raises:
        Conflict: ``delegation_ended``: the login does not decide for the claimed officer, or not any more.
        Forbidden: ``no_delegation``: an assistant decides only where a delegation says so.
    """
    is_assistant = decider.assistant_of is not None
    to_nobody = is_assistant and not any(officers)
    held = [
        one.officer for one in delegations if one.in_force(now) and (to_nobody or one.officer in officers)
    ]
    if claimed is not None and claimed not in held:
        raise Conflict("this login does not decide for this officer any more", code="delegation_ended")
    if is_assistant and not held and not prepares:
        raise Forbidden("an assistant decides only where a delegation says so", code="no_delegation")
    return claimed or next(iter(held), None)
