"""The verdict on an attempt to enter or to leave.

An entry is refused for the first reason in the order of :func:`decide_entry`. An exit is never refused; its
oddities become marks.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.errors import InvalidInput
from contracts.model import Verdict
from services.verify.domain.gates import site_of
from services.verify.domain.passes import Standing, Terms

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far the clock of a gate may differ from the server's before its time is ignored."""


@dataclass(frozen=True)
class Attempt:
    """Persons at a gate who want to pass.

    ``count`` is None where all who may pass do. ``identified`` is true if the ID shown is one that the pass
    names. ``marks`` are added to the record of an entry.
    """

    gate: str
    at: datetime
    count: int | None = None
    identified: bool = True
    marks: tuple[str, ...] = ()

    @property
    def site(self) -> str:
        """The site of the gate."""
        return site_of(self.gate)


@dataclass(frozen=True)
class Decision:
    """The verdict, how many persons pass, how many of the party are then inside, and marks of the record."""

    verdict: Verdict
    count: int = 0
    inside: int = 0
    marks: tuple[str, ...] = ()

    @property
    def moves(self) -> bool:
        """Return whether somebody passes the gate."""
        return self.verdict in {"admit", "exit"}


def time_of_scan(claimed: datetime | None, now: datetime) -> datetime:
    """Return when a scan happened: the gate's time if it is within :data:`CLOCK_TOLERANCE`, else ``now``."""
    return claimed if claimed is not None and abs(claimed - now) <= CLOCK_TOLERANCE else now


def decide_entry(standing: Standing, attempt: Attempt) -> Decision:
    """Decide whether persons may come in; the first reason against it is the verdict.

    Raises:
        InvalidInput: more persons than the party has, or than may still come in. The officer has to correct
            the count.
    """
    terms = standing.terms
    if standing.revoked or terms is None:
        return Decision("revoked", inside=standing.inside)
    refusal = _wrong_place_or_time(terms, attempt)
    if refusal is None and standing.inside >= terms.party:
        refusal = "already_inside"
    if refusal is None and standing.exhausted:
        refusal = "already_used"
    if refusal is not None:
        return Decision(refusal, inside=standing.inside)
    count = _count(terms, standing, attempt.count)
    if not attempt.identified:
        return Decision("id_mismatch", inside=standing.inside)
    return Decision("admit", count, standing.inside + count, attempt.marks)


def decide_exit(standing: Standing, attempt: Attempt) -> Decision:
    """Let persons leave: as many as were counted, else all who are inside. An exit is never refused."""
    terms = standing.terms
    count = attempt.count or max(standing.inside, 1)
    at_its_site = terms is not None and terms.site == attempt.site
    marks = {
        "late": terms is not None and attempt.at >= terms.valid_to,
        "revoked": standing.revoked,
        "other_site": terms is not None and not at_its_site,
        "other_gate": terms is not None and at_its_site and terms.gate not in {None, attempt.gate},
        "no_entry": count > standing.inside,
    }
    inside = max(standing.inside - count, 0)
    return Decision("exit", count, inside, tuple(mark for mark, applies in marks.items() if applies))


def _wrong_place_or_time(terms: Terms, attempt: Attempt) -> Verdict | None:
    if terms.site != attempt.site:
        return "wrong_site"
    if terms.gate not in {None, attempt.gate}:
        return "wrong_gate"
    if attempt.at < terms.valid_from:
        return "not_yet_valid"
    return "expired" if attempt.at >= terms.valid_to else None


def _count(terms: Terms, standing: Standing, wanted: int | None) -> int:
    """Return how many come in. Each person may enter ``entries`` times; a pass does not name who came."""
    remaining = min(terms.party - standing.inside, terms.party * terms.entries - standing.admitted)
    if wanted is None:
        return remaining
    if wanted > terms.party:
        raise InvalidInput.of("count", "count_over_party", "the party of this pass is smaller")
    if wanted > remaining:
        raise InvalidInput.of("count", "count_over_remaining", "not so many of this party may still come in")
    return wanted
