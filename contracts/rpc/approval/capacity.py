"""RPC of approval: how many visitors a department takes, and when it still has places."""

from datetime import date, time

from contracts.capacity import Capacity
from contracts.model import Code, Instant, Strict, Wire
from contracts.rpc.approval.closures import ClosedDate
from contracts.rpc.call import Http, Method, Nothing


class SetCapacity(Strict):
    """What a department takes from now on; None: nothing limits it."""

    capacity: Capacity | None


class CapacityView(Wire):
    """What a department takes, and who set it when; no ``capacity``: nothing limits it."""

    department: str
    capacity: Capacity | None = None
    set_by: str | None = None
    set_at: Instant | None = None
    waiting: int = 0
    """How many parties wait for a place, those with an offer too."""


class AvailabilityQuestion(Strict):
    """When a department still takes visitors at a site; without one, at any."""

    department: Code
    site: Code | None = None


class WindowAvailability(Wire):
    """A window of a day: how many people it takes, and how many places are free."""

    start: time
    end: time
    places: int
    free: int


class DayAvailability(Wire):
    """A day on which the department receives visitors."""

    day: date
    windows: tuple[WindowAvailability, ...]


class Availability(Wire):
    """Days with their windows, and the days that the department closed at short notice.

    Where ``limited`` is false, only the hours of the site and the closed days limit a visit.
    """

    limited: bool
    days: tuple[DayAvailability, ...] = ()
    closed: tuple[ClosedDate, ...] = ()


CAPACITY = Method(
    "approval", "capacity", Nothing, CapacityView,
    http=Http("department", "view_capacity", "GET /capacity",
        "Return how many visitors the department takes, and who set it."),
)  # fmt: skip
SET_CAPACITY = Method(
    "approval", "set_capacity", SetCapacity, CapacityView, command=True,
    said="Changed the places of a department",
    http=Http("department", "set_capacity", "POST /capacity",
        "Set how many visitors the department takes from now on. Visits approved before stay approved."),
)  # fmt: skip
AVAILABILITY = Method(
    "approval", "availability", AvailabilityQuestion, Availability,
    http=Http("anyone", "list_availability", "GET /availability",
        "List the days and windows in which a department still takes visitors at a site.",
        limit="availability"),
)  # fmt: skip
