"""The whole journey, through HTTP only: from an application to the gate and out again."""

import io
import json

import pytest
import zxingcpp
from joserfc import jws
from joserfc.jwk import KeySet
from PIL import Image

from contracts.rpc.application import SubmitAtCounter
from epass_client import calls
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, Applicant, application, issued, messages, ok, slot


@pytest.mark.filterwarnings(
    "ignore:EdDSA is deprecated via RFC 9864"
)  # PyJWT names the algorithm so; Ed25519 it is
def test_an_application_becomes_a_pass_on_a_phone_and_opens_a_gate(
    system, applicant, department, officer
) -> None:
    reference = applicant.apply()
    assert applicant.view(reference).status == "submitted"

    review = department.approve(reference)
    assert review.status == "approved"
    assert review.decision.decided_by == department.login_id

    number = applicant.wait_for_pass(reference).number
    message = eventually(lambda: messages(system, applicant.mobile, "pass_issued"), "the pass arrives")[0]
    assert number in message.text
    assert message.language == "pa"
    page = system.http().get(message.link)
    assert page.status_code == 200
    assert number in page.text.replace(" ", "").replace("&nbsp;", "")

    token = _decoded(applicant.send(calls.view_qr_png(number)))
    assert token == applicant.token(number)
    _check_token(system, token, number)

    preview = officer.scan(token=token)
    assert (preview.verdict, preview.preview, preview.inside) == ("admit", True, 0)
    assert preview.applicant.name_latin == "Gurpreet Kaur"

    admitted = officer.scan(token=token, id_check=MATCHED)
    assert (admitted.verdict, admitted.inside, admitted.party) == ("admit", 2, 2)
    everybody = officer.send(calls.list_inside("PCS1")).items
    assert [item.inside for item in everybody if item.pass_ == number] == [2]
    assert officer.scan(token=token, id_check=MATCHED).verdict == "already_inside"
    applicant.wait_for(reference, "entered")

    left = officer.scan(token=token, direction="exit")
    assert (left.verdict, left.inside) == ("exit", 0)
    whats = [entry.what for entry in applicant.wait_for(reference, "left").timeline]
    assert [what for what in whats if what in ("submitted", "approved", "entered", "left")] == [
        "submitted",
        "approved",
        "entered",
        "left",
    ]
    assert officer.scan(token=token, id_check=MATCHED).verdict == "already_used"


def _decoded(png: bytes) -> str:
    with Image.open(io.BytesIO(png)) as picture:
        return zxingcpp.read_barcode(picture.convert("L")).text


def _check_token(system, token: str, number: str) -> None:
    """Check a token with a library that is not the one that signed it, and the key of the JWKS."""
    keys = KeySet.import_key_set(ok(system.http().get("/.well-known/jwks.json")))
    signed = jws.deserialize_compact(token, keys, algorithms=["EdDSA"])
    claims = json.loads(signed.payload)
    assert signed.headers()["typ"] == "epass+jwt"
    assert len(signed.headers()["kid"]) <= 8
    assert (claims["jti"], claims["aud"], claims["site"], claims["party"]) == (number, "gate", "PCS1", 2)
    assert set(claims) == {"iss", "aud", "jti", "nbf", "exp", "site", "party", "idc"}


def test_a_walk_in_without_a_phone_gets_a_printed_pass(system, reception, department, officer) -> None:
    body = SubmitAtCounter.model_validate(application(mobile=None))
    reference = reception.send(calls.submit_at_counter(body)).reference
    department.approve(reference)

    def look() -> str | None:
        (hit,) = reception.send(calls.look_up_at_counter(reference)).items
        return hit.pass_number

    number = eventually(look, "the pass at the counter")
    printed = reception.send(calls.print_pass(number))
    assert printed.number == number
    assert officer.scan(token=printed.token, id_check=MATCHED).verdict == "admit"


def test_an_official_with_companions_and_a_child_is_admitted(system, department, officer) -> None:
    official = Applicant(system)
    details = {
        "applicant": {
            "kind": "official",
            "official": {"organisation": "PWD", "designation": "SDO", "employee_no": "117"},
            "id_type": "government_id",
            "id_last4": "0117",
            "assistance": "wheelchair",
        },
        "companions": [
            {"name": "हरजीत सिंह", "id_type": "passport", "id_last4": "Z123"},
            {"name": "Simran", "child": True},
        ],
        "vehicle": "CH 01 AB 1234",
        "preferred": [slot(), slot(1), slot(2)],
    }
    _, the_pass = issued(
        official,
        department,
        known_to=officer,
        **details,
        decision={"vehicle_allowed": True, "gate": "PCS1-G1"},
    )
    seen = officer.scan(
        pass_number=the_pass.number,
        id_check={"kind": "matched", "id_type": "government_id", "id_last4": "0117"},
    )
    assert (seen.verdict, seen.party, seen.vehicle_allowed, seen.assistance) == (
        "admit",
        3,
        True,
        "wheelchair",
    )


def test_a_returned_application_can_be_completed_and_approved(system, applicant, department) -> None:
    reference = applicant.apply()
    review = department.review_of(reference)
    department.send(calls.return_review(review.id, "Which file?"))
    assert applicant.wait_for(reference, "returned").note == "Which file?"
    applicant.send(calls.amend_application(reference, purpose="File 114/2026"))
    eventually(lambda: department.review_of(reference).revision == 2, "the amended revision in the queue")
    department.approve(reference)
    applicant.wait_for(reference, "issued")


def test_the_reason_of_a_rejection_is_on_the_phone_and_in_the_history(system, applicant, department) -> None:
    reference = applicant.apply()
    review = department.review_of(reference)
    note = "Please take an appointment first."
    department.send(calls.reject_review(review.id, "no_appointment", note=note))
    view = applicant.wait_for(reference, "rejected")
    assert (view.reason, view.note) == ("no_appointment", note)
    assert eventually(lambda: messages(system, applicant.mobile, "rejected"), "the message")
    assert [item.reference for item in applicant.send(calls.list_applications()).items] == [reference]
