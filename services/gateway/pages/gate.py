"""The gate, plain: a pass is typed or scanned, the ID is checked, the verdict fills the screen."""

from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Response

from contracts import rpc
from contracts.errors import InvalidInput
from contracts.rpc import InsideQuestion, ScanPass
from services.gateway.pages.failing import PageRoute
from services.gateway.pages.view import SecurityPage, View, text_of

router = APIRouter(prefix="/{language:lang}/gate", include_in_schema=False, route_class=PageRoute)


@router.get("")
async def ask_pass(view: SecurityPage) -> Response:
    """Which pass."""
    return view.html("gate/ask.html", errors={}, direction="entry")


@router.post("")
async def preview(view: SecurityPage) -> Response:
    """What the pass says, before anything is recorded; an exit is recorded at once, since it is never refused."""
    form = await view.form()
    typed, direction = text_of(form, "pass"), "exit" if text_of(form, "direction") == "exit" else "entry"
    if not typed:
        return view.html("gate/ask.html", 422, errors={"pass": "pass_missing"}, direction=direction)
    shown = await _scan(view, typed, direction, None, str(uuid4()))
    if shown.preview and shown.verdict == "admit":
        return view.html("gate/check.html", shown=shown, typed=typed, nonce=str(uuid4()), errors={})
    return view.html("gate/verdict.html", shown=shown, direction=direction)


@router.post("/enter")
async def enter(view: SecurityPage) -> Response:
    """Lets the party in whose ID was checked; a repeat of the form has the first verdict."""
    form = await view.form()
    typed, nonce, kind = text_of(form, "pass"), text_of(form, "nonce"), text_of(form, "kind")
    checked: dict[str, Any] = {"kind": kind, "id_type": text_of(form, "id_type"), "id_last4": text_of(form, "id_last4")}
    if kind == "other_id":
        checked = {"kind": kind, "id_type": text_of(form, "other_type"), "reason": text_of(form, "reason")}
    try:
        shown = await _scan(view, typed, "entry", checked, nonce, count=text_of(form, "count"))
    except InvalidInput as error:
        shown = await _scan(view, typed, "entry", None, str(uuid4()))
        problems = {one.field.rpartition(".")[2]: one.code for one in error.body.fields}
        return view.html("gate/check.html", 422, shown=shown, typed=typed, nonce=str(uuid4()), errors=problems)
    return view.html("gate/verdict.html", shown=shown, direction="entry")


@router.get("/inside")
async def show_inside(view: SecurityPage, after: str | None = None) -> Response:
    """Who is inside this site."""
    found = await view.caller.ask(rpc.INSIDE, InsideQuestion(site=view.principal.site or "PCS1", after=after))
    return view.html("gate/inside.html", found=found)


async def _scan(view: View, typed: str, direction: str, checked: dict[str, Any] | None, nonce: str, count: str = "") -> rpc.ScanResult:
    """A number is eight characters, perhaps with blanks; anything longer is a token."""
    short = typed.replace(" ", "").replace("-", "")
    which = {"pass_number": short} if len(short) <= 12 else {"token": typed}
    asked = {
        **which, "gate": view.principal.gate or "", "direction": direction, "nonce": nonce, "id_check": checked,
        "count": int(count) if count.isascii() and count.isdecimal() else None,
    }  # fmt: skip
    return await view.caller.command(rpc.SCAN, ScanPass.model_validate(asked), nonce)
