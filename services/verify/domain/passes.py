"""A pass as a gate knows it: its terms, its people, its state, and when its party is presumed gone."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

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
class Window:
    """When entry is open on one day: from ``start`` until just before ``end``.

    ``day`` says how many days after the first day of the pass it is.
    """

    day: int
    start: datetime
    end: datetime

    def is_open(self, at: datetime) -> bool:
        """Return whether entry is open at an instant."""
        return self.start <= at < self.end

    @property
    def middle(self) -> datetime:
        """The instant in the middle, which is on the day of the visit whatever the margins are."""
        return self.start + (self.end - self.start) / 2

    @property
    def on(self) -> date:
        """The date in India."""
        return self.middle.astimezone(IST).date()


@dataclass(frozen=True)
class Terms:
    """What a pass allows: on each of its days each person may come in ``entries`` times.

    Args:
        site: of the visit.
        gate: None where the pass is for any gate of its site.
        party: how many people the pass is for.
        entries: how often each may come in on one day.
        valid_from: when entry opens on the first day.
        valid_to: when entry ends on the first day.
        further_days: the other days, each by how many days after the first it is, in their order.
        closed_days: days that fell away because the department closed them, counted in the same way; a day
            before the first is negative.
        recurring: whether it is a standing pass, whose code changes each minute.
    """

    site: str
    gate: str | None
    party: int
    entries: int
    valid_from: datetime
    valid_to: datetime
    further_days: tuple[int, ...] = ()
    closed_days: tuple[int, ...] = ()
    recurring: bool = False

    @property
    def windows(self) -> tuple[Window, ...]:
        """When entry is open, day by day."""
        return tuple(self.window_of(day) for day in (0, *self.further_days))

    @property
    def days(self) -> tuple[date, ...]:
        """The dates in India."""
        return tuple(window.on for window in self.windows)

    def is_closed_at(self, at: datetime) -> bool:
        """Return whether an instant is on a day that fell away."""
        return at.astimezone(IST).date() in {self.window_of(day).on for day in self.closed_days}

    def window_of(self, day: int) -> Window:
        """Return when entry is open so many days after the first day."""
        later = timedelta(days=day)
        return Window(day, self.valid_from + later, self.valid_to + later)

    def window_at(self, at: datetime) -> Window | None:
        """Return the window that is open at an instant; None where entry is closed.

        Where the margins of two days overlap, the day changes in the middle of the overlap.
        """
        open_then = (window for window in self.windows if window.is_open(at))
        return min(open_then, key=lambda window: abs(window.middle - at), default=None)

    def window_on(self, at: datetime) -> Window | None:
        """Return the window of the date of an instant, also while entry is closed; None on another day."""
        on = at.astimezone(IST).date()
        return next((window for window in self.windows if window.on == on), None)

    def window_to_show(self, at: datetime) -> Window:
        """Return the window that is open at an instant, else the next one, else the last one."""
        windows = self.windows
        return self.window_at(at) or next((one for one in windows if at < one.start), windows[-1])


@dataclass(frozen=True)
class Standing:
    """The state of a pass now.

    ``terms`` is None where only the revocation is known. ``admitted`` counts all persons ever let in, the
    last of them on ``day`` (so many days after the first), and ``admitted_before`` those before that day, or
    on a date that is no day of the pass.
    ``presumed_gone_at`` is from when whoever is inside counts as gone.
    """

    terms: Terms | None
    revoked: bool = False
    inside: int = 0
    admitted: int = 0
    day: int = 0
    admitted_before: int = 0
    presumed_gone_at: datetime | None = None

    def inside_at(self, at: datetime) -> int:
        """Return how many are inside at an instant, without those who are presumed gone by then."""
        return 0 if self.presumed_gone_at is not None and self.presumed_gone_at <= at else self.inside

    def is_overdue(self, at: datetime) -> bool:
        """Return whether the party is presumed gone at an instant, and its exit is not recorded yet."""
        return self.inside > 0 and self.inside_at(at) == 0

    def entries_left(self, day: int | None) -> int:
        """Return how many persons the pass still lets in on a day; None is a date that is no day of it."""
        if self.terms is None:
            return 0
        on_that_day = self.admitted - self.admitted_before if day is not None and day <= self.day else 0
        return max(self.terms.party * self.terms.entries - on_that_day, 0)

    @property
    def used(self) -> bool:
        """Return whether the pass has no further use: nobody may come in, and nobody has to go out."""
        if self.terms is None or self.inside > 0:
            return False
        return self.entries_left(self.terms.windows[-1].day) == 0


def presumed_gone_at(valid_to: datetime) -> datetime:
    """Return when a party without a recorded exit is presumed gone, given when entry ended on its day.

    That is six hours after its window, or midnight IST if that comes first.
    """
    next_day = valid_to.astimezone(IST).date() + timedelta(days=1)
    midnight = datetime(next_day.year, next_day.month, next_day.day, tzinfo=IST)
    return min(valid_to + LONGEST_STAY, midnight)
