"""Pages of rows in the order of an instant and a key."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from contracts.rpc.call import Page
from services.chassis.db import cursors


def read(
    session: Session,
    query: Select[*tuple[Any, ...]],
    at: InstrumentedAttribute[datetime],
    key: InstrumentedAttribute[UUID],
    request: Page,
    *,
    oldest_first: bool = False,
) -> tuple[Sequence[Any], str | None]:
    """Return a page of the rows of a query, by an instant and a key, and the cursor of the next page.

    The query's first column is the mapped class that has both.

    Raises:
        InvalidInput: ``after`` is not one of our cursors.
    """
    if request.after is not None:
        position, after = tuple_(at, key), tuple_(*cursors.decode(request.after, UUID))
        query = query.where(position > after if oldest_first else position < after)
    order = (at, key) if oldest_first else (at.desc(), key.desc())
    found = session.execute(query.order_by(*order).limit(request.limit + 1)).all()
    shown = found[: request.limit]
    if len(found) == len(shown):
        return shown, None
    last = shown[-1][0]
    return shown, cursors.encode(getattr(last, at.key), getattr(last, key.key))
