"""The movements of one pass through all gates, in the order in which they happened.

A scan of a gate without a network arrives late, and it is a fact: people have walked in or out. So what it
comes to is not decided on the state of the pass when it arrives. It takes its place among the movements that
are known by then, and these are gone through again by the rules of `verdicts`. The result does not depend on
the order in which gates send what they have recorded.
"""

from bisect import bisect_right, insort_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from contracts.model import ConflictKind, Direction, Verdict
from services.verify.domain.passes import Standing, Terms
from services.verify.domain.verdicts import (
    Attempt,
    Decision,
    day_of_entry,
    decide_entry,
    decide_exit,
    standing_after,
    until_of,
)

KINDS: Mapping[Verdict, ConflictKind] = {
    "revoked": "revoked",
    "expired": "expired",
    "not_yet_valid": "expired",
    "day_closed": "expired",
    "wrong_site": "wrong_place",
    "wrong_gate": "wrong_place",
    "already_inside": "already_inside",
    "already_used": "over_entries",
    "id_mismatch": "id_mismatch",
    "unknown_pass": "unknown",
    "bad_signature": "unknown",
}
"""What it is to have let somebody in against a verdict."""


@dataclass(frozen=True)
class Movement:
    """Persons who passed a gate, as it was recorded.

    Args:
        scan: the id of its record.
        gate: where.
        at: when.
        direction: in or out.
        count: how many.
        offline: whether the gate had no network.
        assumed: an exit of whoever was inside, recorded because they were presumed gone.
        uncounted: an exit of all who were inside, because the officer counted nobody; ``count`` is what the
            gate believed.
        refusal: why nobody should have come in, whatever the state of the pass was.
        overrides: the refusals that a supervisor has set aside, and has proven it.
        logins: who scanned and who sent it.
        recorded_at: of a scan online, which was recorded when it happened. It is by the server's clock, so
            its place among the others does not depend on the gate's.
    """

    scan: UUID
    gate: str
    at: datetime
    direction: Direction
    count: int
    offline: bool = False
    assumed: bool = False
    uncounted: bool = False
    refusal: Verdict | None = None
    overrides: tuple[Verdict, ...] = ()
    recorded_at: datetime | None = None
    logins: tuple[str, ...] = ()

    @property
    def place(self) -> datetime:
        """Where it stands among the movements of its pass."""
        return self.recorded_at or self.at


@dataclass(frozen=True)
class Contradiction:
    """Persons who came in beyond what the pass allowed at that moment.

    ``exposure`` counts them. ``movements`` are those that contradict each other, the oldest first; one alone
    contradicts the pass itself.
    """

    kind: ConflictKind
    exposure: int
    movements: tuple[Movement, ...]


@dataclass(frozen=True)
class Closing:
    """A party that had been presumed gone when somebody came in again, and whose exit nobody recorded."""

    at: datetime
    count: int
    gate: str


@dataclass(frozen=True)
class Added:
    """What one more movement comes to.

    Args:
        decision: on it, at its place among the others; ``inside`` is how many were inside then.
        contradictions: that it brings to light, of which others may be older than it.
        has_surplus: whether with it more persons have left than came in.
    """

    decision: Decision
    contradictions: tuple[Contradiction, ...]
    has_surplus: bool


class Ledger:
    """The movements of a pass, to which more are added in any order.

    Args:
        terms: of the pass.
        movements: those that are known, in any order.
        admitted: how many persons were let in by other movements, on days before the first.
        revoked_at: from when on the pass is revoked; None where it is not.
    """

    def __init__(
        self,
        terms: Terms,
        movements: Iterable[Movement] = (),
        admitted: int = 0,
        revoked_at: datetime | None = None,
    ) -> None:
        self._start = Standing(terms, admitted=admitted, admitted_before=admitted)
        self._revoked_at = revoked_at
        self._movements = sorted(movements, key=_place)
        self.now = self._replay(self._movements)

    def add(self, movement: Movement) -> Added:
        """Add a movement that has happened, whether or not it should have."""
        before = self.now
        insort_right(self._movements, movement, key=_place)
        self.now = self._replay(self._movements)
        return Added(
            self.now.decisions[movement.scan],
            self._contradictions_since(before),
            self.now.surplus > before.surplus,
        )

    def recount(self, scan: UUID, count: int) -> tuple[Contradiction, ...]:
        """Correct how many persons passed with a movement; return which contradictions that shows."""
        before = self.now
        self._movements = [replace(one, count=count) if one.scan == scan else one for one in self._movements]
        self.now = self._replay(self._movements)
        return self._contradictions_since(before)

    def revoke(self, at: datetime) -> tuple[Contradiction, ...]:
        """Revoke the pass at an instant; return which movements that are known contradict that."""
        before, self._revoked_at = self.now, at
        self.now = self._replay(self._movements)
        return self._contradictions_since(before)

    def before(self, at: datetime) -> Standing:
        """Return the state of the pass just before a movement at that instant."""
        earlier = self._movements[: bisect_right(self._movements, at, key=_place)]
        return self._replay(earlier).standing_at(at)

    def _contradictions_since(self, before: "Replay") -> tuple[Contradiction, ...]:
        found = []
        for scan, one in self.now.contradictions.items():
            known = before.contradictions.get(scan)
            more = one.exposure - (known.exposure if known is not None else 0)
            if more > 0:
                found.append(replace(one, exposure=more))
        return tuple(found)

    def _replay(self, movements: Iterable[Movement]) -> "Replay":
        replay = Replay(self._start, self._revoked_at)
        for movement in movements:
            replay.go_on(movement)
        return replay


