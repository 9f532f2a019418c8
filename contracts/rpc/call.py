"""What every RPC has: the caller, a deadline, and a method with its name, request and reply."""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar
from uuid import UUID

from pydantic import Field

from contracts.errors import FieldError
from contracts.examples import example_of
from contracts.model import Instant, Role, Wire

Q = TypeVar("Q", bound=Wire)
R = TypeVar("R", bound=Wire)


class Proof(Wire):
    """What proves a principal to the services, whatever the gateway says: tokens that accounts has signed."""

    session: str
    """The token of the applicant or of the login."""
    device: str | None = None
    """The token of the kiosk at which an applicant stands, or of the gate device that a guard uses."""
    operator: str | None = None
    """The token of the operator who types for an applicant."""
    keys: tuple[str, ...] = ()
    """Of each key that signed one of them, accounts' word for it (`contracts.tokens.SessionKeyClaims`)."""


class Principal(Wire):
    """The caller. An applicant is known by the mobile that an OTP proved, staff by a login with a role and a
    scope.

    An applicant with a ``login_id`` is helped by that operator, who types for them.
    """

    kind: Literal["anonymous", "applicant", "staff"] = "anonymous"
    id: str = "anonymous"
    """The scope of idempotency keys: a login ID, or a keyed hash of a mobile or of an address."""
    role: Role | None = None
    mobile: str | None = None
    login_id: str | None = None
    site: str | None = None
    department: str | None = None
    gate: str | None = None
    assistant_of: str | None = None
    """The officer whom this login of a department assists; it decides only where a delegation says so."""
    sid: UUID | None = None
    factor_at: int | None = None
    """When this session has last shown a second factor, as its token says."""
    kiosk: str | None = None
    """The enrolled device that an applicant uses; ``site`` is the device's then."""
    gate_device: str | None = None
    """The enrolled device of a gate that a guard uses."""
    proof: Proof | None = Field(default=None, repr=False)
    """Only on the way: a service checks it and removes it before the call is handled."""


class Call(Wire):
    """What accompanies a request: its caller, its deadline and its idempotency key."""

    principal: Principal = Principal()
    deadline: Instant
    sent_at: Instant | None = None
    """By the same clock as the deadline, so that a service notices that its own clock differs."""
    caller: str = Field(default="", max_length=64)
    """The process that calls: each may have a clock of its own."""
    idempotency_key: str | None = Field(default=None, max_length=200)
    problems: tuple[FieldError, ...] = ()
    """What the gateway found wrong with a command in what another service knows. The service refuses a new
    command with them; a repeat of one that was carried out gets its answer."""
    correlation_id: str = ""
    traceparent: str | None = None
    address: str = ""
    """A keyed hash of the caller's network address, for rate limits."""
    block: str = ""
    """The same of the block that whoever rents a server gets (/48 of IPv6); empty for ``address``."""
    by_itself: bool = False
    """An open page asks again by itself; no person asked for it."""


Callers = Literal[
    "anyone",
    "signing_in",
    "applicant",
    "pass_holder",
    "signed_in",
    "staff",
    "ado",
    "reception",
    "department",
    "closer",
    "closure_reader",
    "watcher",
    "security",
    "guard",
    "guard_on_device",
    "guard_of_site",
]
"""Who may call an operation of the JSON interface; `services/gateway/access/callers.py` says who that is."""


@dataclass(frozen=True)
class Http:
    """The operation of the JSON interface that makes a call. Its fields are those of the request.

    What the path names is in the path. Of the rest, the fields of a GET are in the query, and those of
    another verb are the body. A command takes an Idempotency-Key, unless its request carries one.
    """

    callers: Callers
    name: str
    """The name of its function in `epass_client.calls`; in camel case it is the ``operationId``."""
    route: str
    """The verb and the path below ``/api/v1``."""
    does: str
    """What it does, for who calls it. The first sentence is its summary."""
    status: int = 200
    limit: str | None = None
    """The class of limits by address, of `gateway/edge/rate_limits.py`. Who needs no session has one."""


@dataclass(frozen=True)
class Method(Generic[Q, R]):
    """One RPC, and all that is said about it elsewhere: its place in the JSON interface, the audit log."""

    service: str
    name: str
    request: type[Q]
    reply: type[R]
    command: bool = False
    """Whether it changes state. The session of its handler, if that names one, is one transaction then."""
    in_transaction: bool = False
    """Whether a question is answered in one transaction, too, because it stores or locks something."""
    http: Http | None = None
    """None where only pages and the gateway call it."""
    said: str = ""
    """What the audit log says that somebody did or looked at. Each command and each look at people has it."""
    carries_key: bool = False
    """Whether the request itself carries the key that makes a repeat safe, as a scan carries its nonce."""
    names_people: bool = False
    """Whether its reply names people, so that a look of staff is recorded. Each command is recorded."""
    polled: bool = False
    """Whether open pages ask it by themselves, or files in parts: what shows nothing new is no look."""
    keeps_own_record: bool = False
    """Whether its handler records what was done, as a scan is a record itself."""
    fresh: bool = False
    """Whether its caller must have shown their second factor within five minutes: it harms many people, or
    gives or takes access. Who needs none goes on (`contracts.second_factor.require_fresh`)."""
    together: bool = False
    """Whether calls that wait may share a message. Its service handles those of a message in one piece."""

    @property
    def example(self) -> Q:
        """An example of its request, made of those of the fields (`contracts.examples`)."""
        return self.request.model_validate(example_of(self.request))

    @property
    def reply_example(self) -> R:
        """An example of its reply, of the same visit."""
        return self.reply.model_validate(example_of(self.reply))


class Nothing(Wire):
    """A request or a reply without content."""


class Page(Wire):
    """The part of a list that is wanted: pass ``next`` of the last reply as ``after``."""

    after: str | None = Field(default=None, max_length=200, description="The `next` of the page before.")
    limit: int = Field(default=50, ge=1, le=200)
