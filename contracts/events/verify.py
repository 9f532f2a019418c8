"""What verify publishes: scans, and contradictions between scans."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from contracts.events.base import AboutPass, AnyConflictKind, AnyVerdict, Event
from contracts.events.example_members import AT, ID, UNTIL
from contracts.model import Code, Direction, Instant, Wire


class PassScanned(AboutPass, producer="verify", subscribers=("application", "approval"), can_wait=True):
    """A gate recorded a scan; a preview is not one. ``inside``: how many of the party are inside after it."""

    scan_id: UUID
    site: Code
    gate: Code
    direction: Direction
    verdict: AnyVerdict
    count: int
    inside: int
    scanned_at: Instant
    marks: tuple[str, ...] = ()
    """Oddities of an exit: ``late``, ``revoked``, ``other_gate``, ``no_entry``; or ``other_id``, ``id_seen``,
    ``assumed_left``, ``offline``. An offline scan is heard of late: ``inside`` is as of then."""
    scanned_by: Code
    example: ClassVar = {
        "scan_id": ID,
        "site": "PCS1",
        "gate": "PCS1-G1",
        "direction": "entry",
        "verdict": "admit",
        "count": 2,
        "inside": 2,
        "scanned_at": AT,
        "marks": ("other_id",),
        "scanned_by": "SEC-0001",
    }

    @property
    def subject(self) -> str:
        return f"application:{self.application_id}"


class ContradictingScan(Wire):
    """A scan that let persons in, and that contradicts others or what the pass allows."""

    scan_id: UUID
    gate: Code
    scanned_at: Instant
    count: int
    """Persons who came in with it."""
    offline: bool = False
    """Whether its gate had no network."""


class GateConflictFound(Event, producer="verify", subscribers=(), can_wait=True):
    """More persons came in than a pass allows, as a gate's scans of a time without a network show.

    It is published when the scan arrives by which this is known. Another gate's scans that have not arrived
    yet may explain it or add to it. ``pass_number`` is null for a token that is not genuine or a number that
    nobody has issued, and ``application_id`` while it is not known at the gates.
    """

    pass_number: str | None = None
    application_id: UUID | None = None
    reference: str | None = None
    site: Code
    kind: AnyConflictKind
    scans: tuple[ContradictingScan, ...]
    """The scans that contradict, the oldest first; one alone contradicts the pass itself."""
    exposure: int = Field(ge=0)
    """How many persons came in beyond what the pass allows."""
    example: ClassVar = {
        **AboutPass.example,
        "site": "PCS1",
        "kind": "already_inside",
        "scans": (
            {"scan_id": ID, "gate": "PCS1-G1", "scanned_at": AT, "count": 2},
            {"scan_id": ID, "gate": "PCS1-G2", "scanned_at": UNTIL, "count": 1, "offline": True},
        ),
        "exposure": 1,
    }

    @property
    def subject(self) -> str:
        if self.application_id is not None:
            return f"application:{self.application_id}"
        return f"pass:{self.pass_number}" if self.pass_number is not None else f"site:{self.site}"
