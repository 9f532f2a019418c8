"""Errors that may cross a service boundary. The gateway's one table turns each into an HTTP status.

An error carries a code (a word that front ends translate), a sentence for developers in plain English, and, for bad
input, the fields with a code each. None carries personal data.
"""

from typing import Any

from pydantic import Field

from contracts.model import Wire


class FieldError(Wire):
    """What is wrong with one field: its path (``applicant.id_last4``) and a code the pages translate."""

    field: str
    code: str
    message: str = ""


class ErrorBody(Wire):
    """An error as it travels in an RPC reply."""

    code: str
    message: str
    fields: tuple[FieldError, ...] = ()
    facts: dict[str, str | int] = Field(default_factory=dict)
    """Facts that the reader needs, such as who decided already and when."""


class ContractError(Exception):
    """The base. ``code`` tells apart what one class covers.

    The one argument of the exception is its body as JSON: nameko turns every number in an exception's arguments into text.

    Args:
        message: a sentence for developers.
        code: a word for programs and translations; the class's own where left out.
        fields: what is wrong with which field.
        facts: what the reader needs to know, never personal.
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
    """A field says something that is not accepted. Nothing was changed."""

    code = "invalid_input"

    @classmethod
    def of(cls, field: str, code: str, message: str = "") -> "InvalidInput":
        """One field, one problem."""
        return cls(
            message or f"{field}: {code.replace('_', ' ')}",
            fields=(FieldError(field=field, code=code, message=message),),
        )


class NotFound(ContractError):
    """There is no such thing, or not for this principal; the two are not told apart."""

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


class Unavailable(ContractError):
    """A part that is needed is down, or did not answer in time: the outcome is unknown, repeat with the same key."""

    code = "unavailable"


class InternalError(ContractError):
    """A fault of ours; the log has more under the correlation id."""

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
    """The error that a reply describes; one that is not of this table is an InternalError."""
    kind = BY_NAME.get(exc_type)
    if kind is None or not exc_args or not isinstance(exc_args[0], str):
        return InternalError("the service failed")
    body = ErrorBody.model_validate_json(exc_args[0])
    return kind(body.message, code=body.code, fields=body.fields, **body.facts)
