"""Jobs that erase, expire, drop or count out: what must hold before one of them runs.

A clock that is a year ahead would make such a job destroy everything there is. So a run is refused

- where the clocks of the process and of the database differ by more than a minute (``clock``);
- where more than `LONGEST_SILENCE` has passed, by the database's clock, since the job ran last, or, before
  its first run, since anything else was stored (``leap``): nobody was there, or the clock is wrong on both;
  so, too, where that is still to come, and where the database's clock went on by `LONGEST_STEP` more than
  the time for which this process has waited;
- where it would take more than a stated share of the rows that exist (``share``).

A refused run changes nothing. It is a row of ``destructive_jobs``, from which the exporter makes a metric, an
alert and a line on `/ops`. The next run looks again. `epass jobs allow` lets one run pass by all but the
first rule within two hours; nothing lets one pass by that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError

from services.chassis.runtime.clock import AHEAD, boottime, is_ahead, now
from services.chassis.runtime.logs import logger

log = logger(__name__)
Reason = Literal["clock", "leap", "share"]
LONGEST_SILENCE = timedelta(days=4)
"""An installation that was switched off over a long weekend goes on by itself."""
LONGEST_STEP = timedelta(hours=1)
"""A clock that is set right after a start, or after its machine stood still, stops nothing."""
EVIDENCE = """
select clock_timestamp() as now, own.ran_at,
  coalesce(
    (select max(ran_at) from destructive_jobs where ran_at <= clock_timestamp() + interval '1 minute'),
    (select added_at from outbox order by position desc limit 1)) as newest_at,
  case when own.allowed_at between clock_timestamp() - interval '2 hours'
      and clock_timestamp() + interval '1 minute'
    and not coalesce(own.ran_at between own.allowed_at and clock_timestamp(), false)
    then own.allowed_by end as allowed_by
from (select) as one left join destructive_jobs as own on own.job = %(job)s
"""
"""For psycopg. A permission lasts for two hours, since the slowest job runs hourly, and is used up by the run
after it. Neither counts where its time is to come."""
RECORD_RUN = """
insert into destructive_jobs (job, ran_at) values (%(job)s, clock_timestamp())
on conflict (job) do update
set ran_at = excluded.ran_at, refused_at = null, reason = null, detail = null
"""
RECORD_REFUSAL = """
insert into destructive_jobs as known (job, refused_at, reason, detail)
values (%(job)s, clock_timestamp(), %(reason)s, %(detail)s)
on conflict (job) do update
set refused_at = coalesce(known.refused_at, excluded.refused_at), reason = excluded.reason,
  detail = excluded.detail
