"""The directory on pages: sites, gates, hours, departments, officers and holidays, edited one at a time."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Path, Query, Response
from fastapi.datastructures import FormData

from contracts import rpc
from contracts.errors import Conflict, IdempotencyKeyReused, InvalidInput, NotFound, Unavailable
from contracts.model import IST, DirectoryTable
from contracts.rpc.imports import Effects, Export, LineChange, LineId, LineView, PutLine, RemoveLine
from services.chassis.runtime.clock import now
from services.gateway.pages.directory import labels
from services.gateway.pages.directory.hours import WEEKDAYS, read_hours, weeks
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.forms import key_of, number_of, problems_of, text_of
from services.gateway.pages.shared.languages import _
from services.gateway.pages.shared.view import AdoPage, View, page_router

router = page_router("/desk/directory/lines")
TABLES: dict[DirectoryTable, str] = {
    "sites": _("Secretariats"),
    "gates": _("Gates"),
    "hours": _("Opening hours"),
    "departments": _("Departments"),
    "officers": _("Officers"),
    "holidays": _("Holidays"),
    "escalation": _("When nobody decides"),
}
NEW: dict[DirectoryTable, str] = {
    "sites": _("Add a secretariat"),
    "gates": _("Add a gate"),
    "hours": _("Change the hours from a day on"),
    "departments": _("Add a department"),
    "officers": _("Add an officer"),
    "holidays": _("Add a holiday"),
}
"""The tables to which lines are added here; each department has its line of the others."""
KEYS: dict[DirectoryTable, tuple[str, ...]] = {
    "sites": ("code",),
    "gates": ("site", "code"),
    "hours": ("site", "valid_from"),
    "departments": ("code",),
    "officers": ("department", "code"),
    "holidays": ("site", "day"),
    "escalation": ("department",),
}
"""The columns by which a line is known; they never change."""
FIRST_DAYS: dict[DirectoryTable, str] = {"hours": "valid_from", "holidays": "day"}
"""The column of a table that says from which day on a line means something; what has been stays."""
Key = Annotated[str, Path(max_length=200)]
Like = Annotated[str, Query(max_length=200)]


@router.get("")
async def show_directory(view: AdoPage) -> Response:
    """Begin with the departments."""
    return view.to("/desk/directory/lines/departments")


@router.get("/{table}")
async def show_lines(view: AdoPage, table: DirectoryTable) -> Response:
    lines = (await view.query(rpc.approval.directory.LIST_LINES, Export(table=table))).items
    return view.html(
        "directory/lines.html",
        tables=TABLES,
        table=table,
        new=NEW.get(table),
        lines=[("/".join(_key(table, line.cells)), line.cells) for line in lines],
        waiting={line.cells["code"] for line in lines if not line.is_offered},
        weeks=weeks([line.cells for line in lines], _today(), view.language) if table == "hours" else {},
        place_names=await directory.place_names(view),
        gate_name=await directory.gate_names(view),
        today=_today(),
    )


@router.get("/{table}/new")
async def ask_line(view: AdoPage, table: DirectoryTable, like: Like = "") -> Response:
    """Show the form for a new line.

    ``like`` is the key of a line with whose cells it begins, or of the department or site it belongs to.
    """
    if table not in NEW:
        raise NotFound("no line is added to this table")
    cells = dict.fromkeys(labels.COLUMNS[table], "")
    if like and "/" not in like:
        cells[KEYS[table][0]] = like
    elif like:
        known = (await _line(view, table, tuple(like.split("/")))).cells
        cells |= {name: text for name, text in known.items() if name != KEYS[table][-1]}
    return await _form(view, table, (), cells, "", {})


@router.post("/{table}/new")
async def add_line(view: AdoPage, table: DirectoryTable) -> Response:
    return await _put(view, table, ())


@router.get("/{table}/remove/{key:path}")
async def confirm_removal(view: AdoPage, table: DirectoryTable, key: Key) -> Response:
    line = await _line(view, table, tuple(key.split("/")))
    return await _removal(view, table, line)


@router.post("/{table}/remove/{key:path}")
async def remove_line(view: AdoPage, table: DirectoryTable, key: Key) -> Response:
    """Take a line out of the directory; ask again if that affects more visits than was shown."""
    form, parts = await view.form(), tuple(key.split("/"))
    notice = "removed"
    try:
        request = RemoveLine(table=table, key=parts, was=text_of(form, "was"), accepted=accepted_of(form))
        await view.command(rpc.approval.directory.REMOVE_LINE, request, key_of(form))
        await view.refresh_directory()
    except Conflict as error:
        if error.body.code == "affects_visits":
            return await _removal(view, table, await _line(view, table, parts), _effects(error), 409)
        notice = "past" if error.body.code == "day_past" else "changed"
    return view.to(f"/desk/directory/lines/{table}", notice)


@router.get("/{table}/edit/{key:path}")
async def show_line(view: AdoPage, table: DirectoryTable, key: Key) -> Response:
    """Show a line with its form, and who changed it when."""
    parts = tuple(key.split("/"))
    line = await _line(view, table, parts)
    return await _form(view, table, parts, line.cells, line.digest, {}, line=line)


@router.post("/{table}/edit/{key:path}")
async def change_line(view: AdoPage, table: DirectoryTable, key: Key) -> Response:
    return await _put(view, table, tuple(key.split("/")))


async def _put(  # noqa: PLR0911  an answer for each outcome
    view: View, table: DirectoryTable, key: tuple[str, ...]
) -> Response:
    form = await view.form()
    cells = {name: " ".join(text_of(form, name).split()) for name in labels.COLUMNS[table]}
    if "sites" in cells:
        cells["sites"] = " ".join(str(site) for site in form.getlist("sites"))
    if table == "hours":
        cells |= read_hours(form)
    cells |= dict(zip(KEYS[table], key, strict=False))
    was, idempotency_key = text_of(form, "was"), key_of(form)
    try:
        request = PutLine(table=table, cells=cells, was=was, accepted=accepted_of(form))
        await view.command(rpc.approval.directory.PUT_LINE, request, idempotency_key)
    except Unavailable:
        return await _form(view, table, key, cells, was, {}, 503, key=idempotency_key)
    except IdempotencyKeyReused:  # an earlier attempt did arrive, and the form was changed since
        return await _form(view, table, key, cells, was, {}, 409, arrived=True)
    except InvalidInput as error:
        return await _form(view, table, key, cells, was, problems_of(error), 422)
    except Conflict as error:
        if error.body.code == "affects_visits":
            return await _form(view, table, key, cells, was, {}, 409, effects=_effects(error))
        if error.body.code == "already_there":
            return await _form(view, table, key, cells, was, {KEYS[table][-1]: "already_there"}, 409)
        by = str(error.body.facts.get("by", ""))
        return await _form(view, table, key, cells, was, {}, 409, changed_by=by)
    await view.refresh_directory()
    return view.to("/desk/directory/lines/" + "/".join((table, "edit", *_key(table, cells))), "saved")


async def _line(view: View, table: DirectoryTable, key: tuple[str, ...]) -> LineView:
    """Return a line as it is now.

    Raises:
        NotFound: there is none.
    """
    return await view.query(rpc.approval.directory.VIEW_LINE, LineId(table=table, key=key))


def _key(table: DirectoryTable, cells: dict[str, str]) -> tuple[str, ...]:
    return tuple(cells[name] for name in KEYS[table])


def _today() -> str:
    """Return the date in India as the tables write it."""
    return now().astimezone(IST).date().isoformat()


def accepted_of(form: FormData) -> int:
    """Return how many affected visits the form has shown."""
    return number_of(form, "accepted") or 0


def _effects(error: Conflict) -> Effects:
    return Effects.model_validate(error.body.facts)


async def _removal(
    view: View, table: DirectoryTable, line: LineView, effects: Effects | None = None, status: int = 200
) -> Response:
    if table not in ("gates", "hours", "holidays"):
        raise NotFound("lines of this table stay")
    return view.html(
        "directory/remove.html",
        status,
        table=table,
        title=TABLES[table],
        line=line,
        site=(await directory.site_names(view)).get(line.cells["site"], line.cells["site"]),
        gate_name=await directory.gate_names(view),
        departments=await directory.department_names(view) if effects else {},
        effects=effects or Effects(),
    )


async def _form(
    view: View,
    table: DirectoryTable,
    known_by: tuple[str, ...],
    cells: dict[str, str],
    was: str,
    errors: dict[str, str],
    status: int = 200,
    **shown: Any,
) -> Response:
    """Show the form of a line that is known by its key, or of a new one.

    A page that says that approval did not answer (503) does not ask it for the history.
    """
    changes: tuple[LineChange, ...] = ()
    if known_by and status != 503:
        question = LineId(table=table, key=known_by)
        changes = (await view.query(rpc.approval.directory.LINE_HISTORY, question)).items
    first_day = cells.get(FIRST_DAYS.get(table, ""), "")
    return view.html(
        "directory/line.html",
        status,
        **{
            "table": table,
            "title": TABLES[table],
            "new": NEW.get(table),
            "columns": labels.COLUMNS[table],
            "fixed": KEYS[table] if known_by else (),
            "has_been": bool(known_by) and table in FIRST_DAYS and first_day < _today(),
            "labels": labels.LABELS,
            "long": labels.LONG,
            "flags": labels.FLAGS,
            "weekdays": WEEKDAYS,
            "week": weeks([cells], _today(), view.language).popitem()[1] if table == "hours" else None,
            "cells": cells,
            "was": was,
            "errors": errors,
            "sites": await directory.sites(view),
            "gate_name": await directory.gate_names(view),
            "departments": await directory.department_names(view),
            "changes": [(change, differences(change.before, change.after)) for change in changes],
            "line": None,
            "changed_by": None,
            "key": "",
            "arrived": False,
            "effects": Effects(),
            **shown,
        },
    )


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return the columns that a change touched, each with what it was and what it is."""
    names = before.keys() | after.keys()
    was_and_is = ((name, before.get(name, ""), after.get(name, "")) for name in labels.LABELS)
    return [one for one in was_and_is if one[0] in names and one[1] != one[2]]
