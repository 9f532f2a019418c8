"""A correction after the pass that the department refuses; `tests/e2e/test_rights.py` has the others."""

from epass_client import calls
from tests.journey.correct import RIGHT, corrected, to_confirm
from tests.support.stack.running import eventually
from tests.support.system.actors import Applicant, Department, Officer
from tests.support.system.system import System

WORD = "Bring the card to the reception"


def test_what_the_department_refuses_changes_no_pass(system: System) -> None:
    visitor, department, officer = Applicant(system), Department(system), Officer(system)
    reference = corrected(visitor, department)
    number = to_confirm(department, reference).number
    review = department.review_of(reference).id
    department.send(calls.settle_correction(review, number=number, confirm=False, note=WORD))

    def refused() -> bool:
        correction = visitor.view(reference).correction
        return correction is not None and correction.note == WORD

    eventually(refused, "the applicant reads why")
    own = system.http()
    own.cookies.set("session", visitor.client.token)
    assert WORD in own.get(f"/en/applications/{reference}").text
    shown = visitor.view(reference)
    assert shown.applicant.name != RIGHT
    assert shown.pass_ is not None
    token = visitor.token(shown.pass_.number)
    officer.wait_to_know(token)
    assert officer.scan(token=token).verdict == "admit"
