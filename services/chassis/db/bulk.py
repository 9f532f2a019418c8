"""Many rows in one statement.

The ORM renders a statement for the number of rows that it is given, and the driver parses it. The statements
here are the same for any number of rows: these travel as one JSON value, which PostgreSQL takes apart.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table, text
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import TextClause

Row = Mapping[str, Any]
"""Values by the key of their column. All rows of a call have the same keys."""
_GIVEN = "json_populate_recordset(null::{table}, cast(:rows as json)) as given"


def insert_rows(session: Session, table: Table, rows: Sequence[Row]) -> int:
    """Insert rows; leave out those that a constraint or a trigger refuses. Return how many were inserted."""
    statement = _insert(table, tuple(rows[0]))
    return len(session.connection().execute(statement, {"rows": _json(table, rows)}).all())


def write_changes(session: Session, table: Table, names: Sequence[str], objects: Collection[object]) -> None:
    """Write these attributes of objects of the ORM, their key among them, and expunge the objects.

    The ORM would write each object with a statement of its own.
    """
    rows = [{name: getattr(one, name) for name in names} for one in objects]
    for one in objects:
        session.expunge(one)
    if rows:
        update_rows(session, table, rows)


def update_rows(session: Session, table: Table, rows: Sequence[Row]) -> None:
    """Update rows: each has its primary key and the new values."""
    session.connection().execute(_update(table, tuple(rows[0])), {"rows": _json(table, rows)})


def _json(table: Table, rows: Sequence[Row]) -> str:
    names = {key: table.c[key].name for key in rows[0]}
    return json.dumps([{names[key]: row[key] for key in names} for row in rows], default=str)


@cache
def _insert(table: Table, keys: tuple[str, ...]) -> TextClause:
    names = ", ".join(_quoted(table, key) for key in keys)
    return text(
        f"insert into {table.name} ({names}) select {names} from {_GIVEN.format(table=table.name)} "  # noqa: S608  names of our own columns
        "on conflict do nothing returning 1"
    )


@cache
def _update(table: Table, keys: tuple[str, ...]) -> TextClause:
    own = [column.key for column in table.primary_key]
    changed = ", ".join(
        f"{name} = given.{name}" for name in (_quoted(table, key) for key in keys if key not in own)
    )
    same = " and ".join(
        f"{table.name}.{name} = given.{name}" for name in (_quoted(table, key) for key in own)
    )
    return text(f"update {table.name} set {changed} from {_GIVEN.format(table=table.name)} where {same}")  # noqa: S608  names of our own columns


def _quoted(table: Table, key: str) -> str:
    return f'"{table.c[key].name}"'
