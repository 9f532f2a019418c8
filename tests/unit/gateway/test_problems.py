"""Every error is a problem (RFC 9457): its status, its code, its headers, and nothing of a person in it."""

import json
from typing import Any

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
from services.gateway import problems
from services.gateway.middleware.body_limit import LARGEST_BODY
from tests.support.factories.gateway import as_applicant, browser, stubbed

MAPPED: list[tuple[ContractError, int, dict[str, str]]] = [
    (InvalidInput.of("mobile", "not_a_mobile"), 422, {}),
    (NotFound(), 404, {}),
    (Forbidden(), 403, {}),
    (NotAuthenticated(), 401, {"www-authenticate": "Bearer"}),
    (
        Conflict(
            "already decided",
            code="already_decided",
            decided_by="HOM-0001",
            decided_at="2026-12-01T10:00:00Z",
        ),
        409,
        {},
    ),
    (IdempotencyKeyReused(), 422, {}),
    (TooManyAttempts(retry_after=17), 429, {"retry-after": "17"}),
    (TooManyAttempts(retry_after="17"), 429, {"retry-after": "17"}),
    (Unavailable(), 503, {"retry-after": "2"}),
    (InternalError(), 500, {}),
]


@pytest.mark.parametrize(("error", "status", "headers"), MAPPED, ids=lambda value: type(value).__name__)
async def test_each_error_of_the_contract_has_its_status(
    error: ContractError, status: int, headers: dict[str, str]
) -> None:
    app, _ = stubbed(application__list_applications=error)
    async with browser(app) as http:
        answer = await http.get("/api/v1/applications", headers=as_applicant())
    told = answer.json()
    assert answer.status_code == told["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert {name: answer.headers[name] for name in headers} == headers
    assert told["code"] == error.body.code
    assert told["type"] == f"/problems/{error.body.code}"
    assert told["detail"] == error.body.message
    assert told["correlation_id"] == answer.headers["x-request-id"]
    assert told.get("facts", {}) == error.body.facts
    assert told.get("errors", []) == [field.model_dump() for field in error.body.fields]


def test_the_table_has_every_error_of_the_contract() -> None:
    assert set(problems.STATUS_TABLE) == set(errors.BY_NAME.values())


OTP = "/api/v1/otp"
JSON = {"Content-Type": "application/json"}


async def ask(method: str, path: str, **request: Any) -> tuple[int, dict[str, Any]]:
    app, client = stubbed()
    async with browser(app) as http:
        answer = await http.request(method, path, **request)
    assert answer.headers["content-type"] == "application/problem+json"
    assert not client.asked, "a refused request reached a service"
    return answer.status_code, answer.json()


async def test_unknown_and_missing_fields_are_each_named() -> None:
    status, told = await ask("POST", OTP, json={"mobil": "98765 43210"})
    assert status == 422
    assert [(item["field"], item["code"]) for item in told["errors"]] == [
        ("mobile", "missing"),
        ("mobil", "extra_forbidden"),
    ]
    assert "98765" not in json.dumps(told)


async def test_an_unknown_field_deep_inside_is_named_by_its_path() -> None:
    app, client = stubbed()
    body = {"applicant": {"kind": "citizen", "name": "Gurpreet", "id_type": "voter_id", "id_last4": "4821", "aadhaar": "234123412346"},
            "site": "PCS1", "department": "home", "purpose_kind": "meeting", "purpose": "Licence",
            "preferred": [{"date": "2026-12-01", "from": "10:00", "to": "25:00"}]}  # fmt: skip
    async with browser(app) as http:
        answer = await http.post("/api/v1/applications", json=body, headers=as_applicant())
    assert answer.status_code == 422
    assert {item["field"] for item in answer.json()["errors"]} >= {"applicant.aadhaar", "preferred.0.to"}
    assert "234123412346" not in answer.text
    assert not client.was_asked("application.submit")


@pytest.mark.parametrize("body", [b"{", b"", b"[]", b"null", b'"text"', b"\xff\xfe"])
async def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    status, told = await ask("POST", OTP, content=body, headers=JSON)
    assert status in {400, 422}
    assert told["code"] in {"invalid_input", "bad_request"}


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", ""]
)
async def test_a_body_that_does_not_say_it_is_json_is_refused(kind: str) -> None:
    status, told = await ask("POST", OTP, content=b'{"mobile": "9876543210"}', headers={"Content-Type": kind})
    assert (status, told["code"]) == (415, "unsupported_media_type")


async def test_json_with_a_charset_is_json() -> None:
    app, _ = stubbed()
    async with browser(app) as http:
        answer = await http.post(
            OTP,
            content=b'{"mobile": "9876543210"}',
            headers={"Content-Type": "application/json; charset=utf-8"},
        )
    assert answer.status_code == 503  # it reached the table, which has no answer


async def test_a_body_that_is_too_large_is_refused_by_its_announced_length() -> None:
    status, told = await ask("POST", OTP, content=b" " * (LARGEST_BODY + 1), headers=JSON)
    assert (status, told["code"]) == (413, "body_too_large")


async def test_a_body_that_is_too_large_is_refused_even_where_none_is_read() -> None:
    status, _ = await ask(
        "POST", "/api/v1/applications/PCS-7K3M-9QW4/cancel", content=b" " * (LARGEST_BODY + 1), headers=JSON
    )
    assert status == 413


async def test_a_body_that_is_too_large_is_refused_without_an_announced_length() -> None:
    async def pieces() -> Any:
        for _ in range(20):
            yield b" " * 5_000

    status, told = await ask("POST", OTP, content=pieces(), headers=JSON)
    assert (status, told["code"]) == (413, "body_too_large")


async def test_a_body_of_the_largest_size_is_read() -> None:
    status, told = await ask(
        "POST", OTP, content=b'{"mobile": "' + b"9" * (LARGEST_BODY - 14) + b'"}', headers=JSON
    )
    assert (status, told["errors"][0]["code"]) == (422, "string_too_long")


async def test_an_unknown_path_and_a_wrong_method_are_problems_too() -> None:
    status, told = await ask("GET", "/api/v1/nothing")
    assert (status, told["code"]) == (404, "not_found")
    status, told = await ask("PUT", OTP)
    assert (status, told["code"]) == (405, "method_not_allowed")
    status, told = await ask("GET", "/static/../app.py")
    assert status == 404


async def test_a_fault_of_ours_is_told_without_its_text(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    app, _ = stubbed(application__list_applications=ValueError("Gurpreet Kaur +919876543210"))
    async with browser(app) as http:
        answer = await http.get("/api/v1/applications", headers=as_applicant())
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["content-security-policy"]
    assert "Gurpreet" not in answer.text


async def test_a_field_of_a_path_or_query_is_named_without_where_it_was() -> None:
    status, told = await ask("GET", "/api/v1/officers?department=../../etc")
    assert (status, told["errors"][0]["field"]) == (422, "department")
    assert "etc" not in json.dumps(told)


def test_more_than_one_field_may_be_wrong() -> None:
    error = InvalidInput("two", fields=(FieldError(field="a", code="x"), FieldError(field="b", code="y")))
    body = json.loads(bytes(problems.contract_error_response(error).body))
    assert [item["field"] for item in body["errors"]] == ["a", "b"]
