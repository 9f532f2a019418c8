"""RPC of application: the correction of an application that was sent."""

from pydantic import Field

from contracts.application_form import Correction
from contracts.model import ApplicationStatus, Wire
from contracts.rpc.application import Reference
from contracts.rpc.call import Http, Method


class CorrectApplication(Correction):
    """A correction of one application."""

    reference: Reference
    revision: int | None = Field(
        default=None, description="Where given, the revision that was read; another one is a conflict."
    )
    waits: bool | None = Field(
        default=None,
        description="Where given, whether the applicant was told that the department has to confirm it; if "
        "that has changed, it is a conflict.",
    )


class Corrected(Wire):
    """A correction was stored."""

    reference: str
    status: ApplicationStatus
    waits: bool
    """Whether the department has to confirm it."""
    masked: tuple[str, ...] = ()
    """Fields in which an Aadhaar number was masked."""


CORRECT = Method(
    "application", "correct", CorrectApplication, Corrected, command=True, said="Corrected an application",
    http=Http("applicant", "correct_application", "POST /applications/{reference}/correct",
        """Correct a name, an ID card, who comes along, or the email address.

        It takes effect at once, or after an approval once the department confirms it: the pass is then
        issued anew.
        """),
)  # fmt: skip
