"""An application and its transitions: each returns the event that tells of it, or raises what forbids it."""

from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from contracts.errors import Conflict
from contracts.events import (
    ApplicationAmended,
    ApplicationCancelled,
    ApplicationExpired,
    ApplicationPersonal,
    ApplicationSubmitted,
)
from contracts.model import (
    ApplicantKind,
    ApplicationStatus,
    Assistance,
    Channel,
    Companion,
    Contact,
    DeliverBy,
    Language,
    Person,
    PurposeKind,
    Slot,
)

CANCELLABLE: frozenset[ApplicationStatus] = frozenset({"submitted", "returned", "approved", "issued"})
EXPIRING: frozenset[ApplicationStatus] = frozenset({"submitted", "returned"})


def require_amendable(status: ApplicationStatus, *, only_dates: bool) -> None:
    """What was returned can be amended; while the department decides, other dates can be asked for and nothing else.

    Raises:
        Conflict: neither is so.
    """
    if status != "returned" and not (status == "submitted" and only_dates):
        raise Conflict("this cannot be amended now", code="cannot_amend", status=status)


@dataclass(frozen=True)
class Intake:
    """How an application came in.

    Args:
        channel: by which way.
        companions: how many may come along.
        mobile_proved: whether an OTP proved the mobile.
        submitted_by: the operator who typed it in, or None for the applicant; who vouches where the mobile is not proved.
    """

    channel: Channel
    companions: int
    mobile_proved: bool = False
    submitted_by: str | None = None

    @property
    def is_attended(self) -> bool:
        """Whether an operator vouches, who can print a pass and take in a visitor without a mobile."""
        return self.submitted_by is not None and not self.mobile_proved


@dataclass(frozen=True)
class Visit:
    """What the visit is to be: whatever may be amended, and where it goes."""

    site: str
    department: str
    officer: str | None
    purpose_kind: PurposeKind
    purpose: str
    preferred: tuple[Slot, ...]
    companions: tuple[Companion, ...]
    vehicle: str | None

    @property
    def party(self) -> int:
        """How many people come."""
        return 1 + len(self.companions)


@dataclass(frozen=True)
class Application:
    """One application as of one revision."""

    id: UUID
    reference: str
    revision: int
    intake: Intake
    kind: ApplicantKind
    applicant: Person
    language: Language
    deliver_by: DeliverBy
    assistance: Assistance | None
    visit: Visit

    def submitted(self) -> ApplicationSubmitted:
        """It was made."""
        return ApplicationSubmitted.model_validate(self._details())

    def amend(self, visit: Visit) -> "Application":
        """It says something else now; the caller has asked :func:`require_amendable`."""
        return replace(self, revision=self.revision + 1, visit=visit)

    def amended(self) -> ApplicationAmended:
        """It was completed, or other dates were asked for."""
        return ApplicationAmended.model_validate(self._details())

    def cancel(self, status: ApplicationStatus, by: Literal["applicant", "counter"]) -> ApplicationCancelled:
        """The visit is not wanted any more.

        Raises:
            Conflict: it has ended already, or the visitor is in.
        """
        if status not in CANCELLABLE:
            raise Conflict(
                "this application cannot be cancelled any more", code="cannot_cancel", status=status
            )
        return ApplicationCancelled.model_validate({**self._ending(), "cancelled_by": by})

    def expire(self) -> ApplicationExpired:
        """All preferred windows passed without a decision."""
        return ApplicationExpired.model_validate(self._ending())

    def _details(self) -> dict[str, object]:
        visit = self.visit
        return {
            **{
                name: getattr(visit, name)
                for name in ("site", "department", "officer", "purpose_kind", "preferred", "party")
            },
            **{
                name: getattr(self, name)
                for name in ("reference", "revision", "kind", "assistance", "language", "deliver_by")
            },
            **{name: getattr(self.intake, name) for name in ("channel", "mobile_proved", "submitted_by")},
            "application_id": self.id,
            "personal": ApplicationPersonal(
                applicant=self.applicant,
                companions=visit.companions,
                purpose=visit.purpose,
                vehicle=visit.vehicle,
            ),
        }

    def _ending(self) -> dict[str, object]:
        person = self.applicant
        return {
            **{name: getattr(self, name) for name in ("reference", "revision", "language", "deliver_by")},
            "application_id": self.id,
            "personal": Contact(name=person.name, mobile=person.mobile, email=person.email),
        }
