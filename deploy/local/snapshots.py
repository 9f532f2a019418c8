"""Snapshots of six databases that agree with each other, taken while everything works.

Six dumps of six moments could contradict each other: if a consumer has received an event that its producer
has not published yet, the two can never be reconciled. So no consumer commits during the few milliseconds in
which the six snapshots are taken: ``inbox``, into which every consumer writes in the transaction of its
effect, is locked against writing in all six databases. Whatever a consumer has received in its snapshot it
received before the first snapshot was taken, so its producer had published it by then. The opposite is
harmless: an event that a consumer has not received is sent again (``services/ops/unseen_events.py``). RPC
requests continue meanwhile.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
from psycopg import IsolationLevel

from deploy.local.errors import StackFailed

ORDER = ("verify", "notify", "approval", "application", "issuance", "accounts")
"""Downstream first: what people take from one service to the next (a pass, a session) is recorded in the
later one first."""
LOCK = "lock table inbox in share mode"
FIRST = "select 1"
"""The first statement of a transaction takes its snapshot."""
TRIES, LOCK_SECONDS = 10, 2
"""If a consumer holds its lock for longer than that, all locks are released and everything is tried again."""
Connection = psycopg.Connection[Any]


@contextmanager
def snapshots(url: Callable[[str], str]) -> Iterator[dict[str, Connection]]:
    """Open a connection to each database, all with snapshots that agree; each can export its snapshot.

    Args:
        url: the address of a service's database, for a role that owns it.

    Raises:
        StackFailed: the consumers held their locks for too long.
    """
    with ExitStack() as held:
        found = {name: held.enter_context(_frozen(url(name))) for name in ORDER}
        for _ in range(TRIES):
            try:
                with ExitStack() as locks:
                    for name in ORDER:
                        locks.enter_context(_locked(url(name)))
                    for connection in found.values():
                        connection.execute(FIRST)
            except psycopg.errors.LockNotAvailable:
                continue
            yield found
            return
        raise StackFailed("the consumers left no moment for a snapshot: try again under less load")


@contextmanager
def _frozen(url: str) -> Iterator[Connection]:
    with psycopg.connect(url, connect_timeout=5) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection


@contextmanager
def _locked(url: str) -> Iterator[None]:
    with psycopg.connect(url, connect_timeout=5, options=f"-c lock_timeout={LOCK_SECONDS}s") as connection:
        connection.execute(LOCK)
        yield
