"""Bring the database of a service to its newest schema."""

from pathlib import Path

from services.chassis.db import migrate

SERVICES = Path(__file__).parents[1]


def upgrade(service: str, url: str) -> None:
    """Run the service's migrations that its database, at ``url``, has not seen."""
    migrate.upgrade(SERVICES / service / "migrations", url)
