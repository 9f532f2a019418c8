"""The log of who looked at and did what: searched, folded where pages look by themselves, and as a file."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import Response
from fastapi.responses import StreamingResponse

from contracts import csv_table
from contracts.errors import ContractError
from contracts.model import IST, Language
from contracts.rpc.audit import AuditEntries, AuditEntry, AuditQuestion
from services.gateway.handlers import lookups
from services.gateway.metrics import EXPORTS
from services.gateway.pages.audit import acts
from services.gateway.pages.audit.search import Text, question, usual_days
from services.gateway.pages.shared.forms import text_of
from services.gateway.pages.shared.languages import _, texts
from services.gateway.pages.shared.view import PRIVATE, AuditorPage, View, page_router

router = page_router("/audit")
LINES = 50
MOST_PAGES = 6
"""So many pages of rows are asked for at most until a page has `LINES` lines."""
ROWS = 100
GAP = timedelta(minutes=15)
"""Looks that are further apart are not folded."""
LISTS = {
    "accounts.audit_entries", "accounts.list_logins", "application.audit_entries", "application.waiting_here",
    "approval.audit_entries", "approval.list_reviews", "issuance.audit_entries", "notify.audit_entries",
    "notify.undelivered_here", "verify.audit_entries", "verify.inside", "verify.manifest",
}  # fmt: skip
"""Looks at a list that is on the screen the whole day, or that one page takes at several services."""
MOST_EXPORTED = 10_000
PER_CALL = 200
COLUMNS = (
    "time", "who", "role", "act", "about", "result", "code", "result_code", "address", "times", "addresses",
)  # fmt: skip


@dataclass
class Line:
    """One line of the page: an entry, or looks at the same list one after the other.

    An entry may itself say that something was refused several times within a minute.
    """

    entry: AuditEntry
    """The newest."""
    since: datetime
    count: int = 1
    objects: dict[str, None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The service and the act."""
        return f"{self.entry.service}.{self.entry.action}"


@router.get("/log")
async def show_log(
    view: AuditorPage,
    who: Text = "",
    what: Text = "",
    act: Text = "",
    first: Text = "",
    last: Text = "",
    after: Text = "",
    each: bool = False,
) -> Response:
    """Show who looked at or did what on some days: the last seven, where none are chosen."""
    typed = {"who": who, "what": what, "act": act, **usual_days(first, last)}
    asked, errors = question(typed)
    if errors:
        return _page(view, typed | dict.fromkeys(errors.keys() & {"who", "what", "act"}, ""), errors)
    asked = asked.model_copy(update={"after": after or None, "limit": LINES if each else ROWS})
    lines, following = await _lines(view, asked, act, each=each)
    return _page(view, typed, {}, lines=lines, following=following, each=each)


@router.post("/log")
async def search_log(view: AuditorPage) -> Response:
    """Redirect to the search. Only what has the form of a login, a reference or an act is in the address."""
    form = await view.form()
    typed = {name: text_of(form, name) for name in ("who", "what", "act", "first", "last")}
    asked, errors = question(typed)
    if errors:
        return _page(view, typed, errors)
    return view.to(_address(typed | {"who": asked.actor or "", "what": asked.object or ""}))


@router.get("/log.csv")
async def download_log(
    view: AuditorPage, who: Text = "", what: Text = "", act: Text = "", first: Text = "", last: Text = ""
) -> Response:
    """Send all that was found as a file, up to `MOST_EXPORTED` rows. The log says so, once per service."""
    typed = {"who": who, "what": what, "act": act, **usual_days(first, last)}
    asked, errors = question(typed)
    if errors:
        return _page(view, typed | dict.fromkeys(errors.keys() & {"who", "what", "act"}, ""), errors)
    asked = asked.model_copy(update={"export": True, "limit": PER_CALL})
    found = await lookups.audit_entries(view.caller, asked, acts.chosen(act))
    EXPORTS.labels("export_audit").inc()
    name = f"audit-log-{typed['first']}-{typed['last']}.csv"
    headers = {**PRIVATE, "Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(
        _file(view, asked, act, found), headers=headers, media_type="text/csv; charset=utf-8"
    )


