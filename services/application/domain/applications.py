"""An application and its transitions: each returns the event to publish, or raises."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from uuid import UUID

from contracts.errors import Conflict, InvalidInput
from contracts.events import (
    ApplicationAmended,
    ApplicationCancelled,
    ApplicationExpired,
    ApplicationPersonal,
    ApplicationSubmitted,
    MobileChanged,
    MobileNumbers,
)
from contracts.mobile import channel_to
from contracts.model import (
    OPEN_STATUSES,
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
from contracts.visiting_rules import MOST_COMPANIONS

EXPIRING: frozenset[ApplicationStatus] = frozenset({"submitted", "returned"})


def require_amendable(status: ApplicationStatus, *, only_dates: bool) -> None:
    """Raise `Conflict` if an application cannot be amended.

    A returned application can be amended; while the department decides, only other dates can be requested.
    """
    if status != "returned" and not (status == "submitted" and only_dates):
        raise Conflict("this cannot be amended now", code="cannot_amend", status=status)


@dataclass(frozen=True)
class Intake:
    """How an application arrived.

    Args:
        mobile_proved: whether an OTP proved the mobile.
        submitted_by: the operator who typed it in, who vouches if the mobile is not proved; None for the
            applicant.
        notice: the version of the privacy notice that was shown, if a page did.
        consented: whether its person agreed that their data are used.
    """

    channel: Channel
    mobile_proved: bool = False
    submitted_by: str | None = None
    notice: str | None = None
    consented: bool = False

    @property
    def most_companions(self) -> int:
        """How many people may come along."""
        return MOST_COMPANIONS[self.channel]

    @property
    def is_attended(self) -> bool:
        """Return whether an operator vouches, who can print a pass and accept a visitor without a mobile."""
        return self.submitted_by is not None and not self.mobile_proved


@dataclass(frozen=True)
class Visit:
    """The visit that is applied for: where it goes, and whatever may be amended."""

    site: str
    department: str
    officer: str | None
    purpose_kind: PurposeKind
    purpose: str
    preferred: tuple[Slot, ...]
    companions: tuple[Companion, ...]
    vehicle: str | None
    weekly_until: date | None = None
    """The last day of the standing pass that is asked for."""

    @property
    def party(self) -> int:
        """Number of people who come."""
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
        """Return the event of a new application."""
        return ApplicationSubmitted.model_validate(self._details())

    def amend(self, visit: Visit) -> "Application":
        """Return the next revision. The caller has called :func:`require_amendable`."""
        return replace(self, revision=self.revision + 1, visit=visit)

    def amended(self) -> ApplicationAmended:
        """Return the event of an amendment."""
        return ApplicationAmended.model_validate(self._details())

    def cancel(self, status: ApplicationStatus, by: Literal["applicant", "counter"]) -> ApplicationCancelled:
        """Return the event of a cancellation.

        Raises:
            Conflict: the application has ended already, or the visitor is inside.
        """
        if status not in OPEN_STATUSES:
            raise Conflict(
                "this application cannot be cancelled any more", code="cannot_cancel", status=status
            )
        return ApplicationCancelled.model_validate({**self._outcome(), "cancelled_by": by})

    def change_mobile(
        self, mobile: str, status: ApplicationStatus, by: Literal["applicant", "counter"]
    ) -> MobileChanged:
        """Return the event of another mobile, which its holder has proved.

        Raises:
            InvalidInput: ``mobile`` is ``same_mobile``: it is the number of this application.
            Conflict: ``cannot_change_mobile``: the application has ended, or the visitor came in.
        """
        if status not in OPEN_STATUSES:
            raise Conflict("this application has ended", code="cannot_change_mobile", status=status)
        if mobile == self.applicant.mobile:
            raise InvalidInput.of("mobile", "same_mobile")
        return MobileChanged(
            application_id=self.id,
            reference=self.reference,
            changed_by=by,
            language=self.language,
            deliver_by=channel_to(mobile, self.deliver_by),
            personal=MobileNumbers(mobile=mobile, before=self.applicant.mobile),
        )

    def expire(self) -> ApplicationExpired:
        """Return the event of an application whose preferred windows passed without a decision."""
        return ApplicationExpired.model_validate(self._outcome())

    def _details(self) -> dict[str, object]:
        visit = self.visit
        return {
            **{
                name: getattr(visit, name)
                for name in (
                    "site",
                    "department",
                    "officer",
                    "purpose_kind",
                    "preferred",
                    "party",
                    "weekly_until",
                )
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

    def _outcome(self) -> dict[str, object]:
        person = self.applicant
        return {
            **{name: getattr(self, name) for name in ("reference", "revision", "language", "deliver_by")},
            "application_id": self.id,
            "personal": Contact(name=person.name, mobile=person.mobile, email=person.email),
        }
