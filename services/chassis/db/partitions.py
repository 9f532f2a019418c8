"""Tables that are partitioned by month. Neither adding nor dropping a month locks anything.

There is no default partition: beside one, PostgreSQL cannot detach another without locking the whole table.
So that an insert of the present never fails, months are added long ahead (by each migration and by the hourly
housekeeping, with a metric of how far they reach). The first partition has no lower bound. Once it is
dropped, an insert that is older than the oldest month fails.

A service may not create tables. It adds months by a function of the database's owner that does nothing else
(`install`). Only the owner drops months, in each migration: a detached month is history.
"""

from datetime import datetime

from sqlalchemy import Connection, Engine, text

from contracts.model import IST
from services.chassis.db.locks import TRY_SESSION_LOCK, lock
from services.chassis.db.retention import month_start
from services.chassis.runtime import metrics

MONTHS_AHEAD = 6
_GONE = "e-Pass drops this table once nothing reads it"
"""Comment on a partition that is to be dropped, by which a run finds what an interrupted one has detached."""
_PARTITIONS = """
select parent.relname as "table", child.relname as name, inhdetachpending as pending,
  substring(pg_get_expr(child.relpartbound, child.oid) from $$TO \\('([^']+)'\\)$$)::timestamptz as until
from pg_inherits
join pg_class parent on parent.oid = inhparent and parent.relkind = 'p'
join pg_class child on child.oid = inhrelid
where parent.relnamespace = current_schema()::regnamespace
order by "table", until
"""
_FUNCTION = r"""
create or replace function add_month(parent name, starts timestamptz, ends timestamptz) returns void
language plpgsql security definer set search_path from current as $$
declare
  partition name := parent || to_char(starts at time zone 'Asia/Kolkata', '_YYYY_MM');
  following timestamptz := (
    date_trunc('month', starts at time zone 'Asia/Kolkata') + interval '1 month'
  ) at time zone 'Asia/Kolkata';
  reach timestamptz;
begin
  select max(substring(pg_get_expr(child.relpartbound, child.oid) from $b$TO \('([^']+)'\)$b$)::timestamptz)
  into reach from pg_catalog.pg_inherits
    join pg_catalog.pg_class as one on one.oid = inhparent and one.relkind = 'p' and one.relname = parent
      and one.relnamespace = current_schema()::regnamespace
    join pg_catalog.pg_class as child on child.oid = inhrelid;
  if reach is distinct from starts or ends is distinct from following then
    raise exception 'only the month after the last one of a partitioned table can be added';
  end if;
  execute format('create table %I (like %I including defaults)', partition, parent);
  execute format(
    'alter table %I attach partition %I for values from (%L) to (%L)', parent, partition, starts, ends
  );
end $$
"""
_ADD_MONTH = text("select add_month(cast(:parent as name), :starts, :ends)")
_DETACHED = """
select relname from pg_class
where relnamespace = current_schema()::regnamespace and relkind = 'r' and not relispartition
  and obj_description(oid, 'pg_class') = :gone
"""


def install(connection: Connection) -> None:
    """Make the function by which a service adds months, in the schema of its tables."""
    lock(connection, "add_months")
    connection.execute(text(_FUNCTION))


def add_first_month(connection: Connection, table: str) -> None:
    """Add the first partition of a table that a migration has just created; it ends with this month."""
    until = month_start(connection.execute(text("select now()")).scalar_one(), 1)
    connection.execute(
        text(
            f"create table {table}_until_{until.astimezone(IST):%Y_%m} partition of {table} "
            f"for values from (minvalue) to ('{until.isoformat()}')"
        )
    )


def add_months(connection: Connection, now: datetime) -> None:
    """Add the months that are missing ahead of an instant, to each partitioned table."""
    lock(connection, "add_months")
    reach = {one.table: one.until for one in connection.execute(text(_PARTITIONS))}  # the last one counts
    for table, end in reach.items():
        until = end
        while until < month_start(now, MONTHS_AHEAD + 1):
            following = month_start(until, 1)
            connection.execute(_ADD_MONTH, {"parent": table, "starts": until, "ends": following})
            until = following
        metrics.PARTITIONS_UNTIL.labels(table).set(until.timestamp())


def ended(connection: Connection, before: datetime) -> bool:
    """Return whether `drop_months` would drop anything."""
    if connection.scalars(text(_DETACHED), {"gone": _GONE}).first() is not None:
        return True
    return any(one.until <= before for one in connection.execute(text(_PARTITIONS)))


def drop_months(engine: Engine, before: datetime) -> None:
    """Drop the partitions that end by an instant, as their owner; of two calls at once one returns at once.

    A month is first detached, which waits for transactions that have the table open, while everybody goes on.
    If that takes too long, or the process dies, the next call goes on from there.
    """
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()  # from the pool: it is closed at the end, and its lock with it
        if not connection.exec_driver_sql(TRY_SESSION_LOCK, ("partitions",)).scalar():
            return
        for one in connection.execute(text(_PARTITIONS)).all():
            if one.until <= before:
                connection.execute(text(f"comment on table {one.name} is '{_GONE}'"))
                how = "finalize" if one.pending else "concurrently"
                connection.execute(text(f"alter table {one.table} detach partition {one.name} {how}"))
        for name in connection.scalars(text(_DETACHED), {"gone": _GONE}).all():
            connection.execute(text(f"drop table {name}"))
