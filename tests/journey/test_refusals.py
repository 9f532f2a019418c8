"""What is refused: each with its own error, and nothing changes."""

import base64
import json

import pytest

from epass_client import Problem, calls
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, Applicant, application, issued, slot


def field_errors(response) -> dict[str, str]:
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return {error["field"]: error["code"] for error in response.json()["errors"]}


WRONG = {
    "an unknown field": (application(colour="red"), "colour"),
    "a full Aadhaar number in Gurmukhi digits": (
        application(applicant={"id_type": "aadhaar", "id_last4": "੨੩੪੧੨੩੪੧੨੩੪੬"}),
        "applicant.id_last4",
    ),
    "a past date": (application(preferred=[slot(-2)]), "preferred.0.date"),
    "an unknown site": (application(site="PCS9"), "site"),
}
"""One that the gateway refuses, and three that the service does, by its contract, clock and directory."""


@pytest.fixture(scope="module")
def someone(system) -> Applicant:
    return Applicant(system)


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_application_is_refused_with_its_field_and_not_stored(someone, what) -> None:
    body, field = WRONG[what]
    before = someone.send(calls.list_applications()).items
    errors = field_errors(someone.post("/applications", body))
    assert any(name.startswith(field) for name in errors), errors
    assert someone.send(calls.list_applications()).items == before


def test_nobody_sees_or_changes_an_application_of_somebody_else(system, applicant, someone) -> None:
    reference = applicant.apply()
    for call in (calls.view_application(reference), calls.cancel_application(reference)):
        with pytest.raises(Problem) as refused:
            someone.send(call)
        assert refused.value.status == 404
    assert applicant.view(reference).status == "submitted"


@pytest.fixture(scope="module")
def the_pass(someone, department, officer) -> dict:
    reference, summary = issued(someone, department, known_to=officer)
    return {"number": summary.number, "token": someone.token(summary.number), "reference": reference}


@pytest.mark.parametrize("kind", ["a larger party", "a session token"])
def test_a_forged_pass_is_a_bad_signature_and_admits_nobody(officer, someone, the_pass, kind) -> None:
    """``tests/integration/verify/test_forgeries.py`` has the other kinds."""
    header, payload, signature = the_pass["token"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "==")) | {"party": 50}
    larger = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    forged = f"{header}.{larger}.{signature}" if kind == "a larger party" else someone.client.token
    answer = officer.scan(token=forged, id_check=MATCHED)
    assert answer.verdict == "bad_signature"
    assert answer.applicant is None
    assert someone.view(the_pass["reference"]).status == "issued"
    assert all(item.pass_ != the_pass["number"] for item in officer.send(calls.list_inside("PCS1")).items)


def test_a_pass_of_another_gate_does_not_admit(system, department, officer) -> None:
    elsewhere = Applicant(system)
    _, summary = issued(elsewhere, department, known_to=officer, decision={"gate": "PCS1-G2"})
    assert officer.scan(pass_number=summary.number, id_check=MATCHED).verdict == "wrong_gate"


def test_a_scan_has_the_age_of_the_newest_list_of_revocations(system, department, officer) -> None:
    _, summary = issued(Applicant(system), department, known_to=officer)

    def age() -> int | None:
        return officer.scan(pass_number=summary.number, id_check=None).list_age_s

    eventually(lambda: age() is not None, "a signed list has arrived at the gate")
    assert 0 <= age() <= 30


def test_a_revoked_pass_does_not_admit(system, department, officer) -> None:
    unlucky = Applicant(system)
    reference, summary = issued(unlucky, department, known_to=officer)
    unlucky.send(calls.cancel_application(reference))
    eventually(
        lambda: officer.scan(pass_number=summary.number, id_check=None).verdict == "revoked",
        "revoked at the gate",
    )
    assert unlucky.wait_for(reference, "cancelled")
