"""Tell another process, after a commit, that there is work for it: PostgreSQL's NOTIFY.

In the transaction itself NOTIFY would take a lock at the commit that all databases of a server share, and
hold it until the commit is on disk, so all commits would stand in one queue. So it has a transaction of its
own, which does not wait for the disk. It may be lost with its process: whoever listens also looks by itself,
less often.
"""

from contextlib import suppress

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

OUTBOX = "outbox"
"""The channel on which the relay of a database listens."""
_WAKES = "wakeups"
"""Where `session.info` has the channels to notify, each with what is told there."""
_NOTIFY = text("select set_config('synchronous_commit', 'off', true), pg_notify(:channel, :told)")


def wake(session: Session, channel: str, told: str = "") -> None:
    """Tell who listens on a channel something, once the transaction of a session is committed."""
    session.info.setdefault(_WAKES, set()).add((channel, told))


def notify(session: Session, engine: Engine) -> None:
    """Tell what a session that was committed had to tell, in transactions of their own."""
    for channel, told in session.info.pop(_WAKES, ()):
        with suppress(DBAPIError, PoolTimeout), engine.connect() as connection:
            connection.execute(_NOTIFY, {"channel": channel, "told": told})
