"""Numbers about decisions: for the desk as they are now, and by month for everybody."""

from datetime import date, datetime, time, timedelta

from sqlalchemy import Boolean, ColumnElement, func, literal_column, select, text
from sqlalchemy.orm import Session

from contracts.model import IST
from contracts.rpc.approval.numbers import (
    AgeCount,
    DayNumbers,
    DeskNumbers,
    MonthNumbers,
    Numbers,
    Transparency,
)
from contracts.rpc.call import Call
from services.approval.domain import transparency as rules
from services.approval.handlers.authorization import login_of, own_department
from services.approval.models.reviews import TAKEN_BACK, DecisionRow, MonthRow, ReviewRow
from services.chassis.db.locks import try_lock

SHOWN_DAYS = 14
"""Days, today included, of which the desk shows the numbers."""
AGES: tuple[tuple[int, int | None], ...] = ((0, 1), (1, 4), (4, 24), (24, 72), (72, None))
"""Ages of what waits for a decision, in hours: from, and below."""
DECIDED = ("approved", "rejected", "returned")
"""Statuses of the decisions that are counted; a withdrawal takes back one that is counted already."""
COUNTED_MONTHS = 13
"""Months that a run counts again, the present one included; older ones stay as they were counted last."""
ALL = ""
"""The department of the rows that count all departments."""
_IN_STEPS = {
    "applications": ("applications",),
    "decisions": ("decisions", "before_visit", "median_seconds", "p95_seconds"),
    "visits": ("visits", "met", "called", "median_call_seconds", "p95_call_seconds"),
}
"""A count, and what is published of as many: of the present month by no less than so many more at once."""
_SET = ", ".join(
    f"""{name} = case
    when month_numbers.month < :present or month_numbers.{count} < {rules.SMALLEST}
      or excluded.{count} >= month_numbers.{count} + {rules.SMALLEST}
    then excluded.{name} else month_numbers.{name} end"""
    for count, names in _IN_STEPS.items()
    for name in names
)

COUNT_MONTHS = text(f"""
with decided as (
  select coalesce(department, :all) as department,
    date_trunc('month', decided_at at time zone interval '+05:30')::date as month,
    count(*) as decisions,
    count(*) filter (where before_visit) as before_visit,
    percentile_cont(array[0.5, 0.95]) within group (order by extract(epoch from decided_at - waited_from))
      as seconds
  from decisions
  where decided_at >= :since and status = any(:statuses) and waited_from is not null
    and not {TAKEN_BACK}
  group by grouping sets ((department, 2), (2))
), submitted as (
  select coalesce(department, :all) as department,
    date_trunc('month', submitted_at at time zone interval '+05:30')::date as month,
    count(*) as applications
  from reviews
  where submitted_at >= :since and channel <> 'invitation'
  group by grouping sets ((department, 2), (2))
), came as (
  select coalesce(department, :all) as department, date_trunc('month', day)::date as month,
    count(*) as visits, count(*) filter (where outcome = 'met') as met, count(called_at) as called,
    percentile_cont(array[0.5, 0.95]) within group (order by extract(epoch from called_at - arrived_at))
      as call_seconds
  from visits
  where arrived_at >= :since
  group by grouping sets ((department, 2), (2))
)
insert into month_numbers
  (department, month, applications, decisions, before_visit, median_seconds, p95_seconds,
   visits, met, called, median_call_seconds, p95_call_seconds, counted_at)
select department, month, coalesce(applications, 0), coalesce(decisions, 0), coalesce(before_visit, 0),
  round(seconds[1])::integer, round(seconds[2])::integer, coalesce(visits, 0), coalesce(met, 0),
  coalesce(called, 0),
  round(call_seconds[1])::integer, round(call_seconds[2])::integer, :now
from decided full join submitted using (department, month) full join came using (department, month)
on conflict (department, month) do update set {_SET}, counted_at = excluded.counted_at
""")  # noqa: S608  made of constants


