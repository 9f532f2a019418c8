"""The auditor's pages: who looked at and did what, decisions, and the scans of a pass. Read only.

They show logins, times and verdicts, and nobody's name. Who searches is recorded by the services.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Query, Response

from contracts import rpc
from contracts.crockford import parse_pass_number, parse_reference
from contracts.errors import NotFound
from contracts.login_ids import parse_login_id
from contracts.model import IST
from contracts.rpc.approval.decisions import MOST_AUDITED_DAYS, DecisionQuestion
from contracts.rpc.audit import AuditQuestion
from contracts.rpc.issuance import PassNumber
from services.chassis.runtime.clock import now
from services.gateway.handlers import lookups
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.forms import text_of
from services.gateway.pages.shared.view import AuditorPage, View, page_router
from services.gateway.pages.shared.vocabulary import VERDICTS

router = page_router("/audit")
USUAL_DAYS = timedelta(days=7)
Text = Annotated[str, Query(max_length=200)]


@router.get("")
async def show_start(
    view: AuditorPage, department: Text = "", first: Text = "", last: Text = "", after: Text = ""
) -> Response:
    """Ask what to look for, and show the decisions of a department on the days that were chosen."""
    typed = {"department": department, **_usual_days(first, last)}
    days, errors = _days(typed)
    found = None
    if not department:
        errors = {}
    elif not errors:
        question = DecisionQuestion(
            department=department, first=days[0], last=days[1], after=after or None, limit=50
        )
        found = await view.query(rpc.approval.decisions.DECISIONS, question)
    return await _start(view, typed, errors, found=found)


@router.get("/search")
async def show_search(view: AuditorPage) -> Response:
    """Lead to the start: a search is sent from there."""
    return view.to("/audit")


@router.post("/search")
async def search(view: AuditorPage) -> Response:
    """Lead to an application or to a pass; both are written in eight characters."""
    q = text_of(await view.form(), "q")
    try:
        if q.upper().startswith("PCS"):
            return view.to(f"/audit/applications/{parse_reference(q)}")
        return view.to(f"/audit/passes/{parse_pass_number(q)}")
    except ValueError:
        typed = {"department": "", **_usual_days()}
        return await _start(view, typed, {"q": "neither_reference_nor_pass"}, q=q)


@router.get("/applications/{reference}")
async def show_application(view: AuditorPage, reference: str) -> Response:
    try:
        wanted = parse_reference(reference)
    except ValueError:
        raise NotFound("no such application") from None
    found = await view.query(rpc.approval.decisions.DECISIONS, DecisionQuestion(reference=wanted, limit=200))
    names = await directory.department_names(view)
    return view.html("audit/application.html", reference=wanted, found=found, names=names)


@router.get("/passes/{number}")
async def show_pass(view: AuditorPage, number: str) -> Response:
    try:
        wanted = parse_pass_number(number)
    except ValueError:
        raise NotFound("no such pass") from None
    found = await view.query(rpc.verify.scans.SCAN_HISTORY, PassNumber(number=wanted))
    return view.html("audit/pass.html", found=found)


@router.get("/log")
async def show_log(
    view: AuditorPage, who: Text = "", what: Text = "", first: Text = "", last: Text = "", after: Text = ""
) -> Response:
    """Show who looked at or did what on some days: the last seven, where none are chosen."""
    typed = {"who": who, "what": what, **_usual_days(first, last)}
    days, errors = _days(typed)
    question, wrong = _names(typed)
    if errors | wrong:
        kept = typed | dict.fromkeys(wrong, "")
        return view.html("audit/log.html", 422, typed=kept, errors=errors | wrong, found=None)
    asked = AuditQuestion(**question, first=days[0], last=days[1], after=after or None, limit=50)
    found = await lookups.audit_entries(view.caller, asked)
    # an action is no look, as also what `epass` does at the command line
    shown = {"found": found, "is_command": lambda *action: action not in _LOOKS, "verdicts": VERDICTS}
    return view.html("audit/log.html", typed=typed, errors={}, **shown)


@router.post("/log")
async def search_log(view: AuditorPage) -> Response:
    """Redirect to the search. Only a login, a reference, a number or an id goes into the address."""
    form = await view.form()
    typed = {name: text_of(form, name) for name in ("who", "what", "first", "last")}
    _, errors = _days(typed)
    question, wrong = _names(typed)
    if errors | wrong:
        return view.html("audit/log.html", 422, typed=typed, errors=errors | wrong, found=None)
    wanted = {"who": question["actor"], "what": question["object"]}
    wanted |= {"first": typed["first"], "last": typed["last"]}
    return view.to(f"/audit/log?{urlencode({name: text for name, text in wanted.items() if text})}")


def _usual_days(first: str = "", last: str = "") -> dict[str, str]:
    """Return the days that were typed, or the last seven."""
    today = now().astimezone(IST).date()
    return {"first": first or f"{today - USUAL_DAYS}", "last": last or f"{today}"}


def _names(typed: Mapping[str, str]) -> tuple[dict[str, str | None], dict[str, str]]:
    """Return by whom and about what rows are searched, in canonical form, and what is wrong with that."""
    found: dict[str, str | None] = {"actor": None, "object": None}
    errors = {}
    for name, field, forms in (("who", "actor", _ACTORS), ("what", "object", _OBJECTS)):
        text = typed[name].strip()
        found[field] = _canonical(text, forms)
        if text and found[field] is None:
            errors[name] = f"not_an_{field}"
    return found, errors


def _canonical(text: str, forms: Sequence[Callable[[str], str]]) -> str | None:
    for form in forms:
        with suppress(ValueError):
            return form(text)
    return None


def _applicant(text: str) -> str:
    """Return the keyed name of an applicant, as a row has it; nobody types one."""
    if not re.fullmatch(r"applicant:[0-9A-Za-z_\-=]{16,90}", text):
        raise ValueError("not an applicant")
    return text


def _reference(text: str) -> str:
    if not text.upper().startswith("PCS"):
        raise ValueError("not a reference")
    return parse_reference(text)


_ACTORS: Sequence[Callable[[str], str]] = (parse_login_id, _applicant)
_OBJECTS: Sequence[Callable[[str], str]] = (
    parse_login_id,
    _applicant,
    _reference,
    parse_pass_number,
    lambda text: str(UUID(text)),
)
_LOOKS = {(one.service, one.name) for one in rpc.METHODS if not one.command}


async def _start(
    view: View, typed: dict[str, str], errors: dict[str, str], *, q: str = "", found: object = None
) -> Response:
    names = await directory.department_names(view)
    status = 422 if errors else 200
    return view.html("audit/start.html", status, names=names, typed=typed, errors=errors, q=q, found=found)


def _days(typed: dict[str, str]) -> tuple[tuple[date, date], dict[str, str]]:
    """Return the days between which to look, and what is wrong with them."""
    days, errors = [], {}
    for name in ("first", "last"):
        try:
            days.append(date.fromisoformat(typed[name]))
        except ValueError:
            errors[name] = "not_a_date"
    if not errors and days[0] > days[1]:
        errors["last"] = "last_before_first"
    elif not errors and (days[1] - days[0]).days >= MOST_AUDITED_DAYS:
        errors["last"] = "more_than_a_year"
    return (days[0], days[-1]) if days else (date.min, date.min), errors
