"""What may be published about how fast departments decide, so that nobody can be found in the numbers.

Pure. A count from 1 to 4 is withheld, and with it whatever describes so few people. A total is withheld too
where what is withheld could be computed from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

SMALLEST = 5
"""The smallest count of people that is published; nobody is behind a zero."""


@dataclass(frozen=True)
class Counted:
    """What was counted of one department in one month.

    Args:
        department: its code.
        applications: that came in.
        decisions: approvals, rejections and returns.
        before_visit: how many of them were made before the first preferred time began.
        median_seconds: from when an application waited until it was decided.
        p95_seconds: the time within which 95 of 100 were decided.
        visits: visitors whom a gate let in, once for each day.
        met: how many of them the office says it has met.
        called: how many of them the office let come.
        median_call_seconds: from the gate until the office let them come.
        p95_call_seconds: the time within which 95 of 100 were called.
    """

    department: str
    applications: int
    decisions: int
    before_visit: int
    median_seconds: int | None
    p95_seconds: int | None
    visits: int = 0
    met: int = 0
    called: int = 0
    median_call_seconds: int | None = None
    p95_call_seconds: int | None = None


@dataclass(frozen=True)
class Published:
    """What is published of one department, or of all (``department`` is None). None: withheld, or nothing."""

    department: str | None
    month: date
    applications: int | None
    decisions: int | None
    median_seconds: int | None
    p95_seconds: int | None
    percent_before_visit: int | None
    visits: int | None = None
    percent_met: int | None = None
    median_call_seconds: int | None = None
    p95_call_seconds: int | None = None


def publish(month: date, counted: Sequence[Counted], total: Counted) -> list[Published]:
    """Return what is published of a month: the total first, then the departments in their order.

    Args:
        month: its first day.
        counted: of each department.
        total: of all of them together; its counts are the sums of theirs.
    """
    shown = [_of_one(month, one) for one in counted]
    applications = total_of([one.applications for one in counted])
    decisions = total_of([one.decisions for one in counted])
    visits = total_of([one.visits for one in counted])
    called = total_of([one.called for one in counted])
    # A share tells how many were late; so the total has one only if each department has its own, or none.
    pairs = list(zip(counted, shown, strict=True))
    withheld = any(one.decisions and its.percent_before_visit is None for one, its in pairs)
    met_withheld = any(one.visits and its.percent_met is None for one, its in pairs)
    whole = _of_one(month, total)
    described = whole if decisions is not None else None
    came = whole if visits is not None else None
    return [
        Published(
            department=None,
            month=month,
            applications=applications,
            decisions=decisions,
            median_seconds=described.median_seconds if described else None,
            p95_seconds=described.p95_seconds if described else None,
            percent_before_visit=described.percent_before_visit if described and not withheld else None,
            visits=visits,
            percent_met=came.percent_met if came and not met_withheld else None,
            median_call_seconds=came.median_call_seconds if came and called is not None else None,
            p95_call_seconds=came.p95_call_seconds if came and called is not None else None,
        ),
        *shown,
    ]


def is_small(count: int) -> bool:
    """Return whether so few people are behind a count that it is withheld."""
    return 0 < count < SMALLEST


def total_of(counts: Sequence[int]) -> int | None:
    """Return the sum of counts whose small ones are withheld; None if the sum would give one of them away.

    With the sum, everybody knows how much the withheld counts are together. One alone is known then. Several
    are known if they can only all be 1, or all be 4. In every other case each of them has at least two
    possible values, also for those who know these rules.
    """
    small = [count for count in counts if is_small(count)]
    together = sum(small)
    if len(small) == 1 or (small and not len(small) < together < len(small) * (SMALLEST - 1)):
        return None
    whole = sum(counts)
    return None if is_small(whole) else whole


def _of_one(month: date, one: Counted) -> Published:
    few, few_came = is_small(one.decisions), is_small(one.visits) or is_small(one.called)
    return Published(
        department=one.department,
        month=month,
        applications=None if is_small(one.applications) else one.applications,
        decisions=None if few else one.decisions,
        median_seconds=None if few else one.median_seconds,
        p95_seconds=None if few else one.p95_seconds,
        percent_before_visit=_percent(one.before_visit, one.decisions),
        visits=None if is_small(one.visits) else one.visits,
        percent_met=_percent(one.met, one.visits),
        median_call_seconds=None if few_came else one.median_call_seconds,
        p95_call_seconds=None if few_came else one.p95_call_seconds,
    )


def _percent(part: int, whole: int) -> int | None:
    """Return a share; None where few are behind the whole, the part or the rest."""
    if not whole or is_small(whole) or is_small(part) or is_small(whole - part):
        return None
    return round(100 * part / whole)
