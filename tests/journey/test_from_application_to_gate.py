"""The whole journey, through HTTP only: from an application to the gate and out again."""

import io
import json

import pytest
import zxingcpp
from joserfc import jws
from joserfc.jwk import KeySet
from PIL import Image

from tests.support.actors import MATCHED, Applicant, Staff, application, issued, messages, ok, slot
from tests.support.running import eventually


@pytest.mark.filterwarnings(
    "ignore:EdDSA is deprecated via RFC 9864"
)  # PyJWT names the algorithm so; Ed25519 it is
def test_an_application_becomes_a_pass_on_a_phone_and_opens_a_gate(
    system, applicant, department, officer
) -> None:
    reference = applicant.apply()
    assert applicant.view(reference)["status"] == "submitted"

    review = department.approve(reference)
    assert review["status"] == "approved"
    assert review["decision"]["decided_by"] == department.login_id

    number = applicant.wait_for(reference, "issued")["pass"]["number"]
    message = eventually(lambda: messages(system, applicant.mobile, "pass_issued"), "the pass arrives")[0]
    assert number in message["text"]
    assert message["language"] == "pa"
    with system.client() as anyone:
        page = anyone.get(message["link"])
        assert page.status_code == 200
        assert number in page.text.replace(" ", "").replace("&nbsp;", "")

    token = _decoded(applicant.get(f"/passes/{number}/qr.png").content)
    assert token == applicant.token(number)
    _check_token(system, token, number)

    preview = officer.scan(token=token)
    assert (preview["verdict"], preview["preview"], preview["inside"]) == ("admit", True, 0)
    assert preview["applicant"]["name_latin"] == "Gurpreet Kaur"

    admitted = officer.scan(token=token, id_check=MATCHED)
    assert (admitted["verdict"], admitted["inside"], admitted["party"]) == ("admit", 2, 2)
    assert [
        item["inside"]
        for item in ok(officer.get("/gate/inside", site="PCS1"))["items"]
        if item["pass"] == number
    ] == [2]
    assert officer.scan(token=token, id_check=MATCHED)["verdict"] == "already_inside"
    applicant.wait_for(reference, "entered")

    left = officer.scan(token=token, direction="exit")
    assert (left["verdict"], left["inside"]) == ("exit", 0)
    whats = [entry["what"] for entry in applicant.wait_for(reference, "left")["timeline"]]
    assert [what for what in whats if what in ("submitted", "approved", "entered", "left")] == [
        "submitted",
        "approved",
        "entered",
        "left",
    ]
    assert officer.scan(token=token, id_check=MATCHED)["verdict"] == "already_used"


def _decoded(png: bytes) -> str:
    with Image.open(io.BytesIO(png)) as picture:
        return zxingcpp.read_barcode(picture.convert("L")).text


def _check_token(system, token: str, number: str) -> None:
    """By a library that is not the one that signed it, with the key of the JWKS."""
    with system.client() as anyone:
        keys = KeySet.import_key_set(ok(anyone.get("/.well-known/jwks.json")))
    signed = jws.deserialize_compact(token, keys, algorithms=["EdDSA"])
    claims = json.loads(signed.payload)
    assert signed.headers()["typ"] == "epass+jwt"
    assert len(signed.headers()["kid"]) <= 8
    assert (claims["jti"], claims["aud"], claims["site"], claims["party"]) == (number, "gate", "PCS1", 2)
    assert set(claims) == {"iss", "aud", "jti", "nbf", "exp", "site", "party", "idc"}


def test_the_pass_number_admits_like_the_qr(system, applicant, department, officer) -> None:
    _, the_pass = issued(applicant, department)
    assert officer.scan(pass_number=the_pass["number"].lower(), id_check=MATCHED)["verdict"] == "admit"


def test_a_party_may_arrive_and_leave_in_parts(system, applicant, department, officer) -> None:
    _, the_pass = issued(applicant, department)
    number = the_pass["number"]
    counts = [officer.scan(pass_number=number, count=1, id_check=MATCHED)["inside"] for _ in range(2)]
    assert counts == [1, 2]
    assert [officer.scan(pass_number=number, count=1, direction="exit")["inside"] for _ in range(2)] == [1, 0]


def test_a_walk_in_without_a_phone_gets_a_printed_pass(system, reception, department, officer) -> None:
    body = application() | {"mobile": None}
    reference = ok(reception.post("/counter/applications", body), 201)["reference"]
    department.approve(reference)
    hit = eventually(
        lambda: next(
            (
                hit
                for hit in ok(reception.post("/counter/lookup", {"q": reference}))["items"]
                if hit["pass_number"]
            ),
            None,
        ),
        "the pass at the counter",
    )
    printed = ok(reception.post(f"/passes/{hit['pass_number']}/print"))
    assert printed["number"] == hit["pass_number"]
    assert officer.scan(token=printed["token"], id_check=MATCHED)["verdict"] == "admit"


