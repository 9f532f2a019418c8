"""Every error is a problem (RFC 9457): its status, its code, its headers, and nothing of a person in it."""

import json

import pytest

from contracts import errors
from contracts.errors import (
    Conflict,
    ContractError,
    FieldError,
    Forbidden,
    IdempotencyKeyReused,
    InternalError,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    TooManyAttempts,
    Unavailable,
)
from services.gateway.edge import problems
from tests.support.factories.gateway import as_applicant, browsing, send_refused
from tests.support.system.actors import application

MAPPED: list[tuple[ContractError, int, dict[str, str]]] = [
    (InvalidInput.of("mobile", "not_a_mobile"), 422, {}),
    (NotFound(), 404, {}),
    (Forbidden(), 403, {}),
    (NotAuthenticated(), 401, {"www-authenticate": "Bearer"}),
    (Conflict("already decided", code="already_decided", decided_by="HOM-0001"), 409, {}),
    (IdempotencyKeyReused(), 422, {}),
    (TooManyAttempts(retry_after=17), 429, {"retry-after": "17"}),
    (TooManyAttempts(retry_after="17"), 429, {"retry-after": "17"}),
    (Unavailable(), 503, {"retry-after": "2"}),
    (InternalError(), 500, {}),
]


@pytest.mark.parametrize(("error", "status", "headers"), MAPPED, ids=lambda value: type(value).__name__)
async def test_each_contract_error_has_its_status(
    error: ContractError, status: int, headers: dict[str, str]
) -> None:
    async with browsing(application__list_applications=error) as (http, _):
        answer = await http.get("/api/v1/applications", headers=as_applicant())
    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert {name: answer.headers[name] for name in headers} == headers
    assert problem["code"] == error.body.code
    assert problem["type"] == f"/problems/{error.body.code}"
    assert problem["detail"] == error.body.message
    assert problem["correlation_id"] == answer.headers["x-request-id"]
    assert problem.get("facts", {}) == error.body.facts
    assert problem.get("errors", []) == [field.model_dump() for field in error.body.fields]


def test_the_status_table_has_every_contract_error() -> None:
    assert set(problems.STATUS_TABLE) == set(errors.BY_NAME.values())


OTP = "/api/v1/otp"
JSON = {"Content-Type": "application/json"}


async def test_unknown_and_missing_fields_are_each_named() -> None:
    status, problem = await send_refused("POST", OTP, json={"mobil": "98765 43210"})
    assert status == 422
    assert [(item["field"], item["code"]) for item in problem["errors"]] == [
        ("mobile", "missing"),
        ("mobil", "extra_forbidden"),
    ]
    assert "98765" not in json.dumps(problem)


async def test_a_nested_unknown_field_is_named_by_its_path() -> None:
    wish = {"date": "2026-12-01", "from": "10:00", "to": "25:00"}
    body = application(applicant={"aadhaar": "234123412346"}, preferred=[wish])
    async with browsing() as (http, client):
        answer = await http.post("/api/v1/applications", json=body, headers=as_applicant())
    assert answer.status_code == 422
    assert {item["field"] for item in answer.json()["errors"]} >= {"applicant.aadhaar", "preferred.0.to"}
    assert "234123412346" not in answer.text
    assert not client.was_asked("application.submit")


@pytest.mark.parametrize("body", [b"{", b"", b"[]", b"null", b'"text"', b"\xff\xfe"])
async def test_a_body_that_is_not_a_json_object_is_refused(body: bytes) -> None:
    status, problem = await send_refused("POST", OTP, content=body, headers=JSON)
    assert status in {400, 422}
    assert problem["code"] in {"invalid_input", "bad_request"}


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", ""]
)
async def test_a_body_with_a_content_type_other_than_json_is_refused(kind: str) -> None:
    status, problem = await send_refused(
        "POST", OTP, content=b'{"mobile": "9876543210"}', headers={"Content-Type": kind}
    )
    assert (status, problem["code"]) == (415, "unsupported_media_type")


async def test_a_json_content_type_may_have_a_charset() -> None:
    async with browsing() as (http, _):
        answer = await http.post(
            OTP,
            content=b'{"mobile": "9876543210"}',
            headers={"Content-Type": "application/json; charset=utf-8"},
        )
    assert answer.status_code == 503  # it reached the table, which has no answer


async def test_an_unknown_path_and_a_wrong_method_are_answered_with_problems() -> None:
    status, problem = await send_refused("GET", "/api/v1/nothing")
    assert (status, problem["code"]) == (404, "not_found")
    status, problem = await send_refused("PUT", OTP)
    assert (status, problem["code"]) == (405, "method_not_allowed")
    status, problem = await send_refused("GET", "/static/../app.py")
    assert status == 404


async def test_an_unexpected_exception_is_answered_without_its_text(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    fault = ValueError("Gurpreet Kaur +919876543210")
    async with browsing(application__list_applications=fault) as (http, _):
        answer = await http.get("/api/v1/applications", headers=as_applicant())
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["content-security-policy"]
    assert "Gurpreet" not in answer.text


async def test_a_wrong_query_parameter_is_named_without_its_source() -> None:
    status, problem = await send_refused("GET", "/api/v1/officers?department=../../etc")
    assert (status, problem["errors"][0]["field"]) == (422, "department")
    assert "etc" not in json.dumps(problem)


def test_a_problem_names_every_wrong_field() -> None:
    error = InvalidInput("two", fields=(FieldError(field="a", code="x"), FieldError(field="b", code="y")))
    body = json.loads(bytes(problems.contract_error_response(error).body))
    assert [item["field"] for item in body["errors"]] == ["a", "b"]
