"""Advisory locks of PostgreSQL, named by a text. All services lock through this module.

A lock belongs to the database of the session: two services may use the same name. PostgreSQL knows locks by a
64-bit number, so each name is hashed on the server (``hashtextextended``).
"""

from sqlalchemy import BindParameter, ColumnElement, Connection, func, select
from sqlalchemy.orm import Session

TRY_SESSION_LOCK = "select pg_try_advisory_lock(hashtextextended(%s, 0))"
"""SQL for psycopg: take a lock that lasts as long as the connection.

The parameter is the name; the result is whether the lock was free.
"""

TRY_LOCK = "pg_try_advisory_xact_lock(hashtextextended('{name}', 0))"
"""SQL of `try_lock`, where a statement evaluates it; the name is a constant."""


def lock(session: Session | Connection, name: str) -> None:
    """Take a lock and hold it until the transaction ends; wait while another transaction holds it.

    Raises:
        sqlalchemy.exc.OperationalError: the wait took longer than the connection's ``lock_timeout``.
    """
    session.execute(select(locked(name)))


def locked(name: str | BindParameter[str]) -> ColumnElement[None]:
    """Return what takes a lock, as `lock`, where a statement evaluates it."""
    return func.pg_advisory_xact_lock(func.hashtextextended(name, 0))


def lock_shared(session: Session | Connection, name: str) -> None:
    """Take a lock beside others who share it until the transaction ends; wait while `lock` holds it.

    Raises:
        sqlalchemy.exc.OperationalError: as `lock`.
    """
    session.execute(select(func.pg_advisory_xact_lock_shared(func.hashtextextended(name, 0))))


def try_lock(session: Session | Connection, name: str) -> bool:
    """Take a lock until the transaction ends; return false at once if another transaction holds it."""
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(func.hashtextextended(name, 0)))))
