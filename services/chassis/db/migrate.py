"""Bring a database to its newest schema, with an Alembic history that the caller hands in."""

from pathlib import Path

from alembic import command, context
from alembic.config import Config
from sqlalchemy import NullPool, create_engine, text

from services.chassis.db.locks import lock

LOCK_TIMEOUT = "5s"
"""How long a migration waits for a table that somebody else uses."""


def upgrade(folder: Path, url: str) -> None:
    """Run all migrations that the database has not seen.

    Args:
        folder: the Alembic history of the service.
        url: of its database.
    """
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.attributes["url"] = url
    command.upgrade(config, "head")


def run_environment() -> None:
    """Run each migration in a transaction of its own, and of several processes one after the other.

    Each ``migrations/env.py`` calls this. A migration that waits for a table longer than LOCK_TIMEOUT fails,
    since every request to that table waits behind it; those before it stay, and the next run goes on from
    there.
    """
    engine = create_engine(context.config.attributes["url"], poolclass=NullPool)
    with engine.connect() as turn, engine.connect() as connection:
        lock(turn, "migrations")
        connection.execute(text(f"set lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        context.configure(connection=connection, transaction_per_migration=True)
        context.run_migrations()