class Replay:
    """What movements come to, one after another.

    Attributes:
        standing: after the last of them, whether or not the pass was revoked.
        inside_since: when the first of those inside came in.
        last_gate: the gate of the last movement that somebody saw.
        decisions: on each movement, by the id of its record.
        contradictions: by the id of the record of the entry that was too much.
        surplus: how many persons left who had not come in.
        closings: exits that are missing.
    """

    def __init__(self, start: Standing, revoked_at: datetime | None) -> None:
        self.standing = start
        self.inside_since: datetime | None = None
        self.last_gate: str | None = None
        self.decisions: dict[UUID, Decision] = {}
        self.contradictions: dict[UUID, Contradiction] = {}
        self.surplus = 0
        self.closings: list[Closing] = []
        self._revoked_at = revoked_at
        self._present: list[Movement] = []
        self._of_day: dict[int | None, list[Movement]] = {}
        self._last_place: datetime | None = None

    def standing_at(self, at: datetime) -> Standing:
        """Return the state for a decision at an instant: revoked only if it was by then."""
        return replace(self.standing, revoked=self._revoked_at is not None and self._revoked_at <= at)

    def go_on(self, movement: Movement) -> None:
        """Go on with the next movement."""
        if movement.direction == "entry":
            self._enter(movement)
        else:
            self._leave(movement)
        if self.standing.inside == 0:
            self.inside_since, self._present = None, []
        if not movement.assumed:
            self.last_gate = movement.gate
        self._last_place = movement.place

    def _enter(self, movement: Movement) -> None:
        self._close_if_overdue(movement)
        before = self.standing_at(movement.at)
        attempt = Attempt(movement.gate, movement.at, overrides=movement.overrides)
        allowed = decide_entry(before, attempt)
        if movement.refusal is not None and allowed.verdict == "admit":
            allowed = Decision(movement.refusal)
        day = day_of_entry(before, movement.at)
        until = until_of(before.terms, movement.at) if before.terms is not None else None
        inside = before.inside + movement.count
        decision = Decision("admit", movement.count, inside, day=day, until=until)
        self._present.append(movement)
        self._of_day.setdefault(day, []).append(movement)
        if movement.count > allowed.count:
            kind = self._kind(allowed, before, movement)
            self.contradictions[movement.scan] = Contradiction(
                kind, movement.count - allowed.count, self._involved(kind, movement, day)
            )
        self.decisions[movement.scan] = decision
        self.standing = standing_after(self.standing, decision)
        if before.inside == 0:
            self.inside_since = movement.at

    def _leave(self, movement: Movement) -> None:
        before = self.standing_at(movement.at)
        count = movement.count
        if movement.assumed or movement.uncounted:
            count = max(before.inside, 1 if movement.uncounted else 0)
        decision = decide_exit(before, Attempt(movement.gate, movement.at, count))
        self.surplus += max(count - before.inside, 0)
        self.decisions[movement.scan] = decision
        self.standing = standing_after(self.standing, decision)

    def _close_if_overdue(self, entry: Movement) -> None:
        """Let a party out that is presumed gone at an entry; its exit comes a moment before that time."""
        gone = self.standing.presumed_gone_at
        if self.standing.inside == 0 or gone is None or gone > entry.at:
            return
        assert self._last_place is not None  # somebody came in
        moment = timedelta(microseconds=1)
        left_at = min(max(gone - moment, self._last_place), entry.place - moment)
        self.closings.append(Closing(left_at, self.standing.inside, self.last_gate or ""))
        self.standing = standing_after(self.standing, Decision("exit", self.standing.inside))
        self._present = []

    @staticmethod
    def _kind(allowed: Decision, before: Standing, movement: Movement) -> ConflictKind:
        if allowed.verdict != "admit":
            return KINDS[allowed.verdict]
        assert before.terms is not None
        is_too_full = before.inside + movement.count > before.terms.party
        return "already_inside" if is_too_full else "over_entries"

    def _involved(self, kind: ConflictKind, movement: Movement, day: int | None) -> tuple[Movement, ...]:
        if kind == "already_inside":
            return tuple(self._present)
        return tuple(self._of_day[day]) if kind == "over_entries" else (movement,)


def _place(movement: Movement) -> datetime:
    return movement.place
