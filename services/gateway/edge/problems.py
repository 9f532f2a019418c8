"""Errors as problem details (RFC 9457): the one table from contract error to status, and the handlers."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError
from starlette.exceptions import HTTPException

from contracts import errors
from contracts.errors import ContractError, FieldError, InternalError, InvalidInput
from contracts.model import Wire
from services.chassis.runtime import logs

log = logs.logger(__name__)
MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2
_SOURCES = ("body", "query", "path", "header", "cookie")
"""The first part of FastAPI's locations: where in the request a field stands.

It is no part of the field's name.
"""


class Problem(Wire):
    """What went wrong, for programs and people (RFC 9457)."""

    type: str = Field(examples=["/problems/conflict"])
    title: str
    status: int
    code: str = Field(description="A word for programs and translations.")
    detail: str = Field(description="A sentence for developers, in English.")
    errors: tuple[FieldError, ...] = Field(default=(), description="What is wrong with which field.")
    facts: dict[str, str | int] = Field(
        default_factory=dict, description="Particulars, never personal: who decided already, and when."
    )
    correlation_id: str = Field(description="Names this request in the logs.")


@dataclass(frozen=True)
class Answer:
    """How one class of contract error is answered over HTTP."""

    status: int
    title: str
    headers: Mapping[str, str] = field(default_factory=dict)


STATUS_TABLE: dict[type[ContractError], Answer] = {
    errors.InvalidInput: Answer(422, "The request has something that is not accepted"),
    errors.NotFound: Answer(404, "There is no such thing"),
    errors.Forbidden: Answer(403, "Not allowed"),
    errors.NotAuthenticated: Answer(401, "Not signed in", {"WWW-Authenticate": "Bearer"}),
    errors.Conflict: Answer(409, "The present state does not allow it"),
    errors.IdempotencyKeyReused: Answer(422, "The Idempotency-Key was used with another request"),
    errors.TooManyAttempts: Answer(429, "Too many attempts"),
    errors.Unavailable: Answer(
        503, "Outcome unknown: repeat with the same Idempotency-Key", {"Retry-After": str(RETRY_SECONDS)}
    ),
    errors.InternalError: Answer(500, "A fault of ours"),
}
_HTTP_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}


def problem(status: int, code: str, title: str, detail: str, **more: Any) -> Problem:
    """Return a problem of the current request."""
    return Problem(
        type=f"/problems/{code}",
        title=title,
        status=status,
        code=code,
        detail=detail,
        correlation_id=logs.correlation_id(),
        **more,
    )


def response(content: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response to a problem. It has ``errors`` and ``facts`` only where there are some."""
    body = content.model_dump_json(
        exclude={name for name in ("errors", "facts") if not getattr(content, name)}
    )
    return Response(body, content.status, {"Cache-Control": "no-store", **(headers or {})}, MEDIA_TYPE)


def contract_error_response(error: ContractError) -> Response:
    """Return the response to a contract error."""
    row = next(STATUS_TABLE[known] for known in type(error).__mro__ if known in STATUS_TABLE)
    body = error.body
    headers = dict(row.headers)
    if "retry_after" in body.facts:
        headers["Retry-After"] = str(math.ceil(float(body.facts["retry_after"])))
    return response(
        problem(row.status, body.code, row.title, body.message, errors=body.fields, facts=body.facts), headers
    )


def http_error_response(status: int, detail: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """Return the response to an error of HTTP itself."""
    phrase = HTTPStatus(status).phrase
    return response(
        problem(status, _HTTP_CODES.get(status, phrase.lower().replace(" ", "_")), phrase, detail or phrase),
        headers,
    )


def invalid_input(found: Sequence[Any]) -> InvalidInput:
    """Return the contract error for a list of pydantic's errors; it names fields and rules, never a value."""
    fields = []
    for item in found:
        source, *inner = item["loc"] or ("",)
        path = inner if source in _SOURCES else item["loc"]
        name = ".".join(str(part) for part in path)
        fields.append(FieldError(field=name, code=item["type"], message=item["msg"]))
    return InvalidInput(
        "the request has fields that are missing, unknown or not accepted", fields=tuple(fields)
    )


async def _on_expected(_request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return http_error_response(error.status_code, error.detail, error.headers)
    if isinstance(error, RequestValidationError | ValidationError):
        error = invalid_input(error.errors())
    assert isinstance(error, ContractError)
    return contract_error_response(error)


async def on_fault(_request: Request, error: Exception) -> Response:
    """Answer an unexpected exception. Its text is neither sent nor logged."""
    log.error("request failed", exc_info=error)
    return contract_error_response(InternalError("the gateway failed"))


HANDLERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = dict.fromkeys(
    (ContractError, HTTPException, RequestValidationError, ValidationError), _on_expected
)
"""Handlers of expected errors. Any other exception is handled by `on_fault`."""
