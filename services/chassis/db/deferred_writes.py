"""Writes that wait for the end of the transaction and travel together.

A handler adds writes whose results it does not read. All of them are sent as one statement just before the
commit: a statement costs client and server nearly the same, however little it writes.

Until then no query sees them. Whoever reads such a row later in the transaction calls `send_rows` first.
Defer only writes of rows that the transaction has locked, or that no other one writes at the same time: then
no lock is awaited so late. A constraint that refuses a row raises at the commit.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Table, TextClause, inspect, text
from sqlalchemy.event import listens_for
from sqlalchemy.orm import Session, SessionTransaction

from services.chassis.db import bulk
from services.chassis.db.bulk import Row

_WAITING = "deferred_writes"
"""Where `session.info` has the writes of the transaction that are not sent yet."""


@dataclass(frozen=True)
class Form:
    """One way of writing rows to a table.

    Attributes:
        table: the name of the table.
        expressions: common table expressions, with the placeholders of `bulk.insert_sql`; ``{name}``, the
            name of the expression that writes; and ``{after}``, a condition that is true once the other forms
            of the statement have written.
        key: a later row with the same values of these columns replaces an earlier one.
        is_last: it locks what has to be locked last, so all other writes come first.
        complete: adds to its rows what can only be added to all of them together.
    """

    table: str
    expressions: str
    key: tuple[str, ...] = ()
    is_last: bool = False
    complete: Callable[[Session, Sequence[Any]], None] | None = None


Rows = Mapping[object, Row]


def insert(session: Session, table: Table, rows: Iterable[Row], *, skip_existing: bool = False) -> None:
    """Insert rows at the end of the transaction; with ``skip_existing``, those that are not there yet."""
    for row in rows:
        add(session, _insert(table, tuple(row), skip_existing=skip_existing), row)


def update(session: Session, table: Table, rows: Iterable[Row], *, only: str = "true") -> None:
    """Update rows at the end of the transaction. Each has its primary key and the new values.

    ``only`` is a condition, as for `bulk.update_sql`.
    """
    for row in rows:
        add(session, _update(table, tuple(row), only=only), row)


def update_from(
    session: Session, table: Table, names: Iterable[str], objects: Collection[object], *, only: str = "true"
) -> None:
    """Update these columns from objects of the ORM, their key among them, and expunge the objects.

    The ORM would write each object with a statement of its own. ``only`` is as for `update`.
    """
    names = tuple(names)
    update(session, table, [{name: getattr(one, name) for name in names} for one in objects], only=only)
    for one in objects:
        session.expunge(one)


def update_changed(session: Session, objects: Iterable[object]) -> None:
    """Update objects of one class in the columns in which any has changed, and expunge them all."""
    changed: set[str] = set()
    written = []
    for one in objects:
        state = inspect(one)
        own = {key for key in state.committed_state if state.attrs[key].history.has_changes()}
        if own:
            changed |= own
            written.append(one)
        else:
            session.expunge(one)
    if written:
        table = inspect(written[0]).mapper.local_table
        update_from(session, table, [*table.primary_key.columns.keys(), *sorted(changed)], written)


def add(session: Session, form: Form, row: Row) -> None:
    """Add a row to the writes that wait."""
    session.info.setdefault(_WAITING, []).append((session.get_nested_transaction(), form, row))


@listens_for(Session, "before_commit")
def send(session: Session) -> None:
    """Send all writes that wait.

    The ORM's come first, so that locks of rows come before those of a form that is last. Nothing is sent at
    the end of a savepoint: what is around it may add more, or be rolled back.
    """
    if not session.in_nested_transaction():
        _send(session, session.info.pop(_WAITING, []))


def send_returning(session: Session, rows: str) -> Sequence[Any]:
    """Send all writes that wait, in a session of `Database.queries`; return rows of one of their expressions.

    Args:
        session: has writes that fit into one statement.
        rows: the rest of the statement behind its last ``select``, made of constants.
    """
    return _send(session, session.info.pop(_WAITING), rows)


def send_rows(session: Session) -> None:
    """Send the writes that wait now, but for those of a form that is last, so that queries see them.

    Within a savepoint this is an error, since its end may undo what was added before it.
    """
    assert not session.in_nested_transaction()
    waiting = session.info.pop(_WAITING, [])
    session.info[_WAITING] = [one for one in waiting if one[1].is_last]
    _send(session, [one for one in waiting if not one[1].is_last])


def require_none(session: Session) -> None:
    """Raise `RuntimeError` if writes wait, because no commit will send them."""
    if session.info.get(_WAITING):
        raise RuntimeError("writes wait in a session that has no transaction")


def _send(session: Session, waiting: list[tuple[object, Form, Row]], returned: str = "") -> Sequence[Any]:
    """Send these writes; return the rows of the last statement."""
    if not waiting:
        return ()
    session.flush()
    found: Sequence[Any] = ()
    for rows_of in statements((form, row) for _, form, row in waiting):
        parts, parameters = [], {}
        for number, (form, rows) in enumerate(rows_of.items()):
            given = tuple(rows.values())
            if form.complete is not None:
                form.complete(session, given)
            parts.append((form, len(given) == 1))
            parameters[f"rows{number}"] = bulk.as_json(given[0] if len(given) == 1 else given)
        found = session.connection().execute(_statement(tuple(parts), returned), parameters).all()
    return found


def statements(writes: Iterable[tuple[Form, Row]]) -> list[dict[Form, dict[object, Row]]]:
    """Return the rows of each form of each statement, in order.

    PostgreSQL does not say which of two writes of one statement changes a row that both want. So a table that
    is written in two forms takes two statements.
    """
    last: dict[Form, dict[object, Row]] = {}
    found: list[dict[Form, dict[object, Row]]] = [{}]
    for form, row in writes:
        here = last if form.is_last else found[-1]
        if form not in here and any(other.table == form.table for other in here):
            found.append(here := {})
        rows = here.setdefault(form, {})
        rows[tuple(row[key] for key in form.key) or len(rows)] = row
    found[-1].update(last)
    return found


@listens_for(Session, "after_soft_rollback")
def _forget(session: Session, ended: SessionTransaction) -> None:
    """Forget what was added in a transaction, or in a savepoint, that was rolled back."""
    waiting = session.info.get(_WAITING)
    if waiting and (ended.nested or ended.parent is None):  # else it is that of a flush
        session.info[_WAITING] = [one for one in waiting if ended.nested and not _is_within(one[0], ended)]


def _is_within(transaction: SessionTransaction | None, outer: SessionTransaction) -> bool:
    while transaction is not None and transaction is not outer:
        transaction = transaction.parent
    return transaction is outer


@cache
def _insert(table: Table, keys: tuple[str, ...], *, skip_existing: bool) -> Form:
    sql = bulk.insert_sql(table, keys, skip_existing=skip_existing)
    return Form(table.name, f"{{name}} as ({sql})")


@cache
def _update(table: Table, keys: tuple[str, ...], *, only: str) -> Form:
    own = tuple(column.key for column in table.primary_key)
    return Form(table.name, f"{{name}} as ({bulk.update_sql(table, keys, only=only)})", own)


@cache
def _statement(parts: tuple[tuple[Form, bool], ...], returned: str) -> TextClause:
    """Return the statement for some forms, each of which has one row (true) or several.

    It returns what is asked for, else how many rows were written.

    PostgreSQL would begin with the last expression; its condition counts what the others have written, so
    these run before it.
    """
    expressions, counts = [], ["0"]
    for number, (form, has_one) in enumerate(parts):
        name = f"write{number}"
        expressions.append(
            form.expressions.format(
                name=name,
                rows=f"rows{number}",
                record="record" if has_one else "recordset",
                after=f"{' + '.join(counts)} is not null",
            )
        )
        if not form.is_last:
            counts.append(f"(select count(*) from {name})")  # noqa: S608  names of our own
    return text(f"with {', '.join(expressions)} select {returned or ' + '.join(counts)}")
