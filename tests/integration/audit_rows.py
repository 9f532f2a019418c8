"""Reads the audit log of a service in tests."""

from sqlalchemy import select

from services.chassis.db.database import Database
from services.chassis.db.tables import audit_log


def tasks(db: Database) -> list[tuple[str, list[str]]]:
    """Return what was done at the command line, with its objects, in order."""
    log = audit_log.c
    query = select(log.action, log.objects).where(log.actor == "command line").order_by(log.at, log.position)
    with db.queries() as session:
        return [(row.action, row.objects) for row in session.execute(query)]
