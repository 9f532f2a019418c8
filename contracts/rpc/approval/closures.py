"""RPC of approval: days that are closed at short notice."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from contracts.model import ClosureReason, Code, Instant, ReviewStatus, Role, Slot, Strict, Wire
from contracts.rpc.call import Http, Method, Page


class ClosedDate(Wire):
    """A day that a department closed at short notice, and why. Its own words go to those affected alone."""

    day: date
    reason: ClosureReason


ClosingDepartment = Annotated[
    Code | None,
    Field(description="Which department it is about; a login of a department may leave it out."),
]


class ClosingQuestion(Page):
    """Whom it would affect if a department closed a day."""

    day: date
    department: ClosingDepartment = None


class AffectedReview(Wire):
    """A review that the closing of a day affects."""

    id: UUID
    reference: str
    name: str
    name_latin: str
    status: ReviewStatus
    slot: Slot
    """The approved time on that day, else the preferred one."""
    party: int
    days: tuple[date, ...] = ()
    """All days of an approved visit."""
    keeps_pass: bool = False
    """Whether the visit stays approved, and its pass valid, on other days."""


class Affected(Wire):
    """Whom the closing of a day affects: how many, and those who have to choose another date.

    ``approved`` visits lose their pass, except ``keep_pass`` of them: those go on on another of their days,
    and their visitors are told that this day falls away. ``only_that_day`` wait for a decision and asked for
    no other day that is left; ``with_other_days`` do not have to choose again. The lists of people are for
    the department.
    """

    day: date
    department: str
    approved: int
    approved_people: int
    keep_pass: int = 0
    only_that_day: int
    with_other_days: int
    items: tuple[AffectedReview, ...] = ()
    next: str | None = None


class CloseDay(Strict):
    """The closing of a day of a department, with a reason of the list and words for its visitors.

    With the reason ``other`` the words are needed.
    """

    day: date
    reason: ClosureReason
    note: str = Field(default="", max_length=300)
    department: ClosingDepartment = None


class ClosureId(Strict):
    """One closing of a day."""

    closure_id: UUID


class ClosureQuestion(Page):
    """The closings of a department, the newest first."""

    department: ClosingDepartment = None


class ClosureView(Wire):
    """A closed day, by whom and why, and how far its visitors were asked to choose another date.

    ``told`` were asked; ``waiting`` are to be asked in the next moments.
    """

    id: UUID
    department: str
    day: date
    reason: ClosureReason
    note: str = ""
    closed_by: str
    closed_by_role: Role = "department"
    """What the ADO Branch closed, only the ADO Branch lifts."""
    closed_at: Instant
    lifted_by: str | None = None
    lifted_at: Instant | None = None
    told: int = 0
    waiting: int = 0


class ClosureList(Wire):
    """Closed days, the newest closing first."""

    items: tuple[ClosureView, ...]
    next: str | None = None


AFFECTED = Method(
    "approval", "affected", ClosingQuestion, Affected, names_people=True,
    said="Visits that a change concerns",
    http=Http("closer", "list_affected", "GET /closures/affected",
        "List whom the closing of a day would affect; the ADO Branch sees how many they are."),
)  # fmt: skip
CLOSE_DAY = Method(
    "approval", "close_day", CloseDay, ClosureView, command=True, fresh=True, said="Closed a day",
    http=Http("closer", "close_day", "POST /closures",
        "Close a day. Passes for it are revoked, and its visitors are asked to choose another date.",
        status=201),
)  # fmt: skip
LIST_CLOSURES = Method(
    "approval", "list_closures", ClosureQuestion, ClosureList,
    http=Http("closure_reader", "list_closures", "GET /closures",
        """List the days that a department closed at short notice, the newest closing first.

        The ADO Branch and auditors may see those of all departments.
        """),
)  # fmt: skip
VIEW_CLOSURE = Method(
    "approval", "view_closure", ClosureId, ClosureView,
    http=Http("closure_reader", "view_closure", "GET /closures/{closure_id}",
        "Show a closed day, and how many visitors were asked to choose another date."),
)  # fmt: skip
LIFT_CLOSURE = Method(
    "approval", "lift_closure", ClosureId, ClosureView, command=True, fresh=True,
    said="Lifted the closing of a day",
    http=Http("closer", "lift_closure", "POST /closures/{closure_id}/lift",
        "Offer a closed day again. Nobody is approved again by this."),
)  # fmt: skip