def count_months(session: Session, now: datetime) -> bool:
    """Count the last months again; return false if another replica does so just now."""
    if not try_lock(session, "month_numbers"):
        return False
    there = now.astimezone(IST).date()
    present = first = there.replace(day=1)
    for _ in range(COUNTED_MONTHS - 1):
        first = (first - timedelta(days=1)).replace(day=1)
    since = datetime.combine(first, time(), IST)
    values = {"all": ALL, "since": since, "statuses": list(DECIDED), "now": now, "present": present}
    session.execute(COUNT_MONTHS, values)
    return True


def transparency(session: Session) -> Transparency:
    """Return what may be published, the newest month first, and all departments before each of them."""
    rows = session.scalars(select(MonthRow).order_by(MonthRow.month.desc(), MonthRow.department)).all()
    items: list[rules.Published] = []
    for month in dict.fromkeys(row.month for row in rows):
        of_month = [row for row in rows if row.month == month]
        total = next((row for row in of_month if row.department == ALL), None)
        if total is not None:
            departments = [row.as_domain() for row in of_month if row.department != ALL]
            items.extend(rules.publish(month, departments, total.as_domain()))
    return Transparency(
        items=tuple(MonthNumbers(**vars(one)) for one in items),
        counted_at=max((row.counted_at for row in rows), default=None),
    )


def desk_numbers(call: Call, session: Session, now: datetime) -> DeskNumbers:
    """Return the numbers of the principal's own decisions, and of their department's.

    Raises:
        Forbidden: the principal is no login of a department.
    """
    department, login = own_department(call.principal), login_of(call.principal)
    today = now.astimezone(IST).date()
    days = [today - timedelta(days=ago) for ago in reversed(range(SHOWN_DAYS))]
    of_department = DecisionRow.department == department
    return DeskNumbers(
        own=_numbers(session, of_department & (DecisionRow.decided_by == login), days),
        department=_numbers(session, of_department, days),
        waiting=_waiting(session, department, now),
    )


def _numbers(session: Session, whose: ColumnElement[bool], days: list[date]) -> Numbers:
    """Return the numbers of some decisions on these days, by day and together."""
    seconds = func.extract("epoch", DecisionRow.decided_at - DecisionRow.waited_from)
    day = func.date(func.timezone(text("interval '+05:30'"), DecisionRow.decided_at))
    median = func.percentile_cont(0.5).within_group(seconds)
    counted = (
        whose
        & DecisionRow.status.in_(DECIDED)
        & ~literal_column(TAKEN_BACK, Boolean)
        & (DecisionRow.decided_at >= datetime.combine(days[0], time(), IST))
    )
    found = {
        row[0]: row
        for row in session.execute(
            select(day, func.count(), median).where(counted).group_by(func.rollup(day))
        )
    }
    whole = found.get(None)
    shown = []
    for one in days:
        _, decisions, middle = found.get(one, (one, 0, None))
        shown.append(DayNumbers(day=one, decisions=decisions, median_seconds=_rounded(middle)))
    return Numbers(
        decided_today=shown[-1].decisions,
        median_seconds=_rounded(whole[2]) if whole else None,
        days=tuple(shown),
    )


def _waiting(session: Session, department: str, now: datetime) -> tuple[AgeCount, ...]:
    """Return how many reviews wait for a decision, by how long."""
    waits = (ReviewRow.department == department) & (ReviewRow.status == "pending")
    since, counted = ReviewRow.waiting_since, []
    for start, end in AGES:
        older = since <= now - timedelta(hours=start) if start else ReviewRow.id.is_not(None)
        of_age = older if end is None else older & (since > now - timedelta(hours=end))
        counted.append(func.count().filter(of_age))
    counts = session.execute(select(*counted).where(waits)).one()
    return tuple(
        AgeCount(from_hours=start, to_hours=end, reviews=count)
        for (start, end), count in zip(AGES, counts, strict=True)
    )


def _rounded(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)
