"""Logins, departments, officers and holidays as files: exported, checked, and applied as a whole."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal
from uuid import UUID

from fastapi import Response
from starlette.datastructures import UploadFile

from contracts import rpc
from contracts.csv_table import LARGEST_FILE, Problem, Unreadable, decode, write
from contracts.errors import Conflict, Forbidden, NotFound, Unavailable
from contracts.model import DirectoryTable
from contracts.rpc.call import Nothing
from contracts.rpc.imports import (
    ApplyDirectoryFile,
    DirectoryFile,
    Export,
    ImportFile,
    ImportId,
    ImportReport,
    LineEffect,
    LoginImport,
)
from services.gateway.pages.directory import labels, lines
from services.gateway.pages.shared import directory, file_problems
from services.gateway.pages.shared.forms import key_of, text_of
from services.gateway.pages.shared.languages import _, days_in_words
from services.gateway.pages.shared.view import PRIVATE, AdoPage, View, page_router
from services.gateway.pages.shared.vocabulary import ROLES, name_of

router = page_router("/desk/directory")
Table = DirectoryTable | Literal["logins"]
TABLES: dict[Table, str] = {"logins": _("Logins"), **{table: lines.TABLES[table] for table in lines.TABLES}}
COLUMNS: dict[Table, str] = {
    "logins": "role,name,department,site,gate,mobile,language,valid_until",
    **{table: ",".join(columns) for table, columns in labels.COLUMNS.items()},
}
"""The first line of each table."""


@router.get("/files")
async def ask_file(view: AdoPage) -> Response:
    return _form(view, "", "", ())


@router.post("/files")
async def send_file(view: AdoPage) -> Response:
    """Take a file, or the lines that were pasted in its place, and show what it would do."""
    form = await view.upload(LARGEST_FILE)
    table, pasted, file = text_of(form, "table"), form.get("text"), form.get("file")
    lines = pasted.strip() if isinstance(pasted, str) else ""
    data = await file.read() if isinstance(file, UploadFile) else b""
    await form.close()
    known = next((one for one in TABLES if one == table), None)
    if known is None:
        return _form(view, table, lines, (), {"table": "choose_one"})
    if bool(data) == bool(lines):
        return _form(view, table, lines, (Problem(line=0, code="file_twice" if data else "file_missing"),))
    try:
        text = decode(data or lines.encode())
    except Unreadable as error:
        return _form(view, table, lines, (error.problem,))
    try:
        if known == "logins":
            file_of_logins = ImportFile(text=text)
            sent = await view.command(rpc.accounts.logins.SEND_LOGIN_FILE, file_of_logins, key_of(form))
        else:
            request = DirectoryFile(table=known, text=text)
            sent = await view.command(rpc.approval.directory.SEND_DIRECTORY_FILE, request, key_of(form))
    except Unavailable:  # no browser sends a file twice: its lines are shown in its place
        return _form(view, table, text, (), status=503)
    return view.to(f"/desk/directory/files/{known}/{sent.import_id}")


@router.get("/files/{table}/{import_id}")
async def show_report(view: AdoPage, table: Table, import_id: UUID) -> Response:
    """Show what a file would do now, or what it did."""
    report = await _report(view, table, import_id)
    return view.html(
        "directory/report.html",
        table=table,
        title=TABLES[table],
        report=report,
        problems=_in_words(view, report.problems),
        effects=[await _effect(view, table, one) for one in report.lines],
        labels=labels.LABELS,
        flags=labels.FLAGS,
    )


@router.post("/files/{table}/{import_id}")
async def apply_file(view: AdoPage, table: Table, import_id: UUID) -> Response:
    """Apply a file as a whole; if that is not possible any more, show why."""
    form = await view.form()
    key = key_of(form)
    address, notice = f"/desk/directory/files/{table}/{import_id}", ""
    try:
        if table == "logins":
            request = await _login_import(view, import_id)
            await view.command(rpc.accounts.logins.APPLY_LOGIN_FILE, request, key)
        else:
            wanted = ApplyDirectoryFile(import_id=import_id, accepted=lines.accepted_of(form))
            await view.command(rpc.approval.directory.APPLY_DIRECTORY_FILE, wanted, key)
            await view.refresh_directory()
    except Conflict:
        notice = "changed"
    return view.to(address, notice)


@router.get("/files/logins/{import_id}/passwords")
async def show_passwords(view: AdoPage, import_id: UUID) -> Response:
    """Show a slip for each login of a file, to be printed, cut and handed over."""
    report = await _with_passwords(view, import_id)
    address = view.caller.state.public_url + view.path("/staff/sign-in")
    return view.html(
        "directory/passwords.html",
        logins=[login for login in report.logins if login.initial_password],
        address=address,
        back=f"/desk/directory/files/logins/{import_id}",
        paper="a4",
    )


@router.get("/files/logins/{import_id}/passwords.csv")
async def download_passwords(view: AdoPage, import_id: UUID) -> Response:
    report = await _with_passwords(view, import_id)
    if not any(login.initial_password for login in report.logins):
        raise NotFound("these passwords are not shown any more")
    lines = [(login.login_id, login.name, login.initial_password or "") for login in report.logins]
    return _csv(write(("login_id", "name", "initial_password"), lines), "passwords")


@router.get("/export/{table}.csv")
async def export(view: AdoPage, table: Table) -> Response:
    if table == "logins":
        file = await view.query(rpc.accounts.logins.EXPORT_LOGINS, Nothing())
    else:
        file = await view.query(rpc.approval.directory.EXPORT_DIRECTORY, Export(table=table))
    return _csv(file.text, table)


async def _effect(view: View, table: Table, change: LineEffect) -> dict[str, Any]:
    """Return what a page shows of a line that a file adds or changes."""
    before, after = change.before, change.after
    ends = bool(after.get("closed")) and not before.get("closed")
    shown = lines.differences(before, after)
    return {
        "line": change.line,
        "kind": "added" if not before else "ended" if ends else "changed",
        "title": await _title(view, table, after),
        "change": change,
        "differences": [one for one in shown if one[0] != "closed"] if ends else shown,
    }


async def _title(view: View, table: Table, cells: Mapping[str, str]) -> str:
    """Return by what a reader knows a line: names where it has some, and what tells it from others."""
    parts: tuple[str | None, ...]
    if table == "logins":
        scope = cells.get("gate") or cells.get("site") or cells.get("department")
        parts = (cells["name"], name_of(ROLES, cells["role"], view.language), scope)
    elif table in ("holidays", "hours"):
        day = date.fromisoformat(cells[lines.FIRST_DAYS[table]])
        reason = cells.get(f"reason_{view.language}") or cells.get("reason")
        parts = (days_in_words((day,), view.language), reason, cells["site"])
    elif table == "escalation":
        names = await directory.department_names(view)
        parts = (names.get(cells["department"]), cells["department"])
    else:
        parts = (cells.get(f"name_{view.language}"), "/".join(cells[name] for name in lines.KEYS[table]))
    return " · ".join(filter(None, parts))


def _csv(text: str, name: str) -> Response:
    headers = {**PRIVATE, "Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text.encode(), media_type="text/csv; charset=utf-8", headers=headers)


async def _report(view: View, table: Table, import_id: UUID) -> ImportReport:
    if table == "logins":
        request = await _login_import(view, import_id)
        return await view.query(rpc.accounts.logins.CHECK_LOGIN_FILE, request)
    return await view.query(rpc.approval.directory.CHECK_DIRECTORY_FILE, ImportId(import_id=import_id))


async def _with_passwords(view: View, import_id: UUID) -> ImportReport:
    report = await _report(view, "logins", import_id)
    if report.confirm_passwords:
        raise Forbidden("show the second factor again", code="second_factor_stale")
    return report


async def _login_import(view: View, import_id: UUID) -> LoginImport:
    """Return the request about a file of logins: accounts does not know the directory itself."""
    sites = (await view.caller.state.sites.get()).items
    departments = (await view.caller.state.departments.get()).items
    return LoginImport(
        import_id=import_id,
        departments=tuple(one.code for one in departments),
        sites=tuple(one.code for one in sites),
        gates=tuple(gate for one in sites for gate in one.gates),
        language=view.language,
    )


def _in_words(view: View, problems: tuple[Problem, ...]) -> list[tuple[Problem, str]]:
    return [(problem, file_problems.sentence(problem, view.language)) for problem in problems]


def _form(
    view: View,
    table: str,
    lines: str,
    problems: tuple[Problem, ...],
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    return view.html(
        "directory/files.html",
        422 if problems or errors else status,
        tables=TABLES,
        columns=COLUMNS,
        typed={"table": table, "text": lines},
        problems=_in_words(view, problems),
        errors=errors or {},
        wrong=bool(problems or errors),
    )
