"""What is refused: each with its own error, and nothing changes."""

import base64
import hmac
import json
from datetime import date, datetime, timedelta
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from contracts.model import IST
from contracts.rpc.application import SubmitApplication
from contracts.visiting_rules import windows_on
from epass_client import Problem, calls
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, Applicant, application, issued, ok, slot


def field_errors(response) -> dict[str, str]:
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return {error["field"]: error["code"] for error in response.json()["errors"]}


WRONG = {
    "an unknown field": (application(colour="red"), "colour"),
    "a missing field": ({key: value for key, value in application().items() if key != "purpose"}, "purpose"),
    "a full Aadhaar number, spaced": (
        application(applicant={"id_type": "aadhaar", "id_last4": "2341 2341 2346"}),
        "applicant.id_last4",
    ),
    "a full Aadhaar number, hyphenated": (
        application(applicant={"id_type": "aadhaar", "id_last4": "2341-2341-2346"}),
        "applicant.id_last4",
    ),
    "a full Aadhaar number in Gurmukhi digits": (
        application(applicant={"id_type": "aadhaar", "id_last4": "੨੩੪੧੨੩੪੧੨੩੪੬"}),
        "applicant.id_last4",
    ),
    "three characters of an ID": (application(applicant={"id_last4": "482"}), "applicant.id_last4"),
    "a name of signs": (application(applicant={"name": "<script>"}), "applicant.name"),
    "a past date": (application(preferred=[slot(-2)]), "preferred.0.date"),
    "a date too far ahead": (application(preferred=[slot(31)]), "preferred.0.date"),
    "an end before the start": (application(preferred=[slot(1, "12:00", "10:00")]), "preferred.0"),
    "four dates": (application(preferred=[slot(day) for day in range(4)]), "preferred"),
    "an unknown site": (application(site="PCS9"), "site"),
    "an unknown department": (application(department="magic"), "department"),
    "an adult companion without an ID": (application(companions=[{"name": "Harjit Singh"}]), "companions.0"),
    "an official without an office": (application(applicant={"kind": "official"}), "applicant.official"),
}


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


def test_outside_opening_hours_is_refused(someone) -> None:
    """The demo's sites close at 23:59."""
    errors = field_errors(
        someone.post("/applications", application(preferred=[slot(1, "23:00", "23:59:30")]))
    )
    assert any(name.startswith("preferred.0") for name in errors), errors


@pytest.mark.parametrize("mobile", ["", "12345", "98765 4321", "+91 172 274 0000", "not a number"])
def test_a_bad_mobile_is_refused(system, mobile) -> None:
    assert "mobile" in field_errors(system.http().post("/api/v1/otp", json={"mobile": mobile}))


def test_an_aadhaar_number_in_free_text_is_masked_and_reported(someone) -> None:
    body = SubmitApplication.model_validate(application(purpose="My number is 2341 2341 2346"))
    answer = someone.send(calls.submit_application(body))
    assert answer.masked == ("purpose",)
    assert "2341 2341" not in someone.view(answer.reference).purpose


def test_a_wrong_code_opens_no_session_and_five_wrong_ones_end_it(system) -> None:
    anyone = system.client()
    request = anyone.send(calls.request_otp("+919812345678"))
    codes = []
    for _ in range(6):
        with pytest.raises(Problem) as refused:
            anyone.send(calls.verify_otp(request.request_id, "000000"))
        codes.append(refused.value.code)
    assert codes[0] == "wrong_code"
    assert codes[-1] == "too_many_tries"


def test_nobody_sees_or_changes_an_application_of_somebody_else(system, applicant, someone) -> None:
    reference = applicant.apply()
    for call in (calls.view_application(reference), calls.cancel_application(reference)):
        with pytest.raises(Problem) as refused:
            someone.send(call)
        assert refused.value.status == 404
    assert applicant.view(reference).status == "submitted"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/reviews/search", {"q": "PCS"}),
        ("/logins", {"role": "ado", "name": "Mallory"}),
        ("/scans", {"gate": "PCS1-G1", "nonce": "12345678", "token": "x"}),
    ],
)
def test_an_applicant_may_not_do_what_staff_does(someone, path, body) -> None:
    answer = someone.post(path, body)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/applications", "/reviews", "/logins", "/gate/inside?site=PCS1"])
def test_a_request_without_a_session_is_refused(system, path) -> None:
    assert system.http().get(f"/api/v1{path}").status_code == 401


def test_one_key_with_two_bodies_is_refused(someone) -> None:
    call = calls.submit_application(SubmitApplication.model_validate(application()))
    assert someone.send(call) == someone.send(call)
    other = SubmitApplication.model_validate(application(purpose="Something else"))
    with pytest.raises(Problem) as refused:
        someone.send(calls.submit_application(other).with_key(str(call.key)))
    assert (refused.value.status, refused.value.code) == (422, "idempotency_key_reused")


@pytest.fixture(scope="module")
def the_pass(system, someone, department, officer) -> dict:
    reference, summary = issued(someone, department, known_to=officer)
    return {"number": summary.number, "token": someone.token(summary.number), "reference": reference}


