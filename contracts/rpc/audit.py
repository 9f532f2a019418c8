"""What every service answers about its audit log: its rows to auditors, and its published heads."""

from datetime import date
from uuid import UUID

from pydantic import Field

from contracts.model import Instant, Strict, Wire
from contracts.rpc.call import Method, Page


class AuditQuestion(Page):
    """Which rows are wanted; what is left out admits all."""

    actor: str | None = Field(default=None, max_length=100)
    """A login, or the keyed name of an applicant as a row has it."""
    object: str | None = Field(default=None, max_length=100)
    """A reference, a pass number, a login, an id, the applicant whom an operator helped, or a search as a row
    has it."""
    first: date | None = None
    last: date | None = None
    """Days in Indian Standard Time."""
    actions: tuple[str, ...] = Field(default=(), max_length=200)
    """Names of RPCs; none admits all."""
    refused: bool = False
    """Only what was refused."""
    export: bool = False
    """It is for a file of the log, which the log says, and not that somebody looked at it."""


class AuditEntry(Wire):
    """Who looked at or did what."""

    id: UUID
    service: str
    at: Instant
    actor: str
    role: str
    action: str
    """The name of the RPC."""
    objects: tuple[str, ...]
    result: str
    """``done``, ``repeated`` for a command that had been carried out before, or the code of the refusal.

    ``refreshed`` is a look that an open page took by itself.
    """
    address: str
    """A keyed hash of the network address; of several in a row, of their block (/48 of IPv6), or none."""
    times: int = 1
    """How often it was refused in this minute, to somebody without a login."""
    addresses: int = 0
    """Of a row of several addresses, how many those were."""


class AuditEntries(Wire):
    """A page, the newest first."""

    items: tuple[AuditEntry, ...]
    next: str | None = None


class LookQuestion(Strict):
    """Since when it is asked who has looked at most people, and by which looks."""

    since: Instant
    actions: tuple[str, ...] = Field(max_length=200)
    """Names of RPCs."""


class Looker(Wire):
    """How much a login has looked at in one service."""

    actor: str
    role: str
    looks: int
    people: int
    """Of how many references, else passes, else logins its rows name; each once."""


class Lookers(Wire):
    """Those who have looked at most people, the most first."""

    items: tuple[Looker, ...]


class HeadQuestion(Page):
    """Which heads are wanted."""


class AuditHead(Wire):
    """The end of the chain of a service at some time, signed."""

    id: UUID
    service: str
    number: int
    """Of the seal."""
    head: str
    """Its SHA-256."""
    signed_at: Instant
    signature: str
    """The name of the service's key, a full stop, and the Ed25519 signature, base64url."""


class AuditHeads(Wire):
    """GET /.well-known/audit-heads: a page, the newest first."""

    items: tuple[AuditHead, ...]
    next: str | None = None


def most_looks(service: str) -> Method[LookQuestion, Lookers]:
    """Return the method by which a service says who has looked at most people in it."""
    return Method(
        service, "most_looks", LookQuestion, Lookers, names_people=True, said="Who looked at the most people"
    )
