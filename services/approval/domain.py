"""What a review is and what may be decided about it. Pure: a decision returns its event or raises; time and rows come in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from contracts.errors import Conflict, FieldError, InvalidInput
from contracts.events import (
    ApplicationDetails,
    ApplicationPersonal,
    ApprovalWithdrawn,
    DecisionPersonal,
    DepartmentRecord,
    EscalationContact,
    PassApproved,
    PassRejected,
    PassReturned,
    ReviewEscalated,
    SiteRecord,
)
from contracts.identity import mask_aadhaar
from contracts.model import Contact, Person, ReviewStatus
from contracts.rpc.approval import Approve, DecisionView, Forward, Reject, Return, Withdraw
from services.approval.opening import slot_problems

ESCALATE_AFTER = {1: timedelta(hours=4), 2: timedelta(hours=24)}
"""Level → how long a review may wait, in hours during which its site is open."""
ERASED = ApplicationPersonal(applicant=Person(name="", name_latin=""), purpose="")
"""What is left of the people in an application after their data was erased."""
_UNDECIDED = ("pending", "returned")
STANDING: tuple[ReviewStatus, ...] = ("approved", "withdrawn")
"""There is a pass, or there was one: an amendment that comes after that changes nothing. Its applicant can cancel and apply again."""


@dataclass(frozen=True)
class Review:
    """A review as it stands.

    Args:
        id: of the review.
        application: what was applied for, as of the newest revision heard of.
        department: that decides.
        officer: whom the visit is to.
        status: where it stands.
        decision: the latest one about this revision.
    """

    id: UUID
    application: ApplicationDetails
    department: str
    officer: str | None
    status: ReviewStatus
    decision: DecisionView | None = None


@dataclass(frozen=True)
class Ending:
    """How an application ended, as far as is known here; each part is final once it is true."""

    cancelled: bool = False
    expired: bool = False
    erased: bool = False


def status_after(status: ReviewStatus, ending: Ending) -> ReviewStatus:
    """The status, now that the application may have ended.

    A cancellation closes whatever was decided (issuance hears it too). Expiry says that nobody decided: an approval
    that crossed it on the way stands. Nobody can decide about an application without its people.
    """
    if ending.cancelled or ((ending.expired or ending.erased) and status in _UNDECIDED):
        return "closed"
    return status


def officer_after(
    department: str, officer: str | None, before: ApplicationDetails, after: ApplicationDetails
) -> str | None:
    """Whom an amended application is to: an applicant who names another officer is heard, unless it left the department."""
    return after.officer if after.officer != before.officer and department == after.department else officer


def approve(
    review: Review, terms: Approve, site: SiteRecord | None, *, by: str, at: datetime, furthest_days: int
) -> PassApproved:
    """Lets the visit take place within a slot, which need not be one of the preferred ones.

    Raises:
        Conflict: already decided, closed, or another revision than the one that was read.
        InvalidInput: the slot is not open, the gate is another site's, or there is no vehicle to allow.
    """
    _must_be_pending(review, terms.revision)
    application = review.application
    problems = [*slot_problems(terms.slot, site, at, furthest_days)]
    if terms.gate is not None and (site is None or terms.gate not in site.gates):
        problems.append(FieldError(field="gate", code="unknown_gate"))
    if terms.vehicle_allowed and not application.personal.vehicle:
        problems.append(FieldError(field="vehicle_allowed", code="no_vehicle"))
    if problems:
        raise InvalidInput("the visit cannot take place like this", fields=tuple(problems))
    return PassApproved(
        **_about(review, by),
        site=application.site,
        gate=terms.gate,
        officer=review.officer,
        slot=terms.slot,
        entries=terms.entries,
        vehicle_allowed=terms.vehicle_allowed,
        kind=application.kind,
        party=application.party,
        assistance=application.assistance,
        language=application.language,
        deliver_by=application.deliver_by,
        personal=application.personal,
    )


def reject(review: Review, refusal: Reject, *, by: str) -> PassRejected:
    """Refuses, with a reason from the list and a note for the applicant.

    Raises:
        Conflict: already decided, closed, or another revision than the one that was read.
        InvalidInput: "other" says nothing without a note.
    """
    _must_be_pending(review, refusal.revision)
    personal = _to_applicant(review, refusal.note)
    if refusal.reason == "other" and not personal.note:
        raise InvalidInput.of("note", "required", "the reason 'other' needs a note")
    return PassRejected(**_about(review, by), **_how(review), reason=refusal.reason, personal=personal)


def send_back(review: Review, request: Return, *, by: str) -> PassReturned:
    """Asks the applicant to complete or change the application.

    Raises:
        Conflict: already decided, closed, or another revision than the one that was read.
        InvalidInput: the note says nothing.
    """
    _must_be_pending(review, request.revision)
    personal = _to_applicant(review, request.note)
    if not personal.note:
        raise InvalidInput.of("note", "required")
    return PassReturned(**_about(review, by), **_how(review), personal=personal)


def withdraw(review: Review, withdrawal: Withdraw, *, by: str) -> ApprovalWithdrawn:
    """Takes an approval back.

    Raises:
        Conflict: there is no approval that holds.
    """
    if review.status in ("closed", "withdrawn"):
        raise _settled(review)
    if review.status != "approved":
        raise Conflict("only an approval can be withdrawn", code="not_approved", status=review.status)
    return ApprovalWithdrawn(**_about(review, by), reason=withdrawal.reason)


def forward(review: Review, to: Forward, department: DepartmentRecord | None) -> tuple[str, str | None]:
    """Where the review lies next: a department and the officer in it.

    Args:
        review: that is forwarded.
        to: another department, or an officer of the one it lies with.
        department: the directory's record of ``to.department``, or else of the one it lies with.

    Raises:
        Conflict: already decided, or closed.
        InvalidInput: not exactly one of the two, or there is no such one.
    """
    _must_be_pending(review, None)
    if (to.department is None) == (to.officer is None):
        raise InvalidInput.of("department", "exactly_one", "name a department or an officer, not both")
    if to.department is not None:
        if department is None or to.department == review.department:
            raise InvalidInput.of(
                "department", "unknown_department" if department is None else "same_department"
            )
        return department.code, None
    if department is None or to.officer not in {officer.code for officer in department.officers}:
        raise InvalidInput.of("officer", "unknown_officer")
    return review.department, to.officer


def escalate(review: Review, level: int, waiting_since: datetime) -> ReviewEscalated:
    """Calls out a review that waits too long."""
    return ReviewEscalated(
        application_id=review.application.application_id,
        reference=review.application.reference,
        review_id=review.id,
        department=review.department,
        level=level,
        waiting_since=waiting_since,
        personal=EscalationContact(),
    )


def _must_be_pending(review: Review, revision_read: int | None) -> None:
    if review.status != "pending":
        raise _settled(review)
    current = review.application.revision
    if revision_read is not None and revision_read != current:
        raise Conflict(
            "the application was changed since it was read", code="application_changed", revision=current
        )


def _settled(review: Review) -> Conflict:
    """Why there is nothing to decide any more: by whom and when it was, or that the application has ended."""
    if review.status == "closed":
        return Conflict("the application has ended", code="application_closed", status="closed")
    assert review.decision is not None
    return Conflict(
        "this was decided already",
        code="already_decided",
        status=review.status,
        decided_by=review.decision.decided_by,
        decided_at=review.decision.decided_at.isoformat(),
    )


def _about(review: Review, by: str) -> dict[str, Any]:
    """What every decision says."""
    application = review.application
    return {
        "application_id": application.application_id,
        "reference": application.reference,
        "review_id": review.id,
        "revision": application.revision,
        "department": review.department,
        "decided_by": by,
    }


def _how(review: Review) -> dict[str, Any]:
    """How the applicant is told."""
    return {"language": review.application.language, "deliver_by": review.application.deliver_by}


def _to_applicant(review: Review, note: str) -> DecisionPersonal:
    applicant = review.application.personal.applicant
    contact = Contact(name=applicant.name, mobile=applicant.mobile, email=applicant.email)
    return DecisionPersonal(contact=contact, note=mask_aadhaar(note.replace("\x00", "").strip())[0])