"""
FORGET_REFUSAL = """
update destructive_jobs set refused_at = null, reason = null, detail = null
where job = %(job)s and refused_at is not null
"""
_QUERY_CANCELED = "57014"
_looks: dict[tuple[str | None, str], tuple[float, datetime]] = {}
"""The time since boot, and that of the database, when this process ran a job of a database last."""


class RunRefused(Exception):
    """A destructive job did not run. The message says why, and names nobody."""

    def __init__(self, job: str, reason: Reason, detail: str) -> None:
        super().__init__(f"{job}: {detail}")
        self.job, self.reason, self.detail = job, reason, detail

    @property
    def row(self) -> dict[str, str]:
        """Return the parameters of `RECORD_REFUSAL`."""
        return {"job": self.job, "reason": self.reason, "detail": self.detail}


@dataclass(frozen=True)
class Evidence:
    """What the database knows of the time and of a job; the columns of `EVIDENCE`."""

    now: datetime
    ran_at: datetime | None
    newest_at: datetime | None
    """When anything else was stored: the last run of any of these jobs, else the newest event."""
    allowed_by: str | None
    """Who lets this run pass; None where nobody does."""


@dataclass(frozen=True)
class Portion:
    """The rows of a table that a run takes, of those that exist.

    Args:
        table: the mapped class.
        exists: which rows are there for the job at all, such as those that nobody has erased.
        due: which of them it takes.
        share: it takes no more of them than this.
        least: it may always take so many rows, so that a small installation goes on.
    """

    table: type[Any]
    exists: ColumnElement[bool]
    due: ColumnElement[bool]
    share: float = 0.5
    least: int = 20

    @property
    def taken(self) -> ColumnElement[bool]:
        """Return which rows of the table a run takes."""
        return self.exists & self.due

    def excess(self, connection: Connection) -> str | None:
        """Return in words what a run would take, None where it is no more than the share.

        A table too large to be counted is no error: nobody could allow a run that fails.
        """
        try:
            return self._excess(connection)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _QUERY_CANCELED:
                raise
            return f"what it would take of {self.table.__table__.name} could not be counted in time"

    def _excess(self, connection: Connection) -> str | None:
        table = self.table.__table__
        some = select(table).where(self.taken).limit(self.least + 1).subquery()
        if connection.execute(select(func.count()).select_from(some)).scalar_one() <= self.least:
            return None
        counts = select(func.count().filter(self.due), func.count()).select_from(table).where(self.exists)
        due, exist = connection.execute(counts).one()
        if due <= self.share * exist:
            return None
        return f"it would take {due} of {exist} rows of {table.name}, more than {self.share:.0%}"


Doubt = tuple[Reason, str] | None
"""Why a run is refused unless an operator allows it; None where nothing speaks against it."""


def by_clock_alone(now: datetime) -> Sequence[Portion]:  # noqa: ARG001  as of every job
    """Return no portion: the job may take all that exists, such as nonces after a quiet night."""
    return ()


def doubt_leap(evidence: Evidence) -> Doubt:
    """Doubt a run after too long a silence, or before what is known to have been."""
    known_at = evidence.ran_at or evidence.newest_at
    if known_at is None:
        return None
    if is_ahead(known_at, evidence.now):
        return "leap", f"the last run or event is of {known_at:%Y-%m-%d %H:%M} UTC, which is to come"
    if evidence.now - known_at <= LONGEST_SILENCE:
        return None
    days = (evidence.now - known_at).days
    return "leap", f"nothing ran for {days} days, or the clocks of process and database are both wrong"


def doubt_portions(
    portions: Callable[[datetime], Portion | Sequence[Portion]],
) -> Callable[[Connection, Evidence], Doubt]:
    """Return what doubts a run after too long a silence, and one that takes too much of a portion."""

    def doubt(connection: Connection, evidence: Evidence) -> Doubt:
        if leap := doubt_leap(evidence):
            return leap
        found = portions(evidence.now)
        for portion in [found] if isinstance(found, Portion) else found:
            if excess := portion.excess(connection):
                return "share", excess
        return None

    return doubt


def _doubt_step(look: tuple[float, datetime] | None, passed: float, evidence: Evidence) -> Doubt:
    """Doubt a database's time that went on by more than has passed since this process looked last."""
    if look is None:
        return None
    step = evidence.now - look[1] - timedelta(seconds=passed - look[0])
    if step <= LONGEST_STEP:
        return None
    return "leap", f"the clocks went on by {step.total_seconds() / 3600:.0f} h more than has passed"


def require(
    job: str,
    database: str | None,
    before: datetime,
    evidence: Evidence,
    after: datetime,
    doubt: Callable[[Evidence], Doubt],
) -> None:
    """Refuse a run whose clock is in doubt.

    Args:
        database: the name of the database.
        before: the process's time when it asked the database.
        after: the process's time when it had the answer.
        doubt: is asked where no operator has allowed the run.

    Raises:
        RunRefused: it must not run.
    """
    off = max(before - evidence.now, evidence.now - after)
    if off > AHEAD:
        side = "ahead of" if before > evidence.now else "behind"
        raise RunRefused(job, "clock", f"a process is {off.total_seconds():.0f} s {side} its database")
    key, passed = (database, job), boottime()
    if evidence.allowed_by is not None:
        log.warning("a destructive job runs since somebody allowed it", job=job, by=evidence.allowed_by)
    elif found := _doubt_step(_looks.get(key), passed, evidence) or doubt(evidence):
        raise RunRefused(job, *found)
    _looks[key] = passed, evidence.now


def run(
    engine: Engine, job: str, work: Callable[[], None], doubt: Callable[[Connection, Evidence], Doubt]
) -> None:
    """Run a job unless its clock is in doubt, and record that it ran.

    Args:
        engine: of the database from which it takes something.
        work: the job; it uses transactions of its own.
        doubt: is asked where no operator has allowed the run.

    Raises:
        RunRefused: it did not run; the refusal is recorded.
    """
    try:
        with engine.begin() as connection:
            before = now()
            row = connection.exec_driver_sql(EVIDENCE, {"job": job}).one()
            require(
                job,
                engine.url.database,
                before,
                Evidence(*row),
                now(),
                lambda evidence: doubt(connection, evidence),
            )
    except RunRefused as refused:
        with engine.begin() as connection:
            connection.exec_driver_sql(RECORD_REFUSAL, refused.row)
        raise
    work()
    with engine.begin() as connection:
        connection.exec_driver_sql(RECORD_RUN, {"job": job})


def forget_refusal(engine: Engine, job: str) -> None:
    """Take back that a job is refused: it has nothing to do any more."""
    with engine.begin() as connection:
        connection.exec_driver_sql(FORGET_REFUSAL, {"job": job})
