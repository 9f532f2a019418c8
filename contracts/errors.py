"""Errors that may cross a service boundary. One table of the gateway maps each to an HTTP status.

An error carries a code (a word that front ends translate), a sentence for developers in plain English, and,
for bad input, the fields with a code each. None carries personal data.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from math import ceil
from typing import Any

from pydantic import Field

from contracts.model import Wire


class FieldError(Wire):
    """Problem of one field: its path (``applicant.id_last4``) and a code the pages translate."""

    field: str
    code: str
    message: str = ""


class ErrorBody(Wire):
    """Error as an RPC reply carries it."""

    code: str
    message: str
    fields: tuple[FieldError, ...] = ()
    facts: dict[str, str | int] = Field(default_factory=dict)
    """Facts that the caller needs, such as who decided already and when."""


class ContractError(Exception):
    """Base of all errors. ``code`` distinguishes the cases of one class.

    The one argument of the exception is its body as JSON: nameko turns every number in an exception's
    arguments into text.

    Args:
        message: a sentence for developers.
        code: a word for programs and translations; the class's own if left out.
        fields: the problems of fields.
        facts: what the caller needs to know; never personal.
    """

    code = "error"

    def __init__(
        self, message: str = "", *, code: str = "", fields: tuple[FieldError, ...] = (), **facts: str | int
    ) -> None:
        self.body = ErrorBody(
            code=code or self.code,
            message=message or (code or self.code).replace("_", " "),
            fields=fields,
            facts=facts,
        )
        super().__init__(self.body.model_dump_json())


class InvalidInput(ContractError):
    """The input is not acceptable. Nothing was changed."""

    code = "invalid_input"

    @classmethod
    def of(cls, field: str, code: str, message: str = "") -> "InvalidInput":
        """Return the error for one problem of one field."""
        return cls(
            message or f"{field}: {code.replace('_', ' ')}",
            fields=(FieldError(field=field, code=code, message=message),),
        )

    @classmethod
    def of_all(
        cls, message: str, problems: Iterable[tuple[str, str]], sentences: Mapping[str, str]
    ) -> "InvalidInput":
        """Return the error for several problems, each a field and a code that has one of the sentences."""
        fields = (FieldError(field=field, code=code, message=sentences[code]) for field, code in problems)
        return cls(message, fields=tuple(fields))


class NotFound(ContractError):
    """Nothing such exists, or not for this principal; the error does not reveal which."""

    code = "not_found"


class Forbidden(ContractError):
    """The principal's role or scope does not cover this."""

    code = "forbidden"


class NotAuthenticated(ContractError):
    """No session, an ended session, or a wrong login or code."""

    code = "not_authenticated"


class Conflict(ContractError):
    """The state does not allow it, such as a second decision."""

    code = "conflict"


class IdempotencyKeyReused(ContractError):
    """The key was used with another body."""

    code = "idempotency_key_reused"


class TooManyAttempts(ContractError):
    """A limit was reached; fact ``retry_after`` in seconds."""

    code = "too_many_attempts"

    @classmethod
    def until(cls, end: datetime, now: datetime, message: str, **facts: Any) -> "TooManyAttempts":
        """Return the error of who may try again from an instant on, which is to come."""
        return cls(message, retry_after=max(ceil((end - now).total_seconds()), 1), **facts)


class Unavailable(ContractError):
    """A part that is needed is down or did not answer in time.

    The outcome is unknown; repeat with the same key.
    """

    code = "unavailable"


class InternalError(ContractError):
    """A fault of the service; its log has more under the correlation id."""

    code = "internal_error"


BY_NAME: dict[str, type[ContractError]] = {
    kind.__name__: kind
    for kind in (
        InvalidInput,
        NotFound,
        Forbidden,
        NotAuthenticated,
        Conflict,
        IdempotencyKeyReused,
        TooManyAttempts,
        Unavailable,
        InternalError,
    )
}


def rebuild(exc_type: str, exc_args: list[Any]) -> ContractError:
    """Return the error that a reply describes; `InternalError` if it is not in the table."""
    kind = BY_NAME.get(exc_type)
    if kind is None or not exc_args or not isinstance(exc_args[0], str):
        return InternalError("the service failed")
    body = ErrorBody.model_validate_json(exc_args[0])
    return kind(body.message, code=body.code, fields=body.fields, **body.facts)
