"""RPC of approval: the visitors of today at the desk, from the gate to the end of the visit."""

from datetime import date, time
from typing import Literal
from uuid import UUID

from pydantic import Field

from contracts.model import (
    LINK_CODE,
    Assistance,
    Code,
    Instant,
    NotMetReason,
    Slot,
    Strict,
    VisitAnswer,
    VisitOutcome,
    VisitState,
    Wire,
)
from contracts.rpc.call import Http, Method, Nothing, Page

VisitPart = Literal[
    "expected", "late", "reception", "here", "called", "met", "not_met", "gone", "differ"
]  # fmt: skip
"""Part of the day: not here yet, before or after their hours have begun; waits at the reception for approval;
waits inside to be called; may go up or is there; met or not; left before anybody said so. Of the last month:
office and visitor differ about it."""


class VisitQuestion(Page):
    """The visits of the principal's department, of one part."""

    part: VisitPart = "here"
    site: Code | None = None


class VisitLine(Wire):
    """One visit."""

    review_id: UUID
    reference: str
    name: str
    party: int
    site: str
    officer: str | None = None
    assistance: Assistance | None = None
    start: time | None = None
    end: time | None = Field(
        default=None, description="With `start`: its hours; none if withdrawn after they had come"
    )
    state: VisitState
    gate: str | None = None
    arrived_at: Instant | None = None
    left_at: Instant | None = None
    wait_until: Instant | None = None
    room: str = ""
    called_at: Instant | None = None
    reason: NotMetReason | None = None
    ended_at: Instant | None = None
    day: date | None = Field(default=None, description="The day on which they came")
    is_overdue: bool = Field(default=False, description="They have waited for an answer too long")
    visitor_says: VisitOutcome | None = Field(default=None, description="The office may say otherwise")
    standing: bool = Field(default=False, description="With a standing pass, which is given no other day")


class VisitList(Wire):
    """Visits of one part, those who wait longest first; and how many there are of each part."""

    items: tuple[VisitLine, ...]
    next: str | None = None
    counts: dict[VisitPart, int]


class AnswerVisit(Strict):
    """What the office says to a visitor who is inside."""

    review_id: UUID
    answer: VisitAnswer
    wait_until: Instant | None = Field(default=None, description="Of `wait`: some time of today")
    room: str = Field(default="", max_length=40, description="Where to go; empty where it is known")
    come_back: Slot | None = Field(
        default=None, description="Of `not_today`: when they come instead; they get a new pass for it"
    )


class EndVisit(Strict):
    """Whether the visitor was met, and why not."""

    review_id: UUID
    outcome: VisitOutcome
    reason: NotMetReason | None = None


class VisitLink(Strict):
    """The code of the link in a message to the office."""

    code: str = Field(pattern=LINK_CODE)


class LinkedVisit(Wire):
    """What a link shows of its visit: nothing that names the visitor."""

    reference: str
    department: str
    officer: str | None = None
    party: int
    start: time | None = None
    end: time | None = None
    state: VisitState
    arrived_at: Instant
    wait_until: Instant | None = None
    room: str = ""
    answer_until: Instant


class AnswerByLink(VisitLink):
    """What the office says by a link."""

    answer: VisitAnswer
    wait_until: Instant | None = None
    room: str = Field(default="", max_length=40)


class CalledQuestion(Strict):
    """The waiting hall of one site; of all where none is named."""

    site: Code | None = None


class CalledVisitor(Wire):
    """Whom the screen of a waiting hall calls: by reference, never by name."""

    reference: str
    room: str = ""
    called_at: Instant


class CalledList(Wire):
    """Who was called last, the newest first."""

    items: tuple[CalledVisitor, ...]


LIST_VISITS = Method(
    "approval", "list_visits", VisitQuestion, VisitList, names_people=True, polled=True,
    said="Visitors of today",
    http=Http("department", "list_visits", "GET /visits",
        "List the visits of today: expected, here, called or over."),
)  # fmt: skip
ANSWER_VISIT = Method(
    "approval", "answer_visit", AnswerVisit, Nothing, command=True, said="Answered a visitor",
    http=Http("department", "answer_visit", "POST /visits/{review_id}/answer",
        "Tell a visitor who is inside to come, to wait, or that it is not possible today."),
)  # fmt: skip
END_VISIT = Method(
    "approval", "end_visit", EndVisit, Nothing, command=True, said="Said how a visit ended",
    http=Http("department", "end_visit", "POST /visits/{review_id}/end",
        "Say whether a visitor was met."),
)  # fmt: skip
VISIT_BY_LINK = Method("approval", "visit_by_link", VisitLink, LinkedVisit)
ANSWER_BY_LINK = Method(
    "approval", "answer_by_link", AnswerByLink, Nothing, command=True, said="Answered a visitor by a link"
)
LIST_CALLED = Method(
    "approval", "list_called", CalledQuestion, CalledList, polled=True,
    http=Http("reception", "list_called", "GET /visits/called",
        "List by reference whom the screen of a waiting hall calls."),
)  # fmt: skip
