"""Alembic's entry into this service's history."""

from services.chassis.db.migrate import run_environment

run_environment()
