"""The statements that some work sends to a database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from services.chassis.db.database import Database


@contextmanager
def heard(database: Database, name: str, listener: Callable[..., None]) -> Iterator[None]:
    """Call a listener for each event of this name, and no longer: later tests share the engine."""
    event.listen(database.engine, name, listener)
    try:
        yield
    finally:
        event.remove(database.engine, name, listener)


def sent_by(database: Database, work: Callable[[], object]) -> list[str]:
    """Do some work and return its statements, without those that begin and end transactions."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    with heard(database, "before_cursor_execute", note):
        work()
    return sent
