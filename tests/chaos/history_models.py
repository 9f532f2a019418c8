"""What a pass at the gates and an application at the desk do, one operation after the other, by the rules of
the services' own domains.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from contracts.errors import Conflict, InvalidInput
from contracts.model import Direction, ReviewStatus
from services.approval.domain import reviews
from services.verify.domain.passes import Standing, Terms
from services.verify.domain.verdicts import Attempt, decide_entry, decide_exit

REFUSED_COUNT = "count refused"
DONE = "done"


@dataclass(frozen=True)
class Scan:
    """A recorded scan; ``count`` None means all who may pass."""

    direction: Direction
    gate: str
    count: int | None = None
    identified: bool = True


@dataclass(frozen=True)
class Revocation:
    """A gate comes to know that the pass is revoked. Nobody sees it happen."""


Verdict = tuple[str, int] | str
"""The verdict and how many are inside after it, or REFUSED_COUNT."""


class PassAtGates:
    """One pass at all gates of its site; its state is the domain's own.

    Args:
        terms: of the pass.
        at: an instant at which it is valid; all scans are at about this time.
    """

    def __init__(self, terms: Terms, at: datetime) -> None:
        self._terms, self._at = terms, at

    def start(self) -> Standing:
        return Standing(self._terms)

    def after(
        self, standing: Standing, request: Scan | Revocation
    ) -> Iterable[tuple[Verdict | None, Standing]]:
        if isinstance(request, Revocation):
            return [(None, replace(standing, revoked=True))]
        attempt = Attempt(request.gate, self._at, request.count, request.identified)
        try:
            decision = (decide_exit if request.direction == "exit" else decide_entry)(standing, attempt)
        except InvalidInput:
            return [(REFUSED_COUNT, standing)]
        answer = (decision.verdict, decision.inside)
        if not decision.moves:
            return [(answer, standing)]
        entered = decision.count if request.direction == "entry" else 0
        moved = replace(standing, inside=decision.inside, admitted=standing.admitted + entered)
        return [(answer, moved)]


@dataclass(frozen=True)
class Decide:
    """A decision of a department."""

    what: Literal["approve", "reject", "return", "withdraw"]


@dataclass(frozen=True)
class Closing:
    """The desk comes to know that the applicant cancelled. Nobody sees it happen."""


class ApplicationAtDesk:
    """One review while several officers decide; its state is its status.

    Args:
        review: pending; only its status changes.
        at: when it was decided; nothing depends on it.
    """

    def __init__(self, review: reviews.Review, at: datetime) -> None:
        self._review = replace(review, decision=reviews.Decision("somebody", at))

    def start(self) -> ReviewStatus:
        return "pending"

    def after(
        self, status: ReviewStatus, request: Decide | Closing
    ) -> Iterable[tuple[str | None, ReviewStatus]]:
        if isinstance(request, Closing):
            return [(None, reviews.status_after(status, reviews.Outcome(cancelled=True)))]
        review = replace(self._review, status=status)
        try:
            match request.what:
                case "approve":
                    review.require_pending()
                    return [(DONE, "approved")]
                case "reject":
                    reviews.reject(review, "security", "", by="somebody")
                    return [(DONE, "rejected")]
                case "return":
                    reviews.send_back(review, "Which file?", by="somebody")
                    return [(DONE, "returned")]
                case "withdraw":
                    reviews.withdraw(review, "security", by="somebody")
                    return [(DONE, "withdrawn")]
        except Conflict as conflict:
            return [(conflict.body.code, status)]
