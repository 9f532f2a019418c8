"""One moment of six databases, although each of them is dumped for itself while everything works.

A dump is of its database's own moment, and six moments may contradict each other: a consumer that has seen an event
which its producer has not yet said can never be brought together with it again. So for the few milliseconds in which
the six snapshots are taken no consumer commits: ``inbox``, into which each of them must write in the transaction of its
effect, is locked against writing in all six. What a consumer has seen in its snapshot it has then seen before the first
snapshot was taken, so its producer had said it by then. The other way round is harmless: what a consumer has not yet
seen is sent to it again (``replay.py``). Requests go on all the while.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
from psycopg import IsolationLevel

from deploy.local.errors import StackFailed

ORDER = ("verify", "notify", "approval", "application", "issuance", "accounts")
"""What people carry from one service to the next (a pass to the gate or to the printer, a session) is taken after where it is carried to."""
LOCK = "lock table inbox in share mode"
FIRST = "select 1"
"""A snapshot is taken by the first statement."""
TRIES, LOCK_SECONDS = 10, 2
"""A consumer at work is waited for so long with the others held; then they are let go and it is tried again."""
Connection = psycopg.Connection[Any]


@contextmanager
def snapshots(url: Callable[[str], str]) -> Iterator[dict[str, Connection]]:
    """A connection to each database, all within one moment for as long as the block lasts; each can export its snapshot.

    Args:
        url: the address of a service's database, for a role that owns it.

    Raises:
        StackFailed: consumers left no moment.
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
        raise StackFailed("the consumers left no moment for a snapshot: try again when less is going on")


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