async def _file(view: View, asked: AuditQuestion, act: str, found: AuditEntries) -> AsyncIterator[str]:
    """Yield the parts of a file. Its last line says so if it is not the whole."""
    yield csv_table.write(COLUMNS, _cells(found.items, view.language))
    count, end = len(found.items), ""
    while found.next is not None and not end:
        if count >= MOST_EXPORTED:
            end = _("Not the whole: choose fewer days, or one act.")
            continue
        try:
            further = asked.model_copy(update={"after": found.next})
            found = await lookups.audit_entries(view.caller.going_on(), further, acts.chosen(act))
        except ContractError:
            end = _("Not the whole: a part of the system did not answer. Ask for the file again.")
            continue
        count += len(found.items)
        yield csv_table.write_rows(_cells(found.items, view.language))
    if end:
        yield csv_table.write_rows([[texts(view.language).gettext(end)]])


def _cells(entries: Iterable[AuditEntry], language: Language) -> Iterable[Sequence[str]]:
    for one in entries:
        name = f"{one.service}.{one.action}"
        yield (
            one.at.astimezone(IST).isoformat(sep=" ", timespec="seconds"),
            one.actor,
            one.role,
            acts.words_of(name, language),
            " ".join(one.objects),
            acts.outcome_of(name, one.result, language),
            name,
            one.result,
            one.address[:8],
            str(one.times),
            str(one.addresses or 1),
        )


async def _lines(
    view: View, asked: AuditQuestion, act: str, *, each: bool
) -> tuple[Sequence[Line], str | None]:
    """Return the lines of a page, and where the next page goes on."""
    rows: list[AuditEntry] = []
    for _page_of_rows in range(MOST_PAGES):
        found = await lookups.audit_entries(view.caller, asked, acts.chosen(act))
        rows += found.items
        lines = [_line(one) for one in rows] if each else fold(rows)
        if each or found.next is None or len(lines) >= LINES:
            break
        asked = asked.model_copy(update={"after": found.next})
    return lines, found.next


def fold(entries: Iterable[AuditEntry]) -> list[Line]:
    """Return a line for each entry, the newest first, and one for looks at the same list in a row.

    Looks at one application, commands and refusals stand alone, whatever page took them.
    """
    lines: list[Line] = []
    open_lines: dict[tuple[str, ...], Line] = {}
    for one in entries:
        line = _line(one)
        if one.result != "refreshed" and not (one.result == "done" and line.name in LISTS):
            lines.append(line)
            continue
        key = (acts.words_of(line.name, "en"), one.actor, one.role, one.address)
        known = open_lines.get(key)
        if known is None or known.since - one.at > GAP:
            open_lines[key] = line
            lines.append(line)
            continue
        known.since, known.count = one.at, known.count + 1
        known.objects |= line.objects
    return lines


def _line(one: AuditEntry) -> Line:
    return Line(one, one.at, one.times, dict.fromkeys(one.objects))


def _address(typed: Mapping[str, str], place: str = "/audit/log", **more: str) -> str:
    return f"{place}?{urlencode({name: text for name, text in {**typed, **more}.items() if text})}"


def _page(view: View, typed: Mapping[str, str], errors: Mapping[str, str], **found: Any) -> Response:
    usual = {"lines": None, "following": None, "each": False}
    words = {
        "words_of": lambda name: acts.words_of(name, view.language),
        "outcome_of": lambda name, result: acts.outcome_of(name, result, view.language),
        "address": lambda **more: view.path(_address(typed, **more)),
        "groups": list(acts.choices(view.language)),
        "refusals": acts.REFUSALS,
    }
    shown = {**usual, **words, **found, "typed": typed, "errors": errors}
    return view.html("audit/log.html", 422 if errors else 200, **shown)
