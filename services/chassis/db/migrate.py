"""Bring a database to its newest schema, with an Alembic history that the caller hands in."""

from pathlib import Path

from alembic import command, context
from alembic.config import Config
from sqlalchemy import create_engine

from services.chassis.db.locks import lock


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
    """Run the migrations in one transaction, under a lock. Each ``migrations/env.py`` calls this."""
    engine = create_engine(context.config.attributes["url"])
    with engine.begin() as connection:
        lock(connection, "migrations")
        context.configure(connection=connection)
        context.run_migrations()
    engine.dispose()
