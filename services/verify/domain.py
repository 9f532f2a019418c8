"""What a gate decides, purely: the terms of a pass, who of its party is inside, an attempt, and the verdict on it.

Entries are refused for the first reason in the order of :func:`decide_entry`. An exit is never refused: what is odd about
it becomes a mark.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.errors import InvalidInput
from contracts.events import PassPersonal
from contracts.model import Companion, Person, Verdict, Wire
from services.chassis.runtime.clock import IST

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a gate's clock may be off and still be believed."""
LONGEST_STAY = timedelta(hours=6)
"""How long after its window a party is believed to be inside without a recorded exit, if midnight does not come first."""


class Visitors(Wire):
    """The people of a pass as a gate shows them: no mobile, no email and no ID number, since it needs none of them."""

    applicant: Person
    companions: tuple[Companion, ...] = ()
    vehicle: str | None = None

    @classmethod
    def of(cls, personal: PassPersonal) -> "Visitors":
        """What the gate keeps of an event's personal block."""
        hidden = {"mobile": None, "email": None, "id_last4": None}
        companions = tuple(one.model_copy(update={"id_last4": None}) for one in personal.companions)
        return cls(
            applicant=personal.applicant.model_copy(update=hidden),
            companions=companions,
            vehicle=personal.vehicle,
        )


@dataclass(frozen=True)
class Terms:
    """What a pass allows. Entry is open from ``valid_from`` to just before ``valid_to``; ``gate`` None means any of the site."""

    site: str
    gate: str | None
    party: int
    entries: int
    valid_from: datetime
    valid_to: datetime


@dataclass(frozen=True)
class Standing:
    """A pass as of now. ``terms`` are None where only its revocation is known; ``admitted`` counts persons, ever."""

    terms: Terms | None
    revoked: bool = False
    inside: int = 0
    admitted: int = 0

    @property
    def exhausted(self) -> bool:
        """Whether nobody may come in any more, since everybody has come in as often as allowed."""
        return self.terms is not None and self.admitted >= self.terms.party * self.terms.entries

    @property
    def used(self) -> bool:
        """Whether nothing is left to do with it: nobody may come in, and nobody has to go out."""
        return self.exhausted and self.inside == 0


@dataclass(frozen=True)
class Attempt:
    """Persons at a gate. ``count`` None means all who may pass; ``identified`` that the ID shown is one the pass names.

    ``marks`` is what a record of their entry is to say besides.
    """

    gate: str
    at: datetime
    count: int | None = None
    identified: bool = True
    marks: tuple[str, ...] = ()

    @property
    def site(self) -> str:
        """Where the gate stands."""
        return site_of(self.gate)


@dataclass(frozen=True)
class Decision:
    """The verdict, how many persons pass, how many of the party are inside afterwards, and what is odd about it."""

    verdict: Verdict
    count: int = 0
    inside: int = 0
    marks: tuple[str, ...] = ()

    @property
    def moves(self) -> bool:
        """Whether somebody passes the gate."""
        return self.verdict in {"admit", "exit"}


def site_of(gate: str) -> str:
    """The site of a gate: ``PCS1`` of ``PCS1-G1``; empty for what is no gate."""
    return gate.rpartition("-G")[0]


def time_of_scan(claimed: datetime | None, now: datetime) -> datetime:
    """When a scan happened: the gate's own time where its clock can be believed, else ``now``."""
    return claimed if claimed is not None and abs(claimed - now) <= CLOCK_TOLERANCE else now


def decide_entry(standing: Standing, attempt: Attempt) -> Decision:
    """Whether persons may come in; the first reason against it is the verdict.

    Raises:
        InvalidInput: more persons than the party has, or than may still come in; the gate is to say how many came.
    """
    terms = standing.terms
    if standing.revoked or terms is None:
        return Decision("revoked", inside=standing.inside)
    refusal = _place_or_time(terms, attempt) or _exhausted(terms, standing)
    if refusal is not None:
        return Decision(refusal, inside=standing.inside)
    count = _count(terms, standing, attempt.count)
    if not attempt.identified:
        return Decision("id_mismatch", inside=standing.inside)
    return Decision("admit", count, standing.inside + count, attempt.marks)


def decide_exit(standing: Standing, attempt: Attempt) -> Decision:
    """Records that persons leave, all who are inside where nobody counted them. Never a refusal."""
    count = attempt.count or max(standing.inside, 1)
    return Decision("exit", count, max(standing.inside - count, 0), _oddities(standing, attempt, count))


def presumed_gone_at(valid_to: datetime) -> datetime:
    """When a party without a recorded exit is taken to have left: six hours after its window, or at midnight IST before that."""
    next_day = valid_to.astimezone(IST).date() + timedelta(days=1)
    midnight = datetime(next_day.year, next_day.month, next_day.day, tzinfo=IST)
    return min(valid_to + LONGEST_STAY, midnight)


def _place_or_time(terms: Terms, attempt: Attempt) -> Verdict | None:
    if terms.site != attempt.site:
        return "wrong_site"
    if terms.gate not in {None, attempt.gate}:
        return "wrong_gate"
    if attempt.at < terms.valid_from:
        return "not_yet_valid"
    return "expired" if attempt.at >= terms.valid_to else None


def _exhausted(terms: Terms, standing: Standing) -> Verdict | None:
    if standing.inside >= terms.party:
        return "already_inside"
    return "already_used" if standing.exhausted else None


def _count(terms: Terms, standing: Standing, wanted: int | None) -> int:
    """How many come in. Each person of the party may enter ``entries`` times; the pass does not tell them apart."""
    remaining = min(terms.party - standing.inside, terms.party * terms.entries - standing.admitted)
    if wanted is None:
        return remaining
    if wanted > terms.party:
        raise InvalidInput.of("count", "count_over_party", "the party of this pass is smaller")
    if wanted > remaining:
        raise InvalidInput.of("count", "count_over_remaining", "not so many of this party may still come in")
    return wanted


def _oddities(standing: Standing, attempt: Attempt, count: int) -> tuple[str, ...]:
    terms = standing.terms
    odd = {
        "late": terms is not None and attempt.at >= terms.valid_to,
        "revoked": standing.revoked,
        "other_site": terms is not None and terms.site != attempt.site,
        "other_gate": terms is not None
        and terms.site == attempt.site
        and terms.gate not in {None, attempt.gate},
        "no_entry": count > standing.inside,
    }
    return tuple(mark for mark, applies in odd.items() if applies)
