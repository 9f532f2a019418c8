"""Alembic's entry into this service's history."""

from services.chassis.migrate import run_environment

run_environment()
