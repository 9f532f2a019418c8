"""Many rows in one statement.

The ORM renders a statement for the number of rows that it is given, and the driver parses it. The statements
here are the same for any number of rows: these travel as one JSON value, which PostgreSQL takes apart.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

Row = Mapping[str, Any]
"""Values by the key of their column. All rows of a call have the same keys."""
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def insert_rows(session: Session, table: Table, rows: Sequence[Row], *, unless: str = "false") -> int:
    """Insert rows; leave out those that a constraint or a trigger refuses. Return how many were inserted.

    Args:
        rows: at least one.
        unless: as for `insert_sql`.
    """
    sql = insert_sql(table, tuple(rows[0]), skip_existing=True, unless=unless)
    statement = sql.format(rows="rows", record="recordset")
    return len(session.connection().execute(text(statement), {"rows": as_json(list(rows))}).all())


def as_json(rows: Row | Sequence[Row]) -> str:
    """Return what the parameter of a statement takes."""
    return json.dumps(rows, default=str)


@cache
def insert_sql(table: Table, keys: tuple[str, ...], *, skip_existing: bool, unless: str = "false") -> str:
    """Return a statement that inserts the rows of its parameter; it returns a row for each.

    Its two placeholders are ``{rows}``, the name of the parameter, and ``{record}``: ``recordset`` for a list
    of rows, ``record`` for one row alone, for which PostgreSQL then plans.

    Args:
        keys: of the columns, which each row has.
        skip_existing: leave out a row that a unique constraint refuses.
        unless: a condition made of constants; a row ``given`` for which it holds is left out, too.
    """
    skip = "on conflict do nothing " if skip_existing else ""
    names = _listed(_name(table, key) for key in keys)
    given = _listed(f'given."{key}"' for key in keys)
    return (
        f"insert into {table.name} ({names}) select {given} from {given_rows(table, keys)} "  # noqa: S608  names of our own columns
        f"where not {unless} {skip}returning 1"
    )


@cache
def update_sql(table: Table, keys: tuple[str, ...], *, only: str = "true") -> str:
    """Return a statement that updates rows, as `insert_sql`. Each has its primary key and the new values.

    ``only`` is a condition made of constants; a row for which it does not hold stays as it is.
    """
    own = [column.key for column in table.primary_key]
    changed = _listed(f'{_name(table, key)} = given."{key}"' for key in keys if key not in own)
    same = " and ".join(f'{table.name}.{_name(table, key)} = given."{key}"' for key in own)
    given = given_rows(table, keys)
    return f"update {table.name} set {changed} from {given} where {same} and {only} returning 1"  # noqa: S608  names of our own columns


def given_rows(table: Table, keys: tuple[str, ...]) -> str:
    """Return the rows of the parameter as PostgreSQL's ``given``, as in `insert_sql`."""
    columns = _listed(f'"{key}" {table.c[key].type.compile(_DIALECT)}' for key in keys)
    return f"json_to_{{record}}(cast(:{{rows}} as json)) as given({columns})"


def array_of(name: str, kind: str) -> str:
    """Return the parameter of this name, an array of a type, for a statement that is planned once.

    The array is the result of a subquery, whose length PostgreSQL never knows when it plans. If the parameter
    stood there itself, a plan for the given array would look cheaper than one for any, and PostgreSQL would
    plan the prepared statement anew each time (manual, PREPARE).
    """
    return f"array(select unnest(cast(:{name} as {kind}[])))"


def _name(table: Table, key: str) -> str:
    return f'"{table.c[key].name}"'


def _listed(parts: Iterable[str]) -> str:
    return ", ".join(parts)
