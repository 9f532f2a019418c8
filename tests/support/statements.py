"""The statements that some work sends to a database."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import event

from services.chassis.db.database import Database


def sent_by(database: Database, work: Callable[[], object]) -> list[str]:
    """Do some work and return its statements, without those that begin and end transactions."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    return sent
