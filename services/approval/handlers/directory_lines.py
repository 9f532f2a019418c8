"""The directory line by line, as the ADO Branch edits it: the rules are those of its files."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.csv_table import write
from contracts.errors import Conflict, FieldError, InvalidInput, NotFound
from contracts.model import IST, DirectoryTable
from contracts.rpc.approval import PUT_LINE, REMOVE_HOLIDAY
from contracts.rpc.call import Call, Nothing
from contracts.rpc.imports import (
    Export,
    HolidayId,
    LineChange,
    LineHistory,
    LineId,
    LineList,
    LineView,
    PutLine,
)
from services.approval.domain.directory_tables import COLUMNS, digest_of, key_of, read_table
from services.approval.handlers.directory import LOCK, directory
from services.approval.handlers.directory_imports import ado_of, put_all, record_change, store
from services.approval.models import LineChangeRow
from services.chassis.db.locks import lock
from services.chassis.rpc.idempotency import once

MOST_CHANGES = 50
"""How many changes of a line are shown."""


def list_lines(request: Export, call: Call, session: Session) -> LineList:
    """Return all lines of a table.

    Raises:
        Forbidden: the caller is not an ``ado``.
    """
    ado_of(call.principal)
    names = [column.name for column in COLUMNS[request.table]]
    lines = [dict(zip(names, line, strict=True)) for line in directory(session).lines(request.table)]
    return LineList(items=tuple(LineView(cells=cells, digest=digest_of(cells)) for cells in lines))


def history(request: LineId, call: Call, session: Session) -> LineHistory:
    """Return the last changes of a line, the newest first.

    Raises:
        Forbidden: the caller is not an ``ado``.
    """
    ado_of(call.principal)
    about_it = select(LineChangeRow).where(LineChangeRow.record == "/".join((request.table, *request.key)))
    rows = session.scalars(about_it.order_by(LineChangeRow.id.desc()).limit(MOST_CHANGES))
    return LineHistory(
        items=tuple(
            LineChange(
                changed_at=row.changed_at,
                changed_by=row.changed_by,
                before=row.before or {},
                after=row.after or {},
            )
            for row in rows
        )
    )


def put_line(request: PutLine, call: Call, session: Session, now: datetime) -> Nothing:
    """Store a new line, or change one that nobody else has changed meanwhile, and publish its record.

    Raises:
        Forbidden: the caller is not an ``ado``.
        InvalidInput: as a file with this line would have problems, each with its column; or a column is
            unknown.
        Conflict: ``changed_meanwhile``, with the fact ``by``; or ``already_there``: a new line is stored.
    """
    by = ado_of(call.principal)

    def effect() -> str:
        lock(session, LOCK)
        names = [column.name for column in COLUMNS[request.table]]
        if set(request.cells) != set(names):
            raise InvalidInput("these are not the columns of the table")
        text = write(names, [[request.cells[name] for name in names]])
        read = read_table(request.table, text, directory(session), now.astimezone(IST).date())
        if read.problems:
            raise InvalidInput(
                "this line has problems",
                fields=tuple(
                    FieldError(field=problem.column or names[0], code=problem.code)
                    for problem in read.problems
                ),
            )
        _require_unchanged(session, request.table, key_of(request.table, request.cells), request.was)
        store(session, request.table, read.changed, by, now)
        return ""

    return once(session, call, PUT_LINE.name, request, effect, lambda _: Nothing(), reference=str)


def remove_holiday(request: HolidayId, call: Call, session: Session, now: datetime) -> Nothing:
    """Open a site on a day to come that was a holiday, unless somebody has changed it meanwhile.

    Raises:
        Forbidden: the caller is not an ``ado``.
        NotFound: the site is not closed on this day.
        Conflict: ``changed_meanwhile``; or ``day_past``: what has been stays.
    """
    by = ado_of(call.principal)

    def effect() -> str:
        lock(session, LOCK)
        changed = directory(session)
        key = (request.site, request.day.isoformat())
        before = changed.find("holidays", key)
        if not before:
            raise NotFound("the site is not closed on this day")
        _require_unchanged(session, "holidays", key, request.was)
        if request.day < now.astimezone(IST).date():
            raise Conflict("what has been stays", code="day_past")
        record_change(session, "holidays", key, before, {}, by, now)
        changed.remove_holiday(request.site, request.day)
        put_all(session, changed, now)
        return ""

    return once(session, call, REMOVE_HOLIDAY.name, request, effect, lambda _: Nothing(), reference=str)


def _require_unchanged(session: Session, table: DirectoryTable, key: tuple[str, ...], was: str) -> None:
    """Raise `Conflict` unless the line is as it was when it was read, or is new as it should be."""
    present = digest_of(directory(session).find(table, key))
    if present == was:
        return
    if not was:
        raise Conflict("there is such a line already", code="already_there")
    record = "/".join((table, *key))
    last = select(LineChangeRow.changed_by).where(LineChangeRow.record == record)
    who = session.scalar(last.order_by(LineChangeRow.id.desc()).limit(1))
    raise Conflict("somebody changed this line meanwhile", code="changed_meanwhile", by=who or "")
