"""Bring a database to its newest schema, with an Alembic history that the caller hands in."""

from datetime import datetime
from pathlib import Path
from time import sleep

from alembic import command, context, op
from alembic.config import Config
from sqlalchemy import NullPool, create_engine, text

from services.chassis.db import partitions, tables
from services.chassis.db.locks import TRY_SESSION_LOCK
from services.chassis.runtime.clock import now

LOCK_TIMEOUT = "5s"
"""How long a migration waits for a table that somebody else uses."""
TURN_SECONDS = 0.1
"""The pause between two tries to take the turn."""


def upgrade(folder: Path, url: str, kept_since: datetime | None = None) -> None:
    """Run all migrations that the database has not seen, add months ahead, and drop those that have ended.

    Args:
        folder: the Alembic history of the service.
        url: of its database, for the role that owns it.
        kept_since: months that ended before are dropped; None drops none.
    """
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.attributes["url"] = url
    command.upgrade(config, "head")
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(f"set lock_timeout = '{LOCK_TIMEOUT}'"))
        partitions.install(connection)
        tables.guard_seals(connection)
        partitions.add_months(connection, now())
    if kept_since is not None:
        partitions.drop_months(engine, kept_since)


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
