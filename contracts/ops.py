"""What the exporter tells the gateway over HTTP, for the pages of operations. Nothing in it is personal."""

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

from pydantic import Field

from contracts.model import Code, Instant, Strict, Wire

T = TypeVar("T", bound=Wire)
ProcessState = Literal["ready", "not_ready", "no_answer"]
STATES: tuple[ProcessState, ...] = get_args(ProcessState)
Breaker = Literal["closed", "half_open", "open"]
BREAKERS: tuple[Breaker, ...] = get_args(Breaker)
"""In the order of their numbers in ``epass_provider_breaker``."""
FIRST_START = datetime(2020, 1, 1, tzinfo=UTC)
LAST_START = datetime(2200, 1, 1, tzinfo=UTC)
"""A process that says that it began before or after these times is not believed."""


class Part(Wire, Generic[T]):
    """One thing at which the exporter looks again and again."""

    answers: bool = False
    """Whether the last look succeeded; if not, ``items`` are as of ``looked_at``."""
    looked_at: Instant | None = None
    """When a look succeeded last; None if none has since the exporter began."""
    items: tuple[T, ...] = ()


class VendorView(Wire):
    """What one sender says of one vendor."""

    provider: Annotated[str, Field(max_length=40)]
    breaker: Breaker | None = None
    """Whether it leaves the vendor alone because that fails; None if it does not say."""
    quota: int | None = None
    """Messages that the vendor takes within a day; None where it has no such limit."""
    quota_left: int | None = None


class JobView(Wire):
    """One periodic job of one process."""

    name: Annotated[str, Field(max_length=60)]
    interval: Annotated[float, Field(ge=0, le=1e9)]
    """Seconds from one run to the next."""
    age: Annotated[float, Field(ge=0, le=1e9)]
    """Seconds since it succeeded last; before the first time, since the process runs it."""

    @property
    def is_late(self) -> bool:
        """Whether it has missed three runs, and a minute at least."""
        return self.age > max(3 * self.interval, 60)


class ProcessView(Wire):
    """One process that serves ``/readyz`` and ``/metrics``."""

    name: str
    address: str = ""
    """Where it answers; empty where its name leads nowhere."""
    state: ProcessState
    failing: tuple[Annotated[str, Field(max_length=60)], ...] = Field((), max_length=50)
    """The checks of its ``/readyz`` that fail."""
    version: str = Field("", max_length=40)
    began_at: Instant | None = Field(None, ge=FIRST_START, le=LAST_START)
    clock_skew: float | None = Field(None, ge=-1e9, le=1e9)
    """Seconds by which its clock is ahead of the gateways'; None if it measures none."""
    answered_at: Instant | None = None
    revocations_seconds: float | None = None
    """Of a gateway: how old the list of revoked passes is that it serves; infinite where it does not know."""
    vendors: tuple[VendorView, ...] = Field((), max_length=20)
    """Of a sender: the vendors that it gives messages to."""
    jobs: tuple[JobView, ...] = Field((), max_length=100)


class QueueView(Wire):
    """A consumer's queue with its dead letters, or a delay queue, which has neither consumers nor letters."""

    queue: str
    messages: int
    consumers: int | None = None
    not_empty_since: Instant | None = None
    """Since when no look has found it empty: no message in it waits for longer, but for the last interval."""
    dead_letters: int = 0


class RefusedJob(Wire):
    """A job that erases, expires or drops something, and that does not run because a clock is in doubt."""

    name: str = Field(max_length=60)
    since: Instant
    reason: Literal["clock", "leap", "share"]
    detail: str = Field("", max_length=200)


class OutboxView(Wire):
    """The outbox of one database, and what that database refuses to destroy."""

    database: str
    answers: bool = False
    looked_at: Instant | None = None
    waiting: int = 0
    oldest_seconds: float = 0
    writable: bool = True
    """Whether the database takes changes."""
    refused: tuple[RefusedJob, ...] = ()


class ChannelView(Wire):
    """What became of the messages of the last day on one channel."""

    channel: str
    delivered: int
    waiting: int
    failed: int
    last_delivered_at: Instant | None = None
    repeated: int = 0
    """Messages that were tried again although an earlier try may have arrived."""
    reasons: tuple[str, ...] = ()
    """Why tries of the last hour failed, the most frequent first; three at most."""
    unknown_opt_outs: int = 0
    """People who wanted no messages within some days, and of whom nobody knows who they are."""


class LaneView(Wire):
    """What waits to be sent in one lane: one-time codes (``otp``), or all others (``normal``)."""

    lane: str
    waiting: int
    oldest_seconds: float = 0
    """A code has waited since it was asked for, any other message since it is due."""


class ReceiptView(Wire):
    """What one vendor has told of the messages of the last day that it accepted."""

    provider: str
    accepted: int
    """Of which it tells what becomes, and that had ten minutes for it."""
    told: int
    """Those of which it has told that they arrived, or will not."""
    last_at: Instant | None = None
    """When its last report came."""


class GateView(Wire):
    """What was scanned at a gate within the last day."""

    gate: str
    scans: int
    last_scan_at: Instant | None = None
    clock_ahead: float | None = None
    """Seconds by which the gate's time of a scan was ahead of ours, in the scan where it was most."""


class RevocationsView(Wire):
    """How old the newest status list is that was signed, is complete in verify, or is served to gates."""

    at: Literal["issuance", "verify", "gateway"]
    age_seconds: float | None
    """None where nobody knows: there is none, or it is from the future."""


class InvariantView(Wire):
    """One invariant: a whole that equals the sum of its parts, and faults that are all 0."""

    name: str
    holds: bool
    whole: str
    number: int
    parts: dict[str, int]
    faults: dict[str, int] = Field(default_factory=dict)


class Report(Wire):
    """Everything that the exporter knows."""

    at: Instant
    processes: Part[ProcessView] = Part()
    queues: Part[QueueView] = Part()
    outboxes: tuple[OutboxView, ...] = ()
    channels: Part[ChannelView] = Part()
    lanes: Part[LaneView] = Part()
    receipts: Part[ReceiptView] = Part()
    gates: Part[GateView] = Part()
    revocations: tuple[RevocationsView, ...] = ()
    invariants: Part[InvariantView] = Part()
    backups: bool | None = None
    """Whether the exporter watches backups; None from one that does not say."""


class LetterView(Wire):
    """A dead letter: what it is and why it failed."""

    id: str
    queue: str
    type: str
    readable: bool
    events: int = 1
    subject: str = ""
    attempts: int = 0
    replayed: int = 0
    error: str = ""
    genuine: bool = True
    """Whether who sent it may send it. Nobody replays another one."""
    failed_at: Instant | None = None
    bytes: int = 0
    sha256: str = ""
    event: dict[str, Any] | None = None
    """The clear part of an event, without free text."""


class LetterList(Wire):
    """The first dead letters of a consumer, the oldest first."""

    queue: str
    total: int
    items: tuple[LetterView, ...]


PROOF_HEADER = "X-Proof"
"""A `Proof` as JSON: the tokens of the operator, which the exporter checks as services do."""


class Replay(Strict):
    """Send a dead letter back to its consumer, if it was replayed so often before: a repeat does nothing."""

    replayed: int = Field(ge=0)
    by: Code
    """The operator's login, as an exporter of 0.23 logs it; later ones log whom the tokens prove."""


class Replayed(Wire):
    """What became of it: ``gone`` if it is no dead letter any more, or was replayed again meanwhile."""

    outcome: Literal["replayed", "gone"]
