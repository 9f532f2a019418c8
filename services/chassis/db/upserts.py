"""One row, inserted or changed in one statement, so that two transactions cannot both insert it."""

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import ColumnElement
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import DeclarativeBase, Session

R = TypeVar("R", bound=DeclarativeBase)


def put(
    session: Session,
    kind: type[DeclarativeBase],
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    only: ColumnElement[bool] | None = None,
) -> None:
    """Insert a row, or set these values of the row with this key, if ``only`` holds for it."""
    row = insert(kind).values(**key, **values)
    session.execute(row.on_conflict_do_update(index_elements=[*key], set_=values, where=only))


def locked(session: Session, kind: type[R], **key: Any) -> R:
    """Return the row with this key, locked until the transaction ends; make it if it is missing."""
    row = insert(kind).values(**key)
    held = row.on_conflict_do_update(index_elements=[*key], set_=key)
    return session.scalars(held.returning(kind).execution_options(populate_existing=True)).one()
