"""The pages of the gate: a pass is typed or scanned, the ID is checked, the verdict fills the screen.

A form carries a nonce. Sent again as it is, it has one effect and the first verdict; with anything else in
it, it is another scan.
"""

import hashlib
import re
from typing import Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Response
from fastapi.datastructures import FormData
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import InvalidInput
from contracts.rpc.verify import InsideQuestion, ScanPass
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.error_pages import PageRoute
from services.gateway.pages.shared.view import SecurityPage, View, text_of

router = APIRouter(prefix="/{language:lang}/gate", include_in_schema=False, route_class=PageRoute)
LONGEST_NUMBER = 20
NOT_READABLE = {
    "id_type": ("other_type", "choose_one"),
    "reason": ("reason", "reason_missing"),
    "count": ("count", "count_range"),
}
"""Field of a scan → field of the page, and the code of its problem where it cannot be read."""


@router.get("")
async def ask_pass(
    view: SecurityPage, direction: Literal["entry", "exit"] = "entry", gate: str = ""
) -> Response:
    """Ask for the pass."""
    return await _ask(view, {"direction": direction, "gate": gate}, {})


@router.post("")
async def preview(view: SecurityPage) -> Response:
    """Show what the pass allows, before an entry is recorded.

    An exit is recorded at once: it is never refused.
    """
    form = await view.form()
    typed = {name: text_of(form, name) for name in ("pass", "direction", "gate")}
    direction = "exit" if typed["direction"] == "exit" else "entry"
    problems = {} if typed["pass"] else {"pass": "pass_missing"}
    if not _gate(view, form):
        problems["gate"] = "choose_one"
    if problems:
        return await _ask(view, typed, problems, 422)
    try:
        shown = await _scan(view, form, direction)
    except (InvalidInput, ValidationError) as error:
        problems = {"gate": "no_such_gate"} if _is_unknown_gate(error) else {"pass": "not_a_pass"}
        return await _ask(view, typed, problems, 422)
    return await _result_page(view, form, shown, direction)


@router.post("/enter")
async def enter(view: SecurityPage) -> Response:
    """Record the entry of the party whose ID was checked."""
    form = await view.form()
    try:
        shown = await _scan(view, form, "entry", _id_check(form))
    except ValidationError as error:
        return await _result_page(view, form, await _scan(view, form, "entry"), "entry", _unreadable(error))
    except InvalidInput as error:
        if _is_unknown_gate(error):
            typed = {"direction": "entry"} | {name: text_of(form, name) for name in ("pass", "gate")}
            return await _ask(view, typed, {"gate": "no_such_gate"}, 422)
        problems = {one.field.rpartition(".")[2]: one.code for one in error.body.fields}
        return await _result_page(view, form, await _scan(view, form, "entry"), "entry", problems)
    return await _result_page(view, form, shown, "entry")


@router.get("/inside")
async def show_inside(view: SecurityPage, after: str | None = None) -> Response:
    """Show who is inside this site."""
    site = view.principal.site or ""
    view.caller.require_site(site)
    found = await view.caller.query(rpc.verify.INSIDE, InsideQuestion(site=site, after=after))
    return view.html("gate/inside.html", found=found)


def _is_unknown_gate(error: Exception) -> bool:
    return isinstance(error, InvalidInput) and error.body.code == "unknown_gate"


async def _ask(view: View, typed: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    """Return the first form; it asks for the gate too where the login belongs to none."""
    site = None if view.principal.gate else await directory.site(view, view.principal.site or "")
    return view.html("gate/scan.html", status, errors=errors, typed=typed, gates=site.gates if site else ())


async def _result_page(
    view: View,
    form: FormData,
    shown: rpc.verify.ScanResult,
    direction: str,
    problems: dict[str, str] | None = None,
) -> Response:
    """Return the page on which the ID is checked, or the verdict."""
    typed = {name: text_of(form, name) for name in ("pass", "gate", "kind", "count", "other_type", "reason")}
    if shown.preview and shown.verdict == "admit":
        return view.html(
            "gate/check.html", 422 if problems else 200, shown=shown, typed=typed, errors=problems or {}
        )
    site = await directory.site(view, shown.site) if shown.site else None
    return view.html("gate/verdict.html", shown=shown, direction=direction, typed=typed, site=site)


def _unreadable(error: ValidationError) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in error.errors(include_input=False):
        field, code = NOT_READABLE.get(str(one["loc"][-1]), ("id_last4", "not_four"))
        found[field] = "too_long" if field == "reason" and one["type"] == "string_too_long" else code
    return found


def _id_check(form: FormData) -> dict[str, Any]:
    if text_of(form, "kind") == "other_id":
        return {"kind": "other_id", "id_type": text_of(form, "other_type"), "reason": text_of(form, "reason")}
    return {"kind": "matched", "id_type": text_of(form, "id_type"), "id_last4": text_of(form, "id_last4")}


def _gate(view: View, form: FormData) -> str:
    return view.principal.gate or text_of(form, "gate")


async def _scan(
    view: View, form: FormData, direction: str, checked: dict[str, Any] | None = None
) -> rpc.verify.ScanResult:
    preview = direction == "entry" and checked is None
    nonce = str(uuid4()) if preview else _nonce(form)
    request = {
        **_pass(text_of(form, "pass")), "gate": _gate(view, form), "direction": direction, "nonce": nonce,
        "id_check": checked,
        "count": text_of(form, "count") or None if checked else None,
    }  # fmt: skip
    return await view.caller.command(rpc.verify.SCAN, ScanPass.model_validate(request))


def _pass(typed: str) -> dict[str, str]:
    """Return the token or the pass number that was typed.

    A token, as a scanner types it, contains two full stops; anything else is a number, however it is written.
    """
    if typed.count(".") == 2 and len(typed) > LONGEST_NUMBER:
        return {"token": "".join(typed.split())}
    return {"pass_number": re.sub(r"[\W_]", "", typed)[:LONGEST_NUMBER]}


def _nonce(form: FormData) -> str:
    """Return a nonce for the content of a form, so that only the same form is a repeat."""
    if not text_of(form, "nonce"):
        return str(uuid4())
    content = "\n".join(f"{name}={value}" for name, value in sorted(form.items()) if isinstance(value, str))
    return hashlib.sha256(content.encode()).hexdigest()
