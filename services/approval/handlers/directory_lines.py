"""The directory line by line, as the ADO Branch edits it: the rules are those of its files."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.csv_table import plain, write
from contracts.errors import Conflict, FieldError, InvalidInput, NotFound
from contracts.model import IST, DirectoryTable
from contracts.rpc.approval.directory import PUT_LINE, REMOVE_LINE
from contracts.rpc.call import Call, Nothing
from contracts.rpc.imports import (
    Export,
    LineChange,
    LineHistory,
    LineId,
    LineList,
    LineView,
    Missing,
    PutLine,
    RemoveLine,
)
from services.approval.domain.directory_files import read_table
from services.approval.domain.directory_tables import (
    COLUMNS,
    FIRST_DAYS,
    REMOVABLE,
    Directory,
    digest_of,
    key_of,
)
from services.approval.handlers import duty_contacts
from services.approval.handlers.directory import directory, wait_for_decisions
from services.approval.handlers.directory_effects import effects, require_accepted
from services.approval.handlers.directory_imports import ado_of, put_all, record_change, store
from services.approval.models.directory import DecidersRow, LineChangeRow
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
    return LineList(items=tuple(_views(session, request.table, lines)))


def view_line(request: LineId, call: Call, session: Session) -> LineView:
    """Return one line of a table.

    Raises:
        Forbidden: the caller is not an ``ado``.
        NotFound: there is no such line.
    """
    ado_of(call.principal)
    cells = directory(session).find(request.table, request.key)
    if not cells:
        raise NotFound("there is no such line")
    return next(_views(session, request.table, [cells]))


def _views(session: Session, table: DirectoryTable, lines: list[dict[str, str]]) -> Iterator[LineView]:
    """Yield lines as they are shown: of a department also whether it is offered, and what it lacks."""
    stored = directory(session)
    deciding = set(session.scalars(select(DecidersRow.department).where(DecidersRow.can_decide)))
    reached = duty_contacts.departments_reached(session)
    for cells in lines:
        line = LineView(cells=cells, digest=digest_of(cells))
        if table != "departments":
            yield line
            continue
        department = stored.departments[cells["code"]]
        has: dict[Missing, bool] = {
            "login": department.code in deciding,
            "hours": all(stored.sites[code].hours for code in department.sites if code in stored.sites),
            "officer": any(not officer.closed for officer in department.officers),
            "duty_contact": department.code in reached,
        }
        missing = tuple(name for name, is_there in has.items() if not is_there)
        yield line.model_copy(update={"is_offered": not department.unstaffed, "missing": missing})


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
            LineChange.from_attributes(row, before=row.before or {}, after=row.after or {}) for row in rows
        )
    )


def put_line(request: PutLine, call: Call, session: Session, now: datetime) -> LineView:
    """Store a new line, or change one that nobody else has changed meanwhile, and publish its record.

    A column that is left out stays as it is: clients may not know it yet.

    Raises:
        Forbidden: the caller is not an ``ado``.
        InvalidInput: as a file with this line would have problems, each with its column; or a column is
            unknown.
        Conflict: ``changed_meanwhile``, with the fact ``by``; ``already_there``: a new line is stored; or
            ``affects_visits``, with the numbers of `Effects` as facts.
    """
    by = ado_of(call.principal)
    cells = {name: plain(cell) for name, cell in request.cells.items()}

    def effect() -> str:
        wait_for_decisions(session)
        columns = [column.name for column in COLUMNS[request.table]]
        names = [name for name in columns if name in cells]
        if not set(cells) <= set(columns):
            raise InvalidInput("these are not the columns of the table")
        text = write(names, [[cells[name] for name in names]])
        stored, changed = directory(session), directory(session)
        read = read_table(request.table, text, stored, now.astimezone(IST).date())
        if read.problems:
            raise InvalidInput(
                "this line has problems",
                fields=tuple(
                    FieldError(field=problem.column or columns[0], code=problem.code)
                    for problem in read.problems
                ),
            )
        _require_unchanged(session, stored, request.table, key_of(request.table, cells), request.was)
        for row in read.changed:
            changed.put(request.table, row.cells)
        require_accepted(effects(session, stored, changed, now), request.accepted)
        store(session, request.table, read.changed, by, now)
        return ""

    def answer(_: str) -> LineView:
        line = directory(session).find(request.table, key_of(request.table, cells))
        return next(_views(session, request.table, [line]))

    return once(session, call, PUT_LINE.name, request, effect, answer, reference=str)


def remove_line(request: RemoveLine, call: Call, session: Session, now: datetime) -> Nothing:
    """Remove a gate, or a day to come on which a site was to be closed or to change its hours.

    Raises:
        Forbidden: the caller is not an ``ado``.
        NotFound: there is no such line.
        Conflict: ``changed_meanwhile``; ``stays``: lines of this table stay; ``day_past``: what has been
            stays; or ``affects_visits``, with the numbers of `Effects` as facts.
    """
    by = ado_of(call.principal)
    table, key = request.table, request.key

    def effect() -> str:
        wait_for_decisions(session)
        stored, changed = directory(session), directory(session)
        before = stored.find(table, key)
        if not before:
            raise NotFound("there is no such line")
        _require_unchanged(session, stored, table, key, request.was)
        if table not in REMOVABLE:
            raise Conflict("lines of this table stay", code="stays")
        if table in FIRST_DAYS and before[FIRST_DAYS[table]] < now.astimezone(IST).date().isoformat():
            raise Conflict("what has been stays", code="day_past")
        changed.remove(table, key)
        require_accepted(effects(session, stored, changed, now), request.accepted)
        record_change(session, table, key, before, {}, by, now)
        put_all(session, changed, now)
        return ""

    return once(session, call, REMOVE_LINE.name, request, effect, lambda _: Nothing(), reference=str)


def _require_unchanged(
    session: Session, stored: Directory, table: DirectoryTable, key: tuple[str, ...], was: str
) -> None:
    """Raise `Conflict` unless the line is as it was when it was read, or is new as it should be."""
    present = digest_of(stored.find(table, key))
    if present == was:
        return
    if not was:
        raise Conflict("there is such a line already", code="already_there")
    record = "/".join((table, *key))
    last = select(LineChangeRow.changed_by).where(LineChangeRow.record == record)
    who = session.scalar(last.order_by(LineChangeRow.id.desc()).limit(1))
    raise Conflict("somebody changed this line meanwhile", code="changed_meanwhile", by=who or "")
