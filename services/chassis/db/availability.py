"""Whether a database can be used now.

This module holds which errors mean that it cannot, and the one function that waits until it can.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from services.chassis.db.database import LEAVING, Database
from services.chassis.runtime import lifecycle
from services.chassis.runtime.backoff import Backoff
from services.chassis.runtime.clock import monotonic
from services.chassis.runtime.logs import logger

log = logger(__name__)
T = TypeVar("T")
_AWAY = (*LEAVING, "53")
"""SQLSTATEs: what makes the pool leave a connection, and out of resources."""
_BUSY = frozenset({"55P03", "57014", "40P01", "40001"})
"""SQLSTATEs: lock not available, query cancelled by its time limit, deadlock, serialization failure."""


class StillAway(Exception):
    """The database could not be used for as long as the caller waits."""


def is_away(error: BaseException) -> bool:
    """Return whether an error means that the database cannot be used, not that a statement was wrong."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated or isinstance(error, InterfaceError):
        return True
    state = getattr(error.orig, "sqlstate", None)
    if (
        state is None
    ):  # without a statement it was connecting that failed; else the client refused the statement
        return isinstance(error, OperationalError) and error.statement is None
    return bool(state.startswith(_AWAY))


def is_busy(error: BaseException) -> bool:
    """Return whether other transactions made a statement fail: nothing was changed, it can be repeated."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _BUSY


def run_when_available(
    db: Database,
    work: Callable[[Session], T],
    *,
    part: str,
    also_when_busy: bool = False,
    as_query: bool = False,
    most_losses: int | None = None,
    patience: float = float("inf"),
    stop: threading.Event = lifecycle.stopping,
    while_waiting: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> T:
    """Do ``work`` in one transaction and return its result; while the database is away, wait and do it again.

    Args:
        work: may run several times, each time in a new transaction.
        part: who waits, for the log.
        also_when_busy: repeat the work also after a lock timeout, a deadlock or a statement that took too
            long.
        as_query: the work is one statement, which needs no BEGIN and no COMMIT (`Database.queries`).
        most_losses: how often in a row the work may lose its connection although the database can be used
            right after it. Then the work is the cause, and the error is raised.
        patience: seconds after the first failure from which on it waits no longer.
        stop: ends the waiting.
        while_waiting: a context that is open during each wait, such as a metric.

    Raises:
        Stopping: ``stop`` was set while the database was away.
        StillAway: ``patience`` has ended.
        DBAPIError: the work failed, or lost its connection too often.
    """
    backoff = Backoff()
    losses = 0
    until: float | None = None
    while True:
        try:
            with db.queries() if as_query else db.transaction() as session:
                return work(session)
        except (DBAPIError, PoolTimeout) as error:
            if not (is_away(error) or (also_when_busy and is_busy(error))):
                raise
            until = monotonic() + patience if until is None else until
            log.warning(f"{part} waits for its database", error=type(error).__name__)  # noqa: G004  no value of a person
            with while_waiting():
                lifecycle.pause(backoff.next_pause(), stop)
                is_lost = isinstance(error, DBAPIError) and error.statement is not None and db.is_available()
                losses = losses + 1 if is_lost else 0
                if losses == most_losses:
                    raise
                while not is_lost and not db.is_available():
                    if monotonic() >= until:
                        raise StillAway from error
                    lifecycle.pause(backoff.next_pause(), stop)
