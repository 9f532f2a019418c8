"""Bring the database of a service to its newest schema, and give the roles their rights there."""

from pathlib import Path

import psycopg

from services.chassis.db import migrate
from services.chassis.runtime.logs import logger
from services.ops import grants

log = logger(__name__)
SERVICES = Path(__file__).parents[1]


def upgrade(service: str, url: str, kept_months: int | None = None) -> None:
    """Run the service's migrations that its database has not seen; the arguments are those of `migrate`."""
    migrate.upgrade(_history(service), url, kept_months)


def grant(service: str, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
    """Give the roles their rights in a service's database, unless a later release has: then those stay.

    Args:
        service: whose database it is, which is migrated.
        connection: to it, as its owner or the superuser.
    """
    found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if found is not None and migrate.is_of_a_later_release(_history(service), str(found[0])):
        log.warning("a later release has made this database: its rights stay as they are", service=service)
        return
    for statement in grants.statements(service):
        connection.execute(statement)


def _history(service: str) -> Path:
    return SERVICES / service / "migrations"
