"""RPC of verify: the scans of a gate that was without a network."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from contracts import login_ids
from contracts.model import Code, Instant, Strict, Verdict, Wire
from contracts.rpc.call import Http, Method
from contracts.rpc.verify.scans import ScannedAt, ScanPass, Supervisor


class DecidedOffline(Strict):
    """What a gate without a network decided, and on what."""

    verdict: Verdict
    list_age_s: int | None = Field(default=None, ge=0, le=1_000_000_000)
    """The age of the gate's list at the scan, in seconds; null where it had none."""
    supervisor: Supervisor | None = None
    login: str | None = Field(default=None, pattern=rf"^SEC-{login_ids.REST}$")
    """Who was signed in at the gate, as the gate says, where somebody else sends the scan.

    Without it that is the sender. Who sends is recorded beside it, and the scan has the mark `sent_by_other`.
    """


class OfflineScan(ScanPass):
    """A scan of a gate without a network. It has happened, whatever verify would have decided.

    ``count`` is how many persons passed. At an exit it is null where nobody counted: all who were inside have
    left, however many the gate believed them to be. ``nonce`` is the idempotency key; it may be that of a
    scan whose answer was lost when the network went.
    """

    scanned_at: ScannedAt
    offline: DecidedOffline


class UnreadScan(Wire):
    """What is left of a scan that has not the form of one: it is refused alone, and hurts no other."""

    nonce: str = ""

    @field_validator("nonce", mode="before")
    @classmethod
    def _text_or_nothing(cls, value: object) -> str:
        return value if isinstance(value, str) and len(value) <= 64 else ""


def _object_or_none(value: object) -> object:
    return value if isinstance(value, (dict, Wire)) else {}


AnyScan = Annotated[
    OfflineScan | UnreadScan, Field(union_mode="left_to_right"), BeforeValidator(_object_or_none)
]


class WrongPins(Strict):
    """Somebody typed a guard's own PIN wrong too often at the app, which has deleted its list."""

    login: str = Field(pattern=rf"^SEC-{login_ids.REST}$")
    at: Instant


class SyncScans(Strict):
    """The scans of a gate that was without a network, in their order, or why its app has deleted its list."""

    gate: Code
    scans: tuple[AnyScan, ...] = Field(max_length=200)
    wrong_pins: WrongPins | None = None


SyncProblem = Literal[
    "invalid_input",
    "unreadable_token",
    "too_old",
    "nonce_reused",
    "verdict_of_other_direction",
    "not_your_gate",
]
"""Why a scan of a gate without a network is refused for good."""


class SyncedScan(Wire):
    """What became of one scan.

    A gate forgets it only once it is recorded, or has a problem, which no repeat puts right. One that is
    neither waits: it is sent again after `SyncedScans.retry_after`.
    """

    nonce: str
    verdict: Verdict | None = None
    """As it is recorded; null where it is not."""
    recorded: bool = False
    conflict: bool = False
    """Whether it shows that more persons came in than the pass allows."""
    problem: str | None = None
    """Why it is refused for good: a `SyncProblem`."""


class SyncedScans(Wire):
    """What became of each scan, in the order in which they were sent."""

    items: tuple[SyncedScan, ...]
    retry_after: int | None = None
    """Seconds after which the scans that wait are sent again; null where none waits.

    Scans by number wait after many unknown numbers of one device, as whoever guesses sends them. Those by
    token are taken meanwhile.
    """


SYNC = Method(
    "verify", "sync", SyncScans, SyncedScans, command=True, carries_key=True, keeps_own_record=True,
    said="Sent the scans of a gate without a network",
    http=Http("guard_of_site", "sync_scans", "POST /scans/sync",
        """Send the scans of a gate that was without a network.

        Each is a fact: it is recorded with the verdict that the gate gave, and counts people in and out.
        Where more persons came in than a pass allows, `conflict` says so, and security hears of it. A scan
        that cannot be taken has a `problem` and hurts no other. Of `wrong_pins` security hears, too.

        `nonce` is the key of each scan: a repeat of the request, or of a scan in another one, changes
        nothing. If the body is too large (413), send fewer scans. After many unknown numbers of one device
        its scans by number wait: they are neither recorded nor refused, and `Retry-After` says when to send
        them again.
        """),
)  # fmt: skip
