"""RPC of approval: how fast departments decide and meet visitors, for themselves and for everybody."""

from datetime import date

from contracts.model import Instant, Wire
from contracts.rpc.call import Http, Method, Nothing


class DayNumbers(Wire):
    """The decisions of one day; no median where there are none."""

    day: date
    decisions: int
    median_seconds: int | None = None


class Numbers(Wire):
    """How many decisions were made, and in what time: today, and over all the days that are listed."""

    decided_today: int
    median_seconds: int | None = None
    days: tuple[DayNumbers, ...]


class AgeCount(Wire):
    """How many reviews have waited at least ``from_hours``, and less than ``to_hours`` if that is given."""

    from_hours: int
    to_hours: int | None = None
    reviews: int


class DeskNumbers(Wire):
    """The principal's own numbers, their department's, and what waits for a decision."""

    own: Numbers
    department: Numbers
    waiting: tuple[AgeCount, ...]


class MonthNumbers(Wire):
    """What is published of one month: of a department, or of all where none is named.

    A count from 1 to 4 is null, and so are the numbers about so few people, and a total that would give them
    away. A time without decisions is null too.
    """

    department: str | None = None
    month: date
    applications: int | None = None
    decisions: int | None = None
    median_seconds: int | None = None
    p95_seconds: int | None = None
    percent_before_visit: int | None = None
    visits: int | None = None
    """Visitors whom a gate let in, once for each day."""
    percent_met: int | None = None
    """How many of them the office says it has met."""
    median_call_seconds: int | None = None
    """From the gate until the office let them come."""
    p95_call_seconds: int | None = None


class Transparency(Wire):
    """How fast departments decide and meet visitors, the newest month first.

    ``counted_at`` is null before the first count.
    """

    items: tuple[MonthNumbers, ...]
    counted_at: Instant | None = None
    next: str | None = None


NUMBERS = Method(
    "approval", "numbers", Nothing, DeskNumbers,
    http=Http("department", "view_numbers", "GET /numbers",
        "Return how many decisions the login and its department made, in what time, and what waits."),
)  # fmt: skip
TRANSPARENCY = Method(
    "approval", "transparency", Nothing, Transparency,
    http=Http("anyone", "list_transparency", "GET /transparency",
        """List how fast each department decided in each month, and how fast it called its visitors.

        With the share that it met. Counts from 1 to 4 are withheld, and what would tell of so few people. The
        numbers are at most a quarter of an hour old, or the last copy while approval is down.
        """, limit="read"),
)  # fmt: skip
