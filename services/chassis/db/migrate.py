"""Bring a database to its newest schema, with an Alembic history that the caller hands in."""

import re
from pathlib import Path
from time import sleep

from alembic import command, context, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, NullPool, create_engine, text

from services.chassis.db import destructive_jobs, partitions, tables
from services.chassis.db.destructive_jobs import LONGEST_SILENCE, Doubt, Evidence, RunRefused
from services.chassis.db.locks import TRY_SESSION_LOCK
from services.chassis.db.retention import kept_since
from services.chassis.runtime.clock import is_ahead, now
from services.chassis.runtime.logs import logger

log = logger(__name__)
DROP = "drop_months"
"""The name of the job that drops old months."""
LOCK_TIMEOUT = "5s"
"""How long a migration waits for a table that somebody else uses."""
MOST_AHEAD = 20
"""So many migrations ahead a database may be for one to go back: more is not the release after this one."""
TURN_SECONDS = 0.1
"""The pause between two tries to take the turn."""


class UnknownRevision(Exception):
    """A database whose schema neither this release nor a later one has made."""


def is_of_a_later_release(folder: Path, revision: str | None) -> bool:
    """Return whether the revision of a database comes after the newest of this release.

    That release only added, so this one goes on there. It leaves what was added, and its rights, as they are.

    Args:
        folder: the Alembic history of the service, whose revisions are numbers of four digits.
        revision: of its database; None of one without any.
    """
    newest = ScriptDirectory(str(folder)).get_current_head()
    if revision is None or newest is None or not re.fullmatch(r"\d{4}", revision):
        return False
    return int(newest) < int(revision) <= int(newest) + MOST_AHEAD


def upgrade(folder: Path, url: str, kept_months: int | None = None) -> None:
    """Run all migrations that the database has not seen, add months ahead, and drop those that have ended.

    Where a later release has been, the schema stays as it is: this is the way back.

    Args:
        folder: the Alembic history of the service.
        url: of its database, for the role that owns it.
        kept_months: months that ended longer ago are dropped, unless a clock is in doubt; None drops none.

    Raises:
        UnknownRevision: before anything is changed, if a release before 0.18.0 has made the database.
    """
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if is_later := is_of_a_later_release(folder, found):
        log.warning("a later release has made this database: its schema stays as it is", revision=found)
    else:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.attributes["url"] = url
        command.upgrade(config, "head")
    with engine.begin() as connection:
        connection.execute(text(f"set lock_timeout = '{LOCK_TIMEOUT}'"))
        if not is_later:
            partitions.install(connection)
            tables.guard_seals(connection)
        partitions.add_months(connection, now())
    if kept_months is not None:
        _drop_months(engine, kept_months)


def _drop_months(engine: Engine, kept_months: int) -> None:
    """Drop months that are over for all that this database knows of the time, or say why none is dropped.

    A refusal leaves the upgrade whole: services start, and the next run tries again.
    """
    before = kept_since(now(), kept_months)

    def doubt(_connection: Connection, evidence: Evidence) -> Doubt:
        """Doubt a clock by which months are over that what was stored last would still keep."""
        known_at = evidence.newest_at
        if known_at is not None and is_ahead(known_at, evidence.now):
            known_at = None
        if known_at is not None and kept_since(known_at + LONGEST_SILENCE, kept_months) >= before:
            return None
        last = f"on {known_at:%Y-%m-%d}" if known_at else "at no known time"
        return "leap", f"months would be dropped, though the last job or event was {last}"

    with engine.connect() as connection:
        has_ended = partitions.ended(connection, before)
    if not has_ended:
        destructive_jobs.forget_refusal(engine, DROP)
        return
    try:
        destructive_jobs.run(engine, DROP, lambda: partitions.drop_months(engine, before), doubt)
    except RunRefused as refused:
        log.warning("no month is dropped", why=refused.detail)


def run_environment() -> None:
    """Run each migration in a transaction of its own, and of several processes one after the other.

    Each ``migrations/env.py`` calls this. A migration that waits for a table longer than LOCK_TIMEOUT fails,
    since every request to that table waits behind it; those before it stay, and the next run goes on from
    there.
    """
    engine = create_engine(context.config.attributes["url"], poolclass=NullPool)
    with engine.connect() as turn, engine.connect() as connection:
        turn.execution_options(isolation_level="AUTOCOMMIT")  # `create_index` waits for open transactions
        while not turn.exec_driver_sql(TRY_SESSION_LOCK, ("migrations",)).scalar():
            sleep(TURN_SECONDS)
        connection.execute(text(f"set lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        context.configure(connection=connection, transaction_per_migration=True)
        found = context.get_context().get_current_revision()
        if found is not None and found not in {one.revision for one in context.script.walk_revisions()}:
            raise UnknownRevision(
                f"this release does not know revision {found} of the database: it was made by a release "
                "before 0.18.0, of which none can be upgraded; nothing was changed"
            )
        context.run_migrations()


def create_index(name: str, on: str, *, unique: bool = False) -> None:
    """Create an index on ``table (columns)`` while others write to the table.

    What the migration did before is committed. One that was interrupted is made anew. It waits as long as
    other transactions last, and nobody waits for it.
    """
    with op.get_context().autocommit_block():
        op.execute("set lock_timeout = 0")
        op.execute(f"drop index concurrently if exists {name}")
        op.execute(f"create {'unique ' if unique else ''}index concurrently {name} on {on}")
        op.execute(f"set lock_timeout = '{LOCK_TIMEOUT}'")
