"""Tell another process, after a commit, that there is work for it: PostgreSQL's NOTIFY.

In the transaction itself NOTIFY would take a lock at the commit that all databases of a server share, and
hold it until the commit is on disk, so all commits would stand in one queue. So it has a transaction of its
own, which does not wait for the disk. It may be lost with its process: whoever listens also looks by itself,
less often.
"""

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from services.chassis.db import bulk
from services.chassis.runtime.logs import logger

log = logger(__name__)
OUTBOX = "outbox"
"""The channel on which the relay of a database listens."""
_WAKES = "wakeups"
"""Where `session.info` has the channels to notify, each with what is told there."""
_NOTIFY = text(f"""
select set_config('synchronous_commit', 'off', true), set_config('lock_timeout', '200ms', true),
  pg_notify(channel, told)
from unnest({bulk.array_of("channels", "text")}, {bulk.array_of("told", "text")}) as one (channel, told)
""")  # noqa: S608  made of constants
"""Somebody waits for the reply to what was committed, so it waits for the lock of NOTIFY for a short time."""


def wake(session: Session, channel: str, told: str = "") -> None:
    """Tell who listens on a channel something, once the transaction of a session is committed."""
    session.info.setdefault(_WAKES, set()).add((channel, told))


def notify(session: Session, engine: Engine) -> None:
    """Tell what a session that was committed had to tell, in a transaction of its own."""
    waiting = session.info.pop(_WAKES, None)
    if not waiting:
        return
    channels, told = zip(*sorted(waiting), strict=True)
    try:
        with engine.connect() as connection:
            connection.execute(_NOTIFY, {"channels": [*channels], "told": [*told]})
    except SQLAlchemyError as error:  # the commit stands, and who was not told looks by itself
        log.warning("nobody was told of a commit", error=type(error).__name__)
