"""The outbox as its relay sees it: which rows may be published, in SQL, and the marks on them."""

from collections.abc import Mapping
from typing import LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from contracts.envelope import Envelope

COLUMNS = (
    "id, type, version, producer, subject, seq, "
    "occurred_at, expires_at, correlation_id, traceparent, data, personal, signature"
)
_WAITING = f"""
select {COLUMNS} from outbox
where sent_at is null and producer = %s order by position limit %s
"""
"""What may be published while nothing is refused.

A row that names another service than the database's as its producer stays, and the alarm of a waiting outbox
names the database.
"""
_PAGE = """
select position, type, subject from outbox
where sent_at is null and producer = %s and position > %s and position <= %s order by position limit %s
"""
"""Rows to look at while something is refused."""
_FREE = f"""
select {COLUMNS} from outbox
where sent_at is null and position = any(%s) and not exists (
  select from outbox as earlier
  where earlier.sent_at is null and earlier.subject = outbox.subject and earlier.position <= %s)
order by position limit %s
"""
"""Of rows of a page, those that overtake none of their subject before the page."""
_TRIED = f"select {COLUMNS} from outbox where sent_at is null and id = %s"
LAST = "select type, max(position) from outbox where id = any(%s) group by type"
"""The last position of some events of each type."""
UNSEND = """
update outbox set sent_at = null
where type = %s and sent_at > now() - make_interval(secs => %s)
"""
MARK = "update outbox set sent_at = now() where id = any(%s)"
PURGE = """
delete from outbox where position in (
  select position from outbox where sent_at < now() - make_interval(days => %s) order by sent_at limit %s)
"""
PURGE_ROWS = 1000
"""Rows deleted between two batches: so a purge after a busy day delays no event and hits no timeout."""
PAGE_ROWS = 1000
"""Rows that are looked at together while something is refused, however many wait."""
ALL = 2**63 - 1
"""A position behind all events."""
KEEP_SENT_DAYS = 7


class OutboxRows:
    """The unsent rows of a database's outbox, as its relay reads and marks them.

    Rows are found by state and never by a cursor, because rows with a lower `position` may commit later.

    Args:
        producer: the service of the database.
        batch: how many rows are read together at most.
    """

    def __init__(self, producer: str, batch: int) -> None:
        self._producer, self._batch = producer, batch
        self._after = 0
        """While something is refused: the position up to which other rows are looked at only in turn."""
        self._swept = 0
        """How far the present turn through those has come."""
        self.is_sweep_urgent = False
        """Whether some of them may be published since the last turn began."""
        self.is_more = False
        """Whether the last page of the newest rows was full of rows that have to wait."""

    async def read(self, connection: psycopg.AsyncConnection, held: Mapping[str, int]) -> list[Envelope]:
        """Return what may be published now, and overtakes nothing that is refused.

        While something is refused, it looks at two pages of rows at most. One has the newest rows: once it is
        full of rows that have to wait, it begins in its own middle, so a row that commits late is still seen.
        The other goes through all rows before that in turn, because some may have become free.

        Args:
            held: the types of which a queue refuses events, each with the position up to which they wait.
        """
        if not held:
            self._after, self._swept, self.is_more = 0, 0, False
            return await _envelopes(connection, _WAITING, (self._producer, self._batch))
        batch, older = self._batch, list[Envelope]()
        newest, page = await self._free_of_page(connection, held, self._after, ALL)
        if self._after:
            older, swept = await self._free_of_page(connection, held, self._swept, self._after)
            if len(older) < batch:
                is_more = len(swept) == PAGE_ROWS
                self._swept = swept[-1] if is_more else 0
                self.is_sweep_urgent &= is_more
        self.is_more = len(page) == PAGE_ROWS and len(newest) < batch
        if self.is_more:
            self._after = page[PAGE_ROWS // 2]
        return [*older, *newest]

    def sweep_again(self) -> None:
        """Begin the turn through the older rows anew, since some of them may have become free."""
        self._swept, self.is_sweep_urgent = 0, bool(self._after)

    async def _free_of_page(
        self, connection: psycopg.AsyncConnection, held: Mapping[str, int], after: int, until: int
    ) -> tuple[list[Envelope], list[int]]:
        """Return what may be published of the first rows between two positions, and the positions of all."""
        rows = await connection.execute(_PAGE, (self._producer, after, until, PAGE_ROWS))
        page, positions, overtaken = await rows.fetchall(), list[int](), set[str]()
        for position, name, subject in page:
            if position <= held.get(name, 0):
                overtaken.add(subject)
            elif subject not in overtaken:
                positions.append(position)
        free = await _envelopes(connection, _FREE, (positions, after, self._batch))
        return free, [position for position, *_ in page]


async def unsent(connection: psycopg.AsyncConnection, event: UUID) -> list[Envelope]:
    """Return an event, unless it was sent meanwhile."""
    return await _envelopes(connection, _TRIED, (event,))


async def _envelopes(
    connection: psycopg.AsyncConnection,
    query: LiteralString,
    values: Mapping[str, object] | tuple[object, ...],
) -> list[Envelope]:
    async with connection.cursor(row_factory=class_row(Envelope)) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchall()