def test_an_official_with_companions_and_a_child_is_admitted(system, department, officer) -> None:
    official = Applicant(system)
    details = {
        "applicant": {
            "kind": "official", "official": {"organisation": "PWD", "designation": "SDO", "employee_no": "117"}, "id_type": "government_id",
            "id_last4": "0117", "assistance": "wheelchair",
        },
        "companions": [{"name": "हरजीत सिंह", "id_type": "passport", "id_last4": "Z123"}, {"name": "Simran", "child": True}],
        "vehicle": "CH 01 AB 1234",
        "preferred": [slot(), slot(1), slot(2)],
    }  # fmt: skip
    _, the_pass = issued(
        official, department, **details, decision={"vehicle_allowed": True, "gate": "PCS1-G1"}
    )
    seen = officer.scan(
        pass_number=the_pass["number"],
        id_check={"kind": "matched", "id_type": "government_id", "id_last4": "0117"},
    )
    assert (seen["verdict"], seen["party"], seen["vehicle_allowed"], seen["assistance"]) == (
        "admit",
        3,
        True,
        "wheelchair",
    )


def test_what_was_returned_can_be_completed_and_approved(system, applicant, department) -> None:
    reference = applicant.apply()
    review = department.review_of(reference)
    ok(department.post(f"/reviews/{review['id']}/return", {"note": "Which file?"}))
    assert applicant.wait_for(reference, "returned")["note"] == "Which file?"
    ok(applicant.post(f"/applications/{reference}/amend", {"purpose": "File 114/2026"}))
    eventually(lambda: department.review_of(reference)["revision"] == 2, "the amended revision in the queue")
    department.approve(reference)
    applicant.wait_for(reference, "issued")


def test_a_rejection_says_why_on_the_phone_and_in_the_history(system, applicant, department) -> None:
    reference = applicant.apply()
    review = department.review_of(reference)
    ok(
        department.post(
            f"/reviews/{review['id']}/reject",
            {"reason": "no_appointment", "note": "Please take an appointment first."},
        )
    )
    view = applicant.wait_for(reference, "rejected")
    assert (view["reason"], view["note"]) == ("no_appointment", "Please take an appointment first.")
    assert eventually(lambda: messages(system, applicant.mobile, "rejected"), "the message")
    assert [item["reference"] for item in ok(applicant.get("/applications"))["items"]] == [reference]


def test_a_forwarded_application_is_decided_by_the_other_department_only(
    system, applicant, department
) -> None:
    reference = applicant.apply()
    review = department.review_of(reference)
    ok(department.post(f"/reviews/{review['id']}/forward", {"department": "finance"}))
    assert ok(department.post("/reviews/search", {"q": reference}))["items"] == []
    assert department.post(f"/reviews/{review['id']}/approve", slot()).status_code == 404


def test_a_second_decision_is_told_who_decided_and_when(system, applicant, department) -> None:
    reference = applicant.apply()
    department.approve(reference)
    review = department.review_of(reference)
    answer = department.post(f"/reviews/{review['id']}/reject", {"reason": "security", "note": "no"})
    assert answer.status_code == 409
    assert answer.json()["code"] == "already_decided"
    assert answer.json()["facts"]["decided_by"] == department.login_id
    assert answer.json()["facts"]["decided_at"]


def test_a_login_that_the_ado_branch_issues_must_change_its_password_and_ends_when_disabled(
    system, ado
) -> None:
    issued_login = ok(
        ado.post("/logins", {"role": "department", "name": "Section Officer", "department": "pwd"}), 201
    )
    someone = Staff.__new__(Staff)
    someone.system, someone.http = system, system.client()
    first = ok(
        someone.post(
            "/sessions", {"login_id": issued_login["login_id"], "password": issued_login["initial_password"]}
        )
    )
    assert first["must_change_password"]
    someone.http = system.client(first["access_token"])
    assert someone.get("/reviews").json()["code"] == "must_change_password"
    changed = ok(
        someone.post(
            "/password", {"current": issued_login["initial_password"], "new": "a long enough new one"}
        )
    )
    someone.http = system.client(changed["access_token"])
    assert ok(someone.get("/reviews"))["items"] == []
    ok(ado.post(f"/logins/{issued_login['login_id']}/disable"))
    eventually(lambda: someone.get("/reviews").status_code == 401, "the session is denied", 2.5)


def test_anyone_may_ask_for_the_status_and_learns_nothing_personal(system, applicant) -> None:
    reference = applicant.apply()
    with system.client() as anyone:
        answer = ok(
            anyone.post(
                "/api/v1/status", json={"reference": reference, "mobile_last4": applicant.mobile[-4:]}
            )
        )
        assert answer["status"] == "submitted"
        assert "Gurpreet" not in str(answer)
        assert "licence" not in str(answer)
        assert anyone.post(
            "/api/v1/status", json={"reference": reference, "mobile_last4": "0000"}
        ).status_code in (200, 404)


def test_an_exit_is_recorded_whatever_the_state_of_the_pass(system, applicant, department, officer) -> None:
    reference, the_pass = issued(applicant, department)
    officer.scan(pass_number=the_pass["number"], id_check=MATCHED)
    applicant.wait_for(reference, "entered")
    review = department.review_of(reference)
    ok(department.post(f"/reviews/{review['id']}/withdraw", {"reason": "security"}))
    eventually(
        lambda: officer.scan(pass_number=the_pass["number"])["verdict"] == "revoked",
        "the pass is revoked at the gate",
    )
    left = officer.scan(pass_number=the_pass["number"], direction="exit")
    assert (left["verdict"], left["inside"]) == ("exit", 0)
    assert "revoked" in left["marks"]
