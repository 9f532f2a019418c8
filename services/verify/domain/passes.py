"""A pass as a gate knows it: its terms, its people, its state, and when its party is presumed gone."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.events import PassPersonal
from contracts.model import IST, Companion, Person, Wire

LONGEST_STAY = timedelta(hours=6)
"""How long after its window a party without a recorded exit is presumed gone, unless midnight is sooner."""


class Visitors(Wire):
    """The people of a pass as a gate shows them: without mobile, email and ID number, which no gate needs."""

    applicant: Person
    companions: tuple[Companion, ...] = ()
    vehicle: str | None = None

    @classmethod
    def of(cls, personal: PassPersonal) -> "Visitors":
        """Return the part of an event's personal block that the gate stores."""
        hidden = {"mobile": None, "email": None, "id_last4": None}
        companions = tuple(one.model_copy(update={"id_last4": None}) for one in personal.companions)
        return cls(
            applicant=personal.applicant.model_copy(update=hidden),
            companions=companions,
            vehicle=personal.vehicle,
        )


@dataclass(frozen=True)
class Terms:
    """What a pass allows: entry from ``valid_from`` until just before ``valid_to``.

    ``gate`` is None where the pass is for any gate of its site.
    """

    site: str
    gate: str | None
    party: int
    entries: int
    valid_from: datetime
    valid_to: datetime


@dataclass(frozen=True)
class Standing:
    """The state of a pass now.

    ``terms`` is None where only the revocation is known. ``admitted`` counts all persons ever let in.
    """

    terms: Terms | None
    revoked: bool = False
    inside: int = 0
    admitted: int = 0

    @property
    def exhausted(self) -> bool:
        """Return whether everybody of the party has come in as often as the pass allows."""
        return self.terms is not None and self.admitted >= self.terms.party * self.terms.entries

    @property
    def used(self) -> bool:
        """Return whether the pass has no further use: nobody may come in, and nobody has to go out."""
        return self.exhausted and self.inside == 0


def presumed_gone_at(valid_to: datetime) -> datetime:
    """Return when a party without a recorded exit is presumed gone.

    That is six hours after its window, or midnight IST if that comes first.
    """
    next_day = valid_to.astimezone(IST).date() + timedelta(days=1)
    midnight = datetime(next_day.year, next_day.month, next_day.day, tzinfo=IST)
    return min(valid_to + LONGEST_STAY, midnight)
