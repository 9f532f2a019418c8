"""Seals chain the rows of the audit log, a few seconds after they were added.

Transactions add rows without waiting for each other. One process at a time, by a lock, then takes the rows
that no seal has yet, in the order of their positions, and adds a seal: which rows, how many, a digest of
them, and the digest of the seal before it. A row whose transaction ends late comes into a later seal. So a
row that is edited, removed, reordered, or slipped in under an old seal, no longer fits its seal; and a seal
that is changed does not fit the next one. That the newest seals were cut off shows by the heads that were
published (``heads.py``).

A table that is a record already (verify's scans) is sealed as it is, beside the audit log.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from contracts.model import IST
from services.chassis.audit import heads, refusals
from services.chassis.db.database import Database
from services.chassis.db.locks import try_lock
from services.chassis.db.retention import kept_since
from services.chassis.runtime import clock, metrics
from services.chassis.runtime.jobs import Job
from services.chassis.runtime.logs import logger

log = logger(__name__)
SECONDS = 15.0
"""Between two looks for rows without a seal."""
ROWS = 10_000
"""Of one look."""
SETTLED = timedelta(minutes=5)
"""Transactions here are far shorter: the server ends one that waits for 10 s, and a statement of 8 s.

So a row that is added below the newest position is there at the next look after this time, or never.
"""
NOTHING = hashlib.sha256().hexdigest()


@dataclass(frozen=True)
class Source:
    """A table whose rows are sealed. It has a column ``position`` that rises, and is partitioned by month.

    Attributes:
        table: its name.
        at: the column by whose month it is partitioned.
        columns: what never changes in a row; the digest covers it.
    """

    table: str
    at: str
    columns: tuple[str, ...]

    @property
    def line(self) -> str:
        """SQL for the text of a row that the digest covers, in a session whose time zone is UTC."""
        return f"jsonb_build_array(position, {', '.join(self.columns)})::text"

    @property
    def month(self) -> str:
        """SQL for the first day of a row's month, in India."""
        return f"date_trunc('month', {self.at} at time zone interval '+05:30')::date"


AUDIT_LOG = Source(
    "audit_log",
    "at",
    ("id", "at", "actor", "role", "action", "objects", "result", "address", "correlation_id"),
)


@dataclass(frozen=True)
class Seal:
    """A link of the chain."""

    number: int
    source: str
    month: date
    """All of its rows are of one month, so that a month can be dropped."""
    positions: str
    """The rows, as PostgreSQL writes an ``int8multirange``."""
    through: int
    """The highest position of the source in this seal or in one before it."""
    rows: int
    digest: str
    """SHA-256 of the lines of the rows, with a line feed between them."""
    sealed_at: datetime
    pruned_before: date
    """Rows of earlier months are dropped by then, as the rule for keeping records says."""
    previous: str

    def head(self, service: str) -> str:
        """Return the digest of this seal, which the next one has as ``previous``."""
        values = [
            value.astimezone(UTC).isoformat(timespec="microseconds")
            if isinstance(value, datetime)
            else value.isoformat()
            if isinstance(value, date)
            else value
            for value in astuple(self)
        ]
        sealed = json.dumps(["epass audit seal 1", service, *values], separators=(",", ":"))
        return hashlib.sha256(sealed.encode()).hexdigest()


@dataclass
class Remembered:
    """The newest seal that a process has seen: a chain without it was cut off or made anew."""

    number: int = 0
    head: str = ""

    def is_in(self, session: Session) -> bool:
        """Return whether the chain still has the seal."""
        return not self.number or session.execute(_HEAD, {"number": self.number}).scalar() == self.head


COLUMNS = "number, source, month, positions::text, through, rows, digest, sealed_at, pruned_before, previous"
_NEWEST = text(f"select {COLUMNS}, head from audit_seals order by number desc limit 1")  # noqa: S608  names of our own
_HEAD = text("select head from audit_seals where number = :number")
_SETTLED = text("""
  select number, through from audit_seals
  where source = :source and sealed_at <= (
    select sealed_at from audit_seals where source = :source order by number desc limit 1
  ) - cast(:settled as interval)
  order by number desc limit 1
""")
"""The newest seal below which nothing is added: a later one proves that somebody looked after that time.

While nobody sealed, as in an outage, rows were added below the last seal that no look has seen yet.
"""
_THROUGH = text("select through from audit_seals where source = :source order by number desc limit 1")
_ADD = text("""
  insert into audit_seals (number, source, month, positions, through, rows, digest, sealed_at, pruned_before,
    previous, head)
  values (:number, :source, :month, cast(:positions as int8multirange), :through, :rows, :digest, :sealed_at,
    :pruned_before, :previous, :head)
""")


