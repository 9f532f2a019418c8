"""What the server of a database says, as SQL: its clock, and the timeline on which it writes."""

from datetime import datetime

from sqlalchemy import TIMESTAMP, BindParameter, ColumnElement, SQLColumnExpression, func

from contracts.model import AHEAD

TIMELINE = "('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint"
"""Each promotion of a standby raises it. One that lacked the last transactions uses their numbers again."""


def latest(now: datetime | BindParameter[datetime]) -> ColumnElement[datetime]:
    """Return this instant by the process's clock or the database's, whichever is later."""
    return func.greatest(now, func.statement_timestamp(), type_=TIMESTAMP(timezone=True))


def is_future(
    instant: SQLColumnExpression[datetime] | SQLColumnExpression[datetime | None],
    now: datetime | BindParameter[datetime],
) -> ColumnElement[bool]:
    """Return whether a stored instant of the past is from the future; then it is no mark to go by.

    It is ahead of both clocks: to a process whose own is behind, each right one is ahead.
    """
    return instant > latest(now) + AHEAD
