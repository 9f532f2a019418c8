"""The clients' own ledger: what the system has promised them by a 2xx or a 4xx.

The oracle checks each promise.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["approved", "rejected", "refused"]
"""``refused``: the department got a 409, because there is nothing to decide any more."""


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
    admitted: dict[str, str] = field(default_factory=dict)
    """The scan's nonce by reference, of every recorded ``admit``."""
    left: set[str] = field(default_factory=set)
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

    def expected_status(self, reference: str) -> frozenset[str]:
        """Return the states in which an application may end, by what its people were promised."""
        if reference in self.cancelled:
            return frozenset({"cancelled"})
        if reference in self.withdrawn:
            return frozenset({"revoked"})
        if reference in self.admitted:
            return frozenset({"left" if reference in self.left else "entered"})
        outcome = self.decided.get(reference)
        return frozenset(
            {"issued"} if outcome == "approved" else {"rejected"} if outcome == "rejected" else ()
        )
