"""What a call raises where it has no answer to return."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.errors import ErrorBody, FieldError

if TYPE_CHECKING:
    import httpx


class Problem(Exception):
    """A refusal by the interface: a problem as RFC 9457 describes it.

    Attributes:
        status: the HTTP status.
        code: a word for programs and translations; ``http_502`` and the like where the answer is no problem
            document.
        detail: a sentence for developers, in English.
        fields: what is wrong with which field.
        facts: particulars, never personal.
        retry_after: seconds after which a repeat makes sense, None where the answer names none.
        correlation_id: the name of the request in the logs of e-Pass.
    """

    def __init__(self, response: httpx.Response) -> None:
        body: dict[str, object] = {}
        if response.headers.get("Content-Type", "").startswith("application/problem+json"):
            body = response.json()
        self.status = response.status_code
        self.code = str(body.get("code", f"http_{self.status}"))
        self.detail = str(body.get("detail", response.reason_phrase))
        shared = ErrorBody.model_validate(
            {
                "code": self.code,
                "message": self.detail,
                "fields": body.get("errors", ()),
                "facts": body.get("facts", {}),
            }
        )
        self.fields: tuple[FieldError, ...] = shared.fields
        self.facts: dict[str, str | int] = shared.facts
        retry_after = response.headers.get("Retry-After", "")
        self.retry_after = int(retry_after) if retry_after.isdigit() else None
        self.correlation_id = str(body.get("correlation_id", ""))
        super().__init__(f"{self.status} {self.code}: {self.detail}")

    @property
    def outcome_unknown(self) -> bool:
        """Return whether a part was down (503), so that nobody knows whether the command took effect."""
        return self.status == 503


class NoAnswer(Exception):
    """A connection that was refused, lost or timed out: the outcome of the call is unknown.

    Attributes:
        reason: the name of httpx's error, such as ``ConnectError`` or ``ReadTimeout``.
    """

    def __init__(self, error: httpx.TransportError) -> None:
        self.reason = type(error).__name__
        super().__init__(f"no answer: {self.reason}")
