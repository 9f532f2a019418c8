"""Bring the database of a service to its newest schema."""

from pathlib import Path

from services.chassis.db import migrate

SERVICES = Path(__file__).parents[1]


def upgrade(service: str, url: str, kept_months: int | None = None) -> None:
    """Run the service's migrations that its database has not seen; the arguments are those of `migrate`."""
    migrate.upgrade(SERVICES / service / "migrations", url, kept_months)
