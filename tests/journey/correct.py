"""Correct an application that was sent, and settle a correction that waits for the department."""

from collections.abc import Callable
from typing import Any

from contracts.rpc.approval.reviews import CorrectionToConfirm
from epass_client import calls
from tests.journey.commands import Case, People, publishes
from tests.support.stack.running import eventually
from tests.support.system.actors import Applicant, Department, issued

RIGHT = "Gurpreet Kaur Gill"


def to_confirm(department: Department, reference: str) -> CorrectionToConfirm:
    """Return the correction of an application that waits at the desk."""

    def waits() -> Any:
        return department.send(calls.view_review(department.review_of(reference).id)).correction

    found: CorrectionToConfirm = eventually(waits, "the correction waits at the desk")
    return found


def corrected(applicant: Applicant, department: Department) -> str:
    """Return an application with a pass, whose name the applicant has corrected since."""
    reference, _ = issued(applicant, department)
    applicant.send(calls.correct_application(reference, name=RIGHT))
    return reference


def correct(people: People) -> Case:
    call = calls.correct_application(people.applicant.apply(), name=RIGHT)
    return publishes("ApplicationCorrected", "application", people.applicant, call)


def settle(people: People) -> Case:
    reference = corrected(people.applicant, people.department)
    number = to_confirm(people.department, reference).number
    review = people.department.review_of(reference).id
    call = calls.settle_correction(review, number=number, confirm=True)
    return publishes("CorrectionSettled", "approval", people.department, call)


CASES: dict[str, Callable[[People], Case]] = {
    "POST /api/v1/applications/{reference}/correct": correct,
    "POST /api/v1/reviews/{review_id}/correction": settle,
}
