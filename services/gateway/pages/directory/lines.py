"""The directory on pages: departments, officers and holidays, listed, added and changed one at a time."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from contracts import rpc
from contracts.errors import Conflict, InvalidInput, NotFound
from contracts.model import IST, DirectoryTable, date
from contracts.rpc.imports import Export, HolidayId, LineChange, LineId, LineView, PutLine
from services.chassis.runtime.clock import now
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.error_pages import PageRoute
from services.gateway.pages.shared.languages import _
from services.gateway.pages.shared.view import NOTICE, AdoPage, View, key_of, text_of

router = APIRouter(
    prefix="/{language:lang}/desk/directory/lines", include_in_schema=False, route_class=PageRoute
)
TABLES: dict[DirectoryTable, str] = {
    "departments": _("Departments"),
    "officers": _("Officers"),
    "holidays": _("Holidays"),
}
COLUMNS: dict[DirectoryTable, tuple[str, ...]] = {
    "departments": ("code", "name_en", "name_pa", "name_hi", "sites"),
    "officers": (
        "department", "code", "name_en", "name_pa", "name_hi", "designation_en", "designation_pa",
        "designation_hi", "room",
    ),
    "holidays": ("site", "day", "reason"),
}  # fmt: skip
KEYS: dict[DirectoryTable, tuple[str, ...]] = {
    "departments": ("code",),
    "officers": ("department", "code"),
    "holidays": ("site", "day"),
}
"""The columns by which a line is known; they never change."""
LABELS: dict[str, str] = {
    "code": _("Code"),
    "name_en": _("Name in English"),
    "name_pa": _("Name in Punjabi"),
    "name_hi": _("Name in Hindi"),
    "sites": _("Where it sits"),
    "department": _("Department"),
    "designation_en": _("Designation in English"),
    "designation_pa": _("Designation in Punjabi"),
    "designation_hi": _("Designation in Hindi"),
    "room": _("Room"),
    "site": _("Secretariat"),
    "day": _("Day"),
    "reason": _("Reason"),
}
Key = Annotated[str, Path(max_length=200)]
Notice = Annotated[str, Query(alias=NOTICE, pattern="^(saved|removed|changed|past)?$")]


@router.get("")
async def show_directory(view: AdoPage) -> Response:
    """Begin with the departments."""
    return view.to("/desk/directory/lines/departments")


@router.get("/{table}")
async def show_lines(view: AdoPage, table: DirectoryTable, notice: Notice = "") -> Response:
    """Show all lines of a table."""
    lines = (await view.caller.query(rpc.approval.LIST_LINES, Export(table=table))).items
    sites = {site.code: site.name[view.language] for site in await directory.sites(view)}
    return view.html(
        "directory/lines.html",
        tables=TABLES,
        table=table,
        lines=[("/".join(_key(table, line.cells)), line.cells) for line in lines],
        place_names=sites | await directory.department_names(view),
        notice=notice,
        today=now().astimezone(IST).date().isoformat(),
    )


@router.get("/{table}/new")
async def ask_line(view: AdoPage, table: DirectoryTable) -> Response:
    """Show the form for a new line."""
    return await _form(view, table, (), dict.fromkeys(COLUMNS[table], ""), "", {})


@router.post("/{table}/new")
async def add_line(view: AdoPage, table: DirectoryTable) -> Response:
    """Add a line to the directory."""
    return await _put(view, table, ())


@router.get("/holidays/remove/{site}/{day}")
async def confirm_removal(view: AdoPage, site: Key, day: date) -> Response:
    """Ask whether the secretariat is to be open on this day after all."""
    line = await _line(view, "holidays", (site, day.isoformat()))
    named = await directory.site(view, site)
    return view.html(
        "directory/remove.html", line=line, day=day, site=named.name[view.language] if named else site
    )


@router.post("/holidays/remove/{site}/{day}")
async def remove_holiday(view: AdoPage, site: Key, day: date) -> Response:
    """Open a secretariat on a day that was a holiday."""
    form = await view.form()
    notice = "removed"
    try:
        request = HolidayId(site=site, day=day, was=text_of(form, "was"))
        await view.caller.command(rpc.approval.REMOVE_HOLIDAY, request, key_of(form))
        await view.refresh_directory()
    except Conflict as error:
        notice = "past" if error.body.code == "day_past" else "changed"
    return view.to("/desk/directory/lines/holidays", notice)


@router.get("/{table}/edit/{key:path}")
async def show_line(view: AdoPage, table: DirectoryTable, key: Key, notice: Notice = "") -> Response:
    """Show a line with its form, and who changed it when."""
    parts = tuple(key.split("/"))
    line = await _line(view, table, parts)
    return await _form(view, table, parts, line.cells, line.digest, {}, saved=notice == "saved")


@router.post("/{table}/edit/{key:path}")
async def change_line(view: AdoPage, table: DirectoryTable, key: Key) -> Response:
    """Change a line, unless somebody else has changed it meanwhile."""
    return await _put(view, table, tuple(key.split("/")))


async def _put(view: View, table: DirectoryTable, key: tuple[str, ...]) -> Response:
    form = await view.form()
    cells = {name: text_of(form, name) for name in COLUMNS[table]}
    if "sites" in cells:
        cells["sites"] = " ".join(str(site) for site in form.getlist("sites"))
    cells |= dict(zip(KEYS[table], key, strict=False))
    was = text_of(form, "was")
    try:
        request = PutLine(table=table, cells=cells, was=was)
        await view.caller.command(rpc.approval.PUT_LINE, request, key_of(form))
    except InvalidInput as error:
        errors = {one.field: one.code for one in error.body.fields}
        return await _form(view, table, key, cells, was, errors, 422)
    except Conflict as error:
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
    lines = (await view.caller.query(rpc.approval.LIST_LINES, Export(table=table))).items
    found = next((line for line in lines if _key(table, line.cells) == key), None)
    if found is None:
        raise NotFound("there is no such line")
    return found


def _key(table: DirectoryTable, cells: dict[str, str]) -> tuple[str, ...]:
    return tuple(cells[name] for name in KEYS[table])


async def _form(
    view: View,
    table: DirectoryTable,
    key: tuple[str, ...],
    cells: dict[str, str],
    was: str,
    errors: dict[str, str],
    status: int = 200,
    **shown: Any,
) -> Response:
    """Show the form of a line; a key means that the line exists."""
    changes: tuple[LineChange, ...] = ()
    if key:
        question = LineId(table=table, key=key)
        changes = (await view.caller.query(rpc.approval.LINE_HISTORY, question)).items
    departments = await directory.department_names(view)
    return view.html(
        "directory/line.html",
        status,
        **{
            "table": table,
            "title": TABLES[table],
            "columns": COLUMNS[table],
            "fixed": KEYS[table] if key else (),
            "labels": LABELS,
            "cells": cells,
            "was": was,
            "errors": errors,
            "sites": await directory.sites(view),
            "departments": departments,
            "changes": [(change, _differences(change)) for change in changes],
            "changed_by": None,
            "saved": False,
            **shown,
        },
    )


def _differences(change: LineChange) -> list[tuple[str, str, str]]:
    """Return the columns that a change touched, each with what it was and what it is."""
    names = change.before.keys() | change.after.keys()
    was_and_is = ((name, change.before.get(name, ""), change.after.get(name, "")) for name in LABELS)
    return [one for one in was_and_is if one[0] in names and one[1] != one[2]]
