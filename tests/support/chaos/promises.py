"""The clients' own ledger: what the system has promised them by a 2xx or a 4xx.

The oracle checks each promise.
"""

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["approved", "rejected", "refused"]
"""``refused``: the department got a 409, because there is nothing to decide any more."""


@dataclass(frozen=True)
class Scan:
    """A scan that a guard saw recorded.

    Args:
        verdict: what it came to.
        at: when, in seconds since 1970.
        is_certain: whether the device knew that time; else nobody can say which of two movements was first.
    """

    verdict: Literal["admit", "exit"]
    at: float = field(default_factory=time.time)
    is_certain: bool = True


@dataclass
class Promises:
    """Filled by the clients from their thread; each entry is made once its answer has come."""

    mobiles: dict[str, str] = field(default_factory=dict)
    """The mobile by reference: every 201 of an application."""
    decided: dict[str, Outcome] = field(default_factory=dict)
    """By reference."""
    cancelled: set[str] = field(default_factory=set)
    withdrawn: set[str] = field(default_factory=set)
    returned: set[str] = field(default_factory=set)
    reissued: set[str] = field(default_factory=set)
    resent: set[str] = field(default_factory=set)
    printed: set[str] = field(default_factory=set)
    """References whose command was answered by a success: each has happened once."""
    scans: dict[str, dict[str, Scan]] = field(default_factory=lambda: defaultdict(dict))
    """Recorded entries and exits by nonce, by reference; each pass is for one person and one entry."""
    offline: int = 0
    """How many of these a gate has decided that had no network."""
    numbers: set[str] = field(default_factory=set)
    """Mobiles that asked for a code."""
    unanswered: Counter[str] = field(default_factory=Counter)
    """Attempts without an outcome (503, no answer, no connection); each was repeated."""
    broken: list[str] = field(default_factory=list)
    """Answers that no promise allows: a 500, a 4xx nobody expects, another answer to a repeat."""

    @property
    def undecided(self) -> int:
        """How many applications wait for a department; a little less if people cancel after the decision."""
        return len(self.mobiles) - len(self.decided) - len(self.cancelled)

    @property
    def conflicts(self) -> int:
        """How many people came in with a pass with which somebody else had come in."""
        entries = [
            sum(scan.verdict == "admit" for scan in [*theirs.values()]) for theirs in [*self.scans.values()]
        ]
        return sum(max(count - 1, 0) for count in entries)

    @property
    def left(self) -> set[str]:
        """References whose people came in and left again."""
        return {reference for reference in [*self.scans] if "left" in self.expected_status(reference)}

    def expected_status(self, reference: str) -> frozenset[str]:
        """Return the states in which an application may end, by what its people were promised."""
        if reference in self.cancelled:
            return frozenset({"cancelled"})
        if reference in self.withdrawn:
            return frozenset({"revoked"})
        if scans := self.scans.get(reference):
            in_order = sorted(scans.values(), key=lambda scan: scan.at)
            ends = in_order if not all(scan.is_certain for scan in in_order) else in_order[-1:]
            return frozenset("left" if scan.verdict == "exit" else "entered" for scan in ends)
        outcome = self.decided.get(reference)
        return frozenset(
            {"issued"} if outcome == "approved" else {"rejected"} if outcome == "rejected" else ()
        )
