"""Every error as a problem (RFC 9457, ``application/problem+json``): the one table from contract error to status."""

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
_OUTSIDE = ("body", "query", "path", "header", "cookie")
"""Where FastAPI found a field; not part of the field's name."""


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
class Kind:
    """How one kind of contract error is told over HTTP."""

    status: int
    title: str
    headers: Mapping[str, str] = field(default_factory=dict)


TABLE: dict[type[ContractError], Kind] = {
    errors.InvalidInput: Kind(422, "The request has something that is not accepted"),
    errors.NotFound: Kind(404, "There is no such thing"),
    errors.Forbidden: Kind(403, "Not allowed"),
    errors.NotAuthenticated: Kind(401, "Not signed in", {"WWW-Authenticate": "Bearer"}),
    errors.Conflict: Kind(409, "The present state does not allow it"),
    errors.IdempotencyKeyReused: Kind(422, "The Idempotency-Key was used with another request"),
    errors.TooManyAttempts: Kind(429, "Too many attempts"),
    errors.Unavailable: Kind(
        503, "Outcome unknown: repeat with the same Idempotency-Key", {"Retry-After": str(RETRY_SECONDS)}
    ),
    errors.InternalError: Kind(500, "A fault of ours"),
}
_HTTP_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}


def problem(status: int, code: str, title: str, detail: str, **more: Any) -> Problem:
    """A problem of this request."""
    return Problem(
        type=f"/problems/{code}",
        title=title,
        status=status,
        code=code,
        detail=detail,
        correlation_id=logs.correlation_id(),
        **more,
    )


def answer(content: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The response; ``errors`` and ``facts`` are there only where there are some."""
    body = content.model_dump_json(
        exclude={name for name in ("errors", "facts") if not getattr(content, name)}
    )
    return Response(body, content.status, {"Cache-Control": "no-store", **(headers or {})}, MEDIA_TYPE)


def of_contract_error(error: ContractError) -> Response:
    """The response to a contract error."""
    kind = next(TABLE[known] for known in type(error).__mro__ if known in TABLE)
    body = error.body
    headers = dict(kind.headers)
    if "retry_after" in body.facts:
        headers["Retry-After"] = str(math.ceil(float(body.facts["retry_after"])))
    return answer(
        problem(kind.status, body.code, kind.title, body.message, errors=body.fields, facts=body.facts),
        headers,
    )


def of_http(status: int, detail: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """The response to an error of HTTP itself."""
    phrase = HTTPStatus(status).phrase
    return answer(
        problem(status, _HTTP_CODES.get(status, phrase.lower().replace(" ", "_")), phrase, detail or phrase),
        headers,
    )


def invalid(found: Sequence[Any]) -> InvalidInput:
    """A contract error from pydantic's list; it names fields and rules and never a value."""
    return InvalidInput(
        "the request has fields that are missing, unknown or not accepted",
        fields=tuple(
            FieldError(field=_name(item["loc"]), code=item["type"], message=item["msg"]) for item in found
        ),
    )


def _name(location: Sequence[str | int]) -> str:
    inner = location[1:] if location and location[0] in _OUTSIDE else location
    return ".".join(str(part) for part in inner)


async def _on_contract_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ContractError)
    return of_contract_error(error)


async def _on_http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return of_http(error.status_code, error.detail, error.headers)


async def _on_invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError | ValidationError)
    return of_contract_error(invalid(error.errors()))


async def on_fault(_request: Request, error: Exception) -> Response:
    """What nobody expected: told without its text, logged without its text."""
    log.error("request failed", exc_info=error)
    return of_contract_error(InternalError("the gateway failed"))


HANDLERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    ContractError: _on_contract_error,
    HTTPException: _on_http_error,
    RequestValidationError: _on_invalid,
    ValidationError: _on_invalid,
}
"""What is expected; anything else ends in :func:`on_fault`."""