def _b64(value: object) -> str:
    return (
        base64.urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps(value).encode())
        .rstrip(b"=")
        .decode()
    )


def _forged(kind: str, token: str, jwks: dict, session: str) -> str:
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    head = json.loads(base64.urlsafe_b64decode(header + "=="))
    public = next(key for key in jwks["keys"] if key["kid"] == head["kid"])
    other = Ed25519PrivateKey.generate()
    x = _b64(other.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    match kind:
        case "tampered":
            return f"{header}.{_b64({**claims, 'party': 50})}.{signature}"
        case "another key":
            return jwt.encode(claims, other, "EdDSA", head)
        case "alg none":
            return f"{_b64({**head, 'alg': 'none'})}.{payload}."
        case "HS256 with the public key":
            signed = f"{_b64({**head, 'alg': 'HS256'})}.{payload}"
            raw = base64.urlsafe_b64decode(public["x"] + "==")
            return f"{signed}.{_b64(hmac.digest(raw, signed.encode(), 'sha256'))}"
        case "crit":
            return jwt.encode(claims, other, "EdDSA", {**head, "crit": ["b64"]})
        case "jwk":
            return jwt.encode(
                claims, other, "EdDSA", {**head, "jwk": {"kty": "OKP", "crv": "Ed25519", "x": x}}
            )
        case "jku":
            return jwt.encode(claims, other, "EdDSA", {**head, "jku": "http://127.0.0.1/keys"})
        case "a session token":
            return session
    raise AssertionError(kind)


KINDS = [
    "tampered",
    "another key",
    "alg none",
    "HS256 with the public key",
    "crit",
    "jwk",
    "jku",
    "a session token",
]


@pytest.mark.filterwarnings("ignore:.*key.*:")
@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_pass_is_a_bad_signature_and_admits_nobody(system, officer, someone, the_pass, kind) -> None:
    jwks = ok(system.http().get("/.well-known/jwks.json"))
    forged = _forged(kind, the_pass["token"], jwks, someone.client.token)
    answer = officer.scan(token=forged, id_check=MATCHED)
    assert answer.verdict == "bad_signature"
    assert answer.applicant is None
    assert someone.view(the_pass["reference"]).status == "issued"
    assert all(item.pass_ != the_pass["number"] for item in officer.send(calls.list_inside("PCS1")).items)


def test_the_wrong_id_does_not_admit(officer, someone, the_pass) -> None:
    answer = officer.scan(token=the_pass["token"], id_check={**MATCHED, "id_last4": "9999"})
    assert answer.verdict == "id_mismatch"
    assert someone.view(the_pass["reference"]).status == "issued"


def test_an_unknown_number_does_not_admit(officer) -> None:
    assert officer.scan(pass_number="00000000", id_check=MATCHED).verdict == "unknown_pass"


def test_a_pass_for_tomorrow_does_not_admit_today(system, department, officer) -> None:
    early = Applicant(system)
    _, summary = issued(
        early, department, known_to=officer, preferred=[slot(1)], decision=slot(1, "10:00", "12:00")
    )
    assert officer.scan(pass_number=summary.number, id_check=MATCHED).verdict == "not_yet_valid"


def test_a_pass_of_the_other_site_does_not_admit(system, department, officer) -> None:
    elsewhere = Applicant(system)
    there = next(site for site in elsewhere.send(calls.list_sites()).items if site.code == "PCS2")
    open_day = next(
        day
        for day in (slot(ahead, "10:00", "12:00") for ahead in range(1, 15))
        if windows_on(there, date.fromisoformat(day["date"]))
    )
    _, summary = issued(
        elsewhere,
        department,
        known_to=officer,
        site="PCS2",
        preferred=[open_day],
        decision={**open_day, "gate": "PCS2-G1"},
    )
    assert officer.scan(pass_number=summary.number, id_check=MATCHED).verdict == "wrong_site"


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


def test_a_pass_used_twice_does_not_admit_again(system, department, officer) -> None:
    twice = Applicant(system)
    _, summary = issued(twice, department, known_to=officer)
    nonce = str(uuid4())
    first = officer.scan(pass_number=summary.number, id_check=MATCHED, nonce=nonce)
    assert officer.scan(pass_number=summary.number, id_check=MATCHED, nonce=nonce) == first
    officer.scan(pass_number=summary.number, direction="exit")
    assert officer.scan(pass_number=summary.number, id_check=MATCHED).verdict == "already_used"


def test_a_preview_records_nothing(system, department, officer) -> None:
    looked_at = Applicant(system)
    reference, summary = issued(looked_at, department, known_to=officer)
    assert [officer.scan(pass_number=summary.number).verdict for _ in range(3)] == ["admit"] * 3
    assert looked_at.view(reference).status == "issued"


def test_today_is_allowed_while_time_remains(someone) -> None:
    now = datetime.now(IST)
    if now.hour < 1:
        past = slot(-2)
    else:
        past = {
            "date": now.date().isoformat(),
            "from": "00:00",
            "to": (now - timedelta(minutes=30)).strftime("%H:%M"),
        }
    assert field_errors(someone.post("/applications", application(preferred=[past])))
    someone.apply(preferred=[slot(0)])
