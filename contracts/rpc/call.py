"""What every RPC has: who asks, until when, and the name, request and reply of a method."""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar
from uuid import UUID

from pydantic import Field

from contracts.model import Instant, Role, Wire

Q = TypeVar("Q", bound=Wire)
R = TypeVar("R", bound=Wire)


class Principal(Wire):
    """Who asks. An applicant is known by the mobile that an OTP proved; staff by a login with a role and a scope.

    An applicant with a ``login_id`` is helped by that operator, who sits beside and types.
    """

    kind: Literal["anonymous", "applicant", "staff"] = "anonymous"
    id: str = "anonymous"
    """Scope of idempotency keys: a login ID, or a keyed hash of a mobile, or an address."""
    role: Role | None = None
    mobile: str | None = None
    login_id: str | None = None
    site: str | None = None
    department: str | None = None
    gate: str | None = None
    sid: UUID | None = None
    kiosk: str | None = None
    """The enrolled device at which an applicant stands; ``site`` is the device's then."""


class Call(Wire):
    """What accompanies a request: who asks, until when an answer is of use, and under which key a repeat is one."""

    principal: Principal = Principal()
    deadline: Instant
    idempotency_key: str | None = Field(default=None, max_length=200)
    correlation_id: str = ""
    traceparent: str | None = None
    address: str = ""
    """A keyed hash of the caller's network address, for limits."""


@dataclass(frozen=True)
class Method(Generic[Q, R]):
    """One RPC."""

    service: str
    name: str
    request: type[Q]
    reply: type[R]
    command: bool = False
    """Whether it changes state."""
    carries_key: bool = False
    """Whether the request itself carries the key that makes a repeat safe, as a scan carries its nonce."""


class Nothing(Wire):
    """No question, or no answer."""


class Page(Wire):
    """Which part of a list: pass ``next`` of the answer as ``after``."""

    after: str | None = None
    limit: int = Field(default=50, ge=1, le=200)