def seal(
    db: Database,
    service: str,
    sources: Sequence[Source],
    kept_months: int,
    now: datetime | None = None,
    remembered: Remembered | None = None,
) -> int:
    """Seal rows that have no seal yet, and sign the newest head if that is due; return how many rows.

    While another process does it, do nothing and return 0. A chain that lacks the seal that is remembered
    goes on, since rows without a seal would be worse, and its head is not signed.

    Args:
        service: whose it is.
        sources: its tables that are sealed.
        kept_months: of the settings.
        now: the time; by default that of the database, because clocks of processes differ.
        remembered: what this process has seen; it is updated.
    """
    remembered = remembered or Remembered()
    with db.transaction() as session:
        if not try_lock(session, "audit seals"):
            return 0
        is_whole = remembered.is_in(session)
        now = now or session.execute(text("select now()")).scalar_one()
        sealed = sum(_seal_source(session, service, one, now, kept_months) for one in sources)
        newest = session.execute(_NEWEST).one_or_none()
        if newest is not None and newest.pruned_before < _pruned_before(now, kept_months):
            month = now.astimezone(IST).date().replace(day=1)
            _add(session, service, AUDIT_LOG.table, now, kept_months, (month, "{}", 0, 0, NOTHING))
        if is_whole:
            heads.sign_if_due(session, service, now)
        newest = session.execute(_NEWEST).one_or_none()
    if not is_whole:
        log.error("the audit log was made anew or cut off; its head is not signed", seal=remembered.number)
        metrics.AUDIT_CHAIN_LOST.labels(service).set(1)
    elif newest is not None:
        remembered.number, remembered.head = newest.number, newest.head
        metrics.AUDIT_CHAIN_LOST.labels(service).set(0)
    return sealed


def _seal_source(session: Session, service: str, source: Source, now: datetime, kept_months: int) -> int:
    settled = session.execute(_SETTLED, {"source": source.table, "settled": SETTLED}).one_or_none()
    number, after = (0, 0) if settled is None else settled
    parameters = {"source": source.table, "number": number, "after": after, "most": ROWS}
    found = session.execute(_unsealed(source), parameters).all()
    for one in found:
        _add(session, service, source.table, now, kept_months, one)
    return sum(one.rows for one in found)


def _unsealed(source: Source) -> TextClause:
    return text(f"""
      with fresh as materialized (
        select position, {source.month} as month, {source.line} as line from {source.table} as source
        where position > :after and not exists (
          select from audit_seals
          where number > :number and audit_seals.source = :source and positions @> source.position
        )
        order by position limit :most
      )
      select month, range_agg(int8range(position, position, '[]'))::text as positions,
        max(position) as through, count(*) as rows,
        encode(sha256(convert_to(string_agg(line, E'\\n' order by position), 'UTF8')), 'hex') as digest
      from fresh group by month order by month
    """)  # noqa: S608  names of our own


def _add(
    session: Session, service: str, source: str, now: datetime, kept_months: int, rows: Sequence[object]
) -> None:
    """Add a seal for rows: their month, positions, highest position, number and digest."""
    newest = session.execute(_NEWEST).one_or_none()
    month, positions, through, count, digest = rows
    pruned_before = _pruned_before(now, kept_months)
    before = session.execute(_THROUGH, {"source": source}).scalar() or 0
    one = Seal(
        number=newest.number + 1 if newest is not None else 1,
        source=source,
        month=month,  # type: ignore[arg-type]  # columns of our own queries
        positions=positions,  # type: ignore[arg-type]
        through=max(before, through),  # type: ignore[call-overload]
        rows=count,  # type: ignore[arg-type]
        digest=digest,  # type: ignore[arg-type]
        sealed_at=max(newest.sealed_at, now) if newest is not None else now,
        pruned_before=max(newest.pruned_before, pruned_before) if newest is not None else pruned_before,
        previous=newest.head if newest is not None else "",
    )
    session.execute(_ADD, {**vars(one), "head": one.head(service)})


def _pruned_before(now: datetime, kept_months: int) -> date:
    return kept_since(now, kept_months).astimezone(IST).date()


def run(db: Database, service: str, sources: Sequence[Source], kept_months: int) -> None:
    """Seal every few seconds, and add the refusals of minutes that are over, until the process stops."""
    remembered = Remembered()

    def seal_all() -> None:
        try:
            refusals.write(db, clock.now())
        finally:  # neither waits for the other: what is not added is lost after a while
            while seal(db, service, sources, kept_months, remembered=remembered) >= ROWS:
                pass

    Job("seal_records", SECONDS).repeat(seal_all, first=SECONDS)
