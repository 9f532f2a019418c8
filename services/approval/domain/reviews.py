"""What a review is and what may be decided about it: each decision returns its event or raises.

Pure: the time, the directory's records and the calendar are arguments.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from contracts.errors import Conflict, InvalidInput
from contracts.events import (
    ApplicationDetails,
    ApplicationPersonal,
    ApprovalWithdrawn,
    DecisionPersonal,
    DepartmentRecord,
    EscalationContact,
    OfficersNote,
    PassApproved,
    PassRejected,
    PassReturned,
    ReviewEscalated,
    SiteRecord,
    VisitDayClosed,
    VisitDayReopened,
)
from contracts.free_text import note_problem
from contracts.identity import mask_aadhaar
from contracts.model import (
    Contact,
    DeliverBy,
    EscalationStep,
    Language,
    Person,
    RejectionReason,
    ReviewStatus,
)
from contracts.visiting_rules import Calendar, slot_problem, windows_on
from services.approval.domain import visits
from services.approval.domain.closures import Closure
from services.approval.domain.visits import Terms

PROBLEMS: dict[str, str] = {
    **visits.PROBLEMS,
    "unknown_gate": "this site has no such gate",
    "no_vehicle": "the application names no vehicle",
    "required": "a note is needed",
    "control_character": "there is a sign in it that turns the direction of the text or ends its line",
    "link": "visitors get no links in the words of a department",
    "exactly_one": "name a department or an officer, not both",
    "unknown_department": "there is no such department",
    "same_department": "the review is with this department already",
    "unknown_officer": "there is no such officer in this department",
    "days_reason_missing": "several days need a reason",
    "closed_department": "this department takes no visits any more",
    "unstaffed_department": "nobody can decide for this department now",
    "closed_officer": "this officer receives nobody any more",
}
"""Error code → its sentence for developers. The pages translate the codes."""

D = TypeVar("D", bound=ApplicationDetails)
ERASED = ApplicationPersonal(applicant=Person(name="", name_latin=""), purpose="")
"""The personal part of an application after its erasure."""

UNDECIDED: tuple[ReviewStatus, ...] = ("pending", "returned")

WITH_PASS: tuple[ReviewStatus, ...] = ("approved", "withdrawn")
"""A pass exists or existed: an amendment that arrives later changes nothing, unless the day of the visit is
closed. The applicant can cancel and apply again."""


@dataclass(frozen=True)
class Decision:
    """Who decided about a review, and when."""

    by: str
    at: datetime


@dataclass(frozen=True)
class Review:
    """A review as it stands.

    Args:
        application: what was applied for, as of the newest known revision.
        department: the department that decides.
        officer: whom the visit is to.
        status: the present status.
        decision: the latest one about this revision.
    """

    id: UUID
    application: ApplicationDetails
    department: str
    officer: str | None
    status: ReviewStatus
    decision: Decision | None = None

    def require_pending(self, revision_read: int | None = None) -> None:
        """Raise `Conflict` if nothing can be decided now, or if an older revision was read."""
        if self.status != "pending":
            raise self.settled()
        current = self.application.revision
        if revision_read is not None and revision_read != current:
            raise Conflict(
                "the application was changed since it was read", code="application_changed", revision=current
            )

    def settled(self) -> Conflict:
        """Return the error that explains why nothing can be decided any more."""
        if self.status == "closed":
            return Conflict("the application has ended", code="application_closed", status="closed")
        assert self.decision is not None
        return Conflict(
            "this was decided already",
            code="already_decided",
            status=self.status,
            decided_by=self.decision.by,
            decided_at=self.decision.at.isoformat(),
        )


@dataclass(frozen=True)
class Outcome:
    """How an application ended, as far as is known here; each part is final once it is true."""

    cancelled: bool = False
    expired: bool = False
    erased: bool = False


def reached_at(application: D, mobile: str | None, deliver_by: DeliverBy) -> D:
    """Return the application with another number of its applicant."""
    applicant = application.personal.applicant.model_copy(update={"mobile": mobile})
    personal = application.personal.model_copy(update={"applicant": applicant})
    return application.model_copy(update={"personal": personal, "deliver_by": deliver_by})


def with_contact_of(application: D, known: ApplicationDetails) -> D:
    """Return an application with the number under which it is known here."""
    return reached_at(application, known.personal.applicant.mobile, known.deliver_by)


def status_after(status: ReviewStatus, outcome: Outcome) -> ReviewStatus:
    """Return the status, given how the application may have ended.

    A cancellation closes the review, whatever was decided (issuance subscribes to it too). Expiry means that
    nobody decided: an approval that was given before it arrived stands. An application without its people
    cannot be decided.
    """
    if outcome.cancelled or ((outcome.expired or outcome.erased) and status in UNDECIDED):
        return "closed"
    return status


def officer_after(
    department: str, officer: str | None, before: ApplicationDetails, after: ApplicationDetails
) -> str | None:
    """Return the officer of an amended application: a newly named one, unless the review was forwarded."""
    return after.officer if after.officer != before.officer and department == after.department else officer


def approve(
    review: Review,
    terms: Terms,
    site: SiteRecord | None,
    calendar: Calendar,
    *,
    by: str,
    revision_read: int | None = None,
) -> PassApproved:
    """Approve the visit within a slot, which need not be one of the preferred ones.

    Raises:
        Conflict: already decided, closed, or another revision than the one that was read.
        InvalidInput: no visit can take place in this slot, the gate is another site's, there is no vehicle
            to allow, or several days have no reason.
    """
    review.require_pending(revision_read)
    application = review.application
    problems = []
    wrong = slot_problem(terms.slot, windows_on(site, terms.slot.day) if site else (), calendar)
    if wrong is not None:
        problems.append((f"slot.{wrong.member}", wrong.code))
    if terms.gate is not None and (site is None or terms.gate not in site.gates):
        problems.append(("gate", "unknown_gate"))
    if terms.vehicle_allowed and not application.personal.vehicle:
        problems.append(("vehicle_allowed", "no_vehicle"))
    if terms.further_days and not terms.days_reason:
        problems.append(("days_reason", "days_reason_missing"))
    if problems:
        raise InvalidInput.of_all("the visit cannot take place like this", problems, PROBLEMS)
    return PassApproved(
        **common(review, by),
        **_delivery(review),
        site=application.site,
        gate=terms.gate,
        officer=review.officer,
        slot=terms.slot,
        further_days=terms.further_days,
        entries=terms.entries,
        recurring=terms.recurring,
        vehicle_allowed=terms.vehicle_allowed,
        kind=application.kind,
        party=application.party,
        assistance=application.assistance,
        personal=application.personal,
    )


def reject(
    review: Review, reason: RejectionReason, note: str, *, by: str, revision_read: int | None = None
) -> PassRejected:
    """Reject the application, with a note for the applicant.

    Raises:
        Conflict: already decided, closed, or another revision than the one that was read.
        InvalidInput: the reason is "other" and the note is empty, or the note is as `note_problem`.
    """
    review.require_pending(revision_read)
    personal = _written_to_applicant(review, note)
    if reason == "other" and not personal.note:
        raise _invalid("note", "required")
    return PassRejected(**common(review, by), **_delivery(review), reason=reason, personal=personal)


def send_back(review: Review, note: str, *, by: str, revision_read: int | None = None) -> PassReturned:
    """Ask the applicant to complete or change the application.

    Raises:
        Conflict: already decided, closed, or another revision than the one that was read.
        InvalidInput: the note is empty, or as `note_problem`.
    """
    review.require_pending(revision_read)
    personal = _written_to_applicant(review, note)
    if not personal.note:
        raise _invalid("note", "required")
    return PassReturned(**common(review, by), **_delivery(review), personal=personal)


def withdraw(review: Review, reason: RejectionReason, note: str = "", *, by: str) -> ApprovalWithdrawn:
    """Withdraw an approval, with a note for the applicant.

    Raises:
        Conflict: there is no approval in force.
        InvalidInput: the note is as `note_problem`.
    """
    if review.status in ("closed", "withdrawn"):
        raise review.settled()
    if review.status != "approved":
        raise Conflict("only an approval can be withdrawn", code="not_approved", status=review.status)
    words = OfficersNote(note=_written_to_applicant(review, note).note)
    return ApprovalWithdrawn(**common(review, by), reason=reason, personal=words)


def close_day(review: Review, closure: Closure, remaining_days: tuple[date, ...] = ()) -> VisitDayClosed:
    """Take a closed day out of a visit that stays approved on other days.

    Without those, ask the applicant to choose another date; an approval ends with it.
    """
    return VisitDayClosed(
        **common(review, closure.closed_by),
        **_delivery(review),
        day=closure.day,
        remaining_days=remaining_days,
        reason=closure.reason,
        personal=_to_applicant(review, closure.note),
    )


def reopen_day(review: Review, day: date, by: str) -> VisitDayReopened:
    """Tell an applicant who was asked for another date that the closed day can be chosen again."""
    return VisitDayReopened(
        **common(review, by), **_delivery(review), day=day, personal=_to_applicant(review, "")
    )


def forward(
    review: Review, department: str | None, officer: str | None, record: DepartmentRecord | None
) -> tuple[str, str | None]:
    """Return the department and the officer to whom the review goes next.

    Args:
        review: the review that is forwarded.
        department: another department, or None.
        officer: an officer of the present department, or None.
        record: the directory's record of ``department``, or else of the present department.

    Raises:
        Conflict: already decided, or closed.
        InvalidInput: not exactly one of department and officer, or the directory does not have it.
    """
    review.require_pending()
    if (department is None) == (officer is None):
        raise _invalid("department", "exactly_one")
    if department is not None:
        if record is None:
            raise _invalid("department", "unknown_department")
        if department == review.department:
            raise _invalid("department", "same_department")
        if record.closed:
            raise _invalid("department", "closed_department")
        if record.unstaffed:
            raise _invalid("department", "unstaffed_department")
        return record.code, None
    if record is None or officer not in {known.code for known in record.officers}:
        raise _invalid("officer", "unknown_officer")
    if any(known.code == officer and known.closed for known in record.officers):
        raise _invalid("officer", "closed_officer")
    return review.department, officer


def escalate(
    review: Review,
    step: EscalationStep,
    level: int,
    officer: str | None,
    waiting_since: datetime,
    contact: EscalationContact,
    language: Language | None,
) -> ReviewEscalated:
    """Escalate a review that has waited too long, to an officer if the directory knows one for this step.

    Args:
        step: who is asked.
        level: of the step, from 1.
        officer: who is asked, if the directory knows them.
        waiting_since: since when the review waits.
        contact: whom a message reaches, empty for nobody.
        language: of the message.
    """
    return ReviewEscalated(
        application_id=review.application.application_id,
        reference=review.application.reference,
        review_id=review.id,
        department=review.department,
        level=level,
        step=step,
        officer=officer,
        waiting_since=waiting_since,
        language=language,
        personal=contact,
    )


def _invalid(field: str, code: str) -> InvalidInput:
    return InvalidInput.of(field, code, PROBLEMS[code])


def common(review: Review, by: str) -> dict[str, Any]:
    """Return the fields of every decision."""
    application = review.application
    return {
        "application_id": application.application_id,
        "reference": application.reference,
        "review_id": review.id,
        "revision": application.revision,
        "department": review.department,
        "decided_by": by,
    }


def _delivery(review: Review) -> dict[str, Any]:
    """Return in which language and over which channel the applicant gets the message about a decision."""
    return {"language": review.application.language, "deliver_by": review.application.deliver_by}


def checked_note(note: str) -> str:
    """Return an officer's words as they are stored; raise `InvalidInput` for those of `note_problem`."""
    if problem := note_problem(note):
        raise _invalid("note", problem)
    return plain(note)


def _to_applicant(review: Review, note: str) -> DecisionPersonal:
    applicant = review.application.personal.applicant
    contact = Contact(name=applicant.name, mobile=applicant.mobile, email=applicant.email)
    return DecisionPersonal(contact=contact, note=plain(note))


def _written_to_applicant(review: Review, note: str) -> DecisionPersonal:
    """Return an officer's words to the applicant; raise `InvalidInput` for a note as of `note_problem`."""
    if problem := note_problem(note):
        raise _invalid("note", problem)
    return _to_applicant(review, note)


def plain(text: str) -> str:
    """Return an officer's words as they are stored: on no account with an Aadhaar number in them."""
    return mask_aadhaar(text.replace("\x00", "").strip())[0]
