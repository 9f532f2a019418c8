"""The plain pages of the gate, where the app does not run: number, verdict, ID and exit, without scripts.

The app (``gate_app``) has what else a guard does, such as calling for help.

A form carries a nonce. Sent again as it is, it has one effect and the first verdict; with anything else in
it, it is another scan.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal
from uuid import uuid4

from fastapi import Response
from fastapi.datastructures import FormData
from pydantic import ValidationError

from contracts import rpc
from contracts.crockford import LENGTH, parse_pass_number
from contracts.errors import ContractError, Forbidden, InvalidInput
from contracts.mobile import ascii_digits
from contracts.plates import is_plate
from contracts.rpc.verify.incidents import HelpCalls, HelpQuestion
from contracts.rpc.verify.manifests import PlateHit, PlateHits, PlateQuestion
from contracts.rpc.verify.presence import InsideQuestion
from contracts.rpc.verify.scans import ScanPass, ScanResult
from services.chassis.runtime.clock import now
from services.chassis.runtime.time_words import span
from services.gateway.pages.shared import directory, photograph
from services.gateway.pages.shared.answers import TooLong
from services.gateway.pages.shared.forms import text_of
from services.gateway.pages.shared.languages import instant_in_words
from services.gateway.pages.shared.view import SecurityPage, View, page_router

router = page_router("/gate")
RESULT = "/gate/result"
UNREADABLE = "unreadable"
"""The outcome of a scan that no service was asked about, or that none could read."""
TONES = {
    **dict.fromkeys(("admit", "exit"), "good"),
    **dict.fromkeys(
        ("id_mismatch", "not_yet_valid", "day_closed", "wrong_site", "wrong_gate", UNREADABLE), "amber"
    ),
}
"""Outcome → its look; anything else is a refusal. Amber is what the visitor or the officer can put right."""
PASSES_SECONDS, REFUSES_SECONDS = 6, 30
"""So long a verdict stands that lets somebody pass: the next person must not walk in on it; any other one."""
LONGEST_NUMBER = 20
LONGEST_TOKEN = 2_000
LONGEST_SCANNED = LONGEST_TOKEN + 100
NOT_READABLE = {
    "id_type": ("other_type", "choose_one"),
    "reason": ("reason", "reason_missing"),
    "count": ("count", "count_range"),
}
"""Field of a scan → field of the page, and the code of its problem where it cannot be read."""
SUPERVISOR_REFUSED = {
    "supervisor_missing": ("supervisor_pin", "supervisor_missing"),
    "wrong_pin": ("supervisor_pin", "wrong_pin"),
    "pin_locked": ("supervisor_pin", "pin_locked"),
    "no_supervisor": ("supervisor", "no_supervisor"),
    "own_scan": ("supervisor", "own_scan"),
}
"""Refusal of verify → field of the page, and the code of its problem."""
SUPERVISOR_NOT_READABLE = {
    "pin": ("supervisor_pin", "pin_not_six"),
    "reason": ("supervisor_reason", "supervisor_reason_missing"),
    "login_id": ("supervisor", "choose_one"),
}
LONGEST_PIN = 40
_TYPED = ("pass", "gate", "kind", "count", "other_type", "reason", "supervisor", "supervisor_reason")
_SCANNED = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
"""A token, wherever a scanner typed it: in front of it may stand what somebody had begun to type.

It is looked for in the last signs of a text alone: in a long one it would take seconds.
"""


@dataclass(frozen=True)
class Scan:
    """The result of a scan, as its page shows it."""

    direction: str
    typed: Mapping[str, str]
    shown: ScanResult | None
    at: datetime = field(default_factory=now)

    @property
    def outcome(self) -> str:
        """Return the verdict, or that the scan could not be read."""
        return self.shown.verdict if self.shown else UNREADABLE

    @property
    def asks_for_card(self) -> bool:
        """Return whether the officer has to look at an ID card now."""
        return self.shown is not None and self.shown.preview and self.outcome == "admit"

    @property
    def asks_how_many(self) -> bool:
        """Return whether the officer says now how many leave."""
        return self.shown is not None and self.shown.preview and self.outcome == "exit"

    @property
    def is_stray_exit(self) -> bool:
        """Return whether somebody has left who had not come in: perhaps they are coming in now."""
        return self.outcome == "exit" and self.shown is not None and "no_entry" in self.shown.marks

    @property
    def stands_seconds(self) -> int | None:
        """Return how long the verdict is shown, as in the gate's app; None where it asks for something."""
        if self.asks_for_card or self.asks_how_many or self.outcome == "id_mismatch":
            return None
        is_called = self.shown is not None and self.shown.call_supervisor
        passes = self.outcome in {"admit", "exit"} and not self.is_stray_exit and not is_called
        return PASSES_SECONDS if passes else REFUSES_SECONDS

    @property
    def has_left(self) -> bool:
        """Return whether the verdict has stood long enough, but for the time of a reload."""
        stands = self.stands_seconds
        return stands is not None and now() - self.at > timedelta(seconds=stands - 1)

    def rests_on_list_older_than(self, green_s: int) -> bool:
        """Return whether an entry rests on a list of revoked passes that is no longer new."""
        return self.outcome == "admit" and self.shown is not None and (self.shown.list_age_s or 0) > green_s


@router.get("")
async def ask_pass(
    view: SecurityPage, direction: Literal["entry", "exit"] = "entry", gate: str = ""
) -> Response:
    return await _ask(view, {"direction": direction, "gate": gate}, {})


@router.post("")
async def preview(view: SecurityPage) -> Response:
    """Look at a pass before an entry is recorded, and show the result.

    An exit is never refused. It is recorded at once; where several are inside, when the officer has said how
    many leave.
    """
    form = await view.form()
    typed = {name: text_of(form, name) for name in ("pass", "direction", "gate")}
    problems = {} if typed["pass"] else {"pass": "pass_missing"}
    if not _gate(view, form):
        problems["gate"] = "choose_one"
    if problems:
        return await _ask(view, typed, problems, 422)
    return await _look(view, form, typed["pass"], "exit" if typed["direction"] == "exit" else "entry")


@router.post("/enter")
async def enter(view: SecurityPage) -> Response:
    """Record the entry of the party whose ID was checked.

    A scanner types wherever the focus is. A pass in a field about the ID is the next scan.
    """
    form = await view.form()
    for name in ("id_last4", "reason", "supervisor_reason"):
        if next_pass := _SCANNED.search(text_of(form, name)[-LONGEST_SCANNED:]):
            return await _look(view, form, next_pass[0], "entry")
    request = _pass(text_of(form, "pass"))
    if request is None:
        return await _show_result(view, Scan("entry", _typed(form), None))
    try:
        shown = await _scan(view, form, request, "entry", _id_check(form))
    except (Forbidden, InvalidInput, ValidationError) as error:
        if _is_unknown_gate(error):
            return await _ask(view, _typed(form), {"gate": "unknown_gate"}, 422)
        problems = _problems(error, form)
        asked = Scan("entry", _typed(form), await _scan(view, form, request, "entry"))
        return await _result_page(view, asked, problems)
    return await _show_result(view, Scan("entry", _typed(form), shown))


@router.get("/enter")
async def return_to_result(view: SecurityPage) -> Response:
    """Return to the result from the address of a form that was sent with a mistake."""
    return view.to(RESULT)


@router.get("/result")
async def show_result(view: SecurityPage) -> Response:
    """Show the last scan of this browser; without one, or after some minutes, ask for a pass."""
    kept = view.read_result()
    if not kept:
        return view.to("/gate")
    if "hits" in kept:
        hits = [PlateHit.model_validate(one) for one in kept["hits"]]
        names = {} if all(one.pass_ for one in hits) else await directory.department_names(view)
        shown = {"is_cut": False, **kept, "hits": hits, "departments": names}  # 0.30.0 keeps no is_cut
        return view.html("gate/choose.html", **shown, when=partial(_when, view))
    scan = Scan(
        kept["direction"],
        kept["typed"],
        ScanResult.model_validate(kept["shown"]) if kept["shown"] else None,
        datetime.fromisoformat(kept["at"]),
    )
    return await _result_page(view, scan)


def _when(view: View, hit: PlateHit) -> str:
    """Return from when to when the pass of a hit is open for entry."""
    assert hit.valid_from is not None and hit.valid_to is not None  # noqa: PT018  both or none
    start, end = (instant_in_words(at, view.language) for at in (hit.valid_from, hit.valid_to))
    return span(start, end, view.language)


@router.get("/photographs/{reference}")
async def show_photograph(view: SecurityPage, reference: str) -> Response:
    return await photograph.picture(view, reference)


@router.get("/inside")
async def show_inside(view: SecurityPage, after: str | None = None) -> Response:
    site = view.principal.site or ""
    view.caller.require_site(site)
    found = await view.query(rpc.verify.presence.INSIDE, InsideQuestion(site=site, after=after))
    return view.html("gate/inside.html", found=found, gate_name=await directory.gate_names(view))


def _is_unknown_gate(error: ContractError | ValidationError) -> bool:
    if isinstance(error, ContractError):
        return error.body.code == "unknown_gate"
    return any(one["loc"][-1:] == ("gate",) for one in error.errors(include_input=False))


def _problems(error: Forbidden | InvalidInput | ValidationError, form: FormData) -> dict[str, str]:
    """Return the problem of each field of the page.

    Raises:
        Forbidden: it is not about the supervisor.
    """
    if isinstance(error, ValidationError):
        return _unreadable(error, _prefix(form))
    if isinstance(error, InvalidInput):
        return {one.field.rpartition(".")[2]: one.code for one in error.body.fields}
    if error.body.code not in SUPERVISOR_REFUSED:
        raise error
    field, code = SUPERVISOR_REFUSED[error.body.code]
    return {_prefix(form) + field: code}


async def _ask(view: View, typed: Mapping[str, str], errors: dict[str, str], status: int = 200) -> Response:
    """Return the first form; it asks for the gate too where the login belongs to none."""
    site = None if view.principal.gate else await directory.site(view, view.principal.site or "")
    return view.html(
        "gate/scan.html",
        status,
        errors=errors,
        typed=typed,
        gates=site.gates if site else (),
        gate_name=await directory.gate_names(view),
    )


async def _look(view: View, form: FormData, scanned: str, direction: str) -> Response:
    """Ask verify about what was scanned, or which pass names a vehicle, and redirect to the result."""
    typed = {**_typed(form), "pass": scanned}
    try:
        found = await _with_plate(view, form, scanned)
        hits = found.items
        is_sure = len(hits) == 1 and direction == "entry" and hits[0].pass_  # a scanner may type a plate
        if hits and not is_sure:
            named = [one.model_dump(mode="json") for one in hits]
            kept = {"hits": named, "is_cut": found.is_cut, "gate": typed["gate"], "direction": direction}
            return view.save_result(view.to(RESULT), RESULT, kept)
        if hits:
            typed["pass"] = hits[0].pass_
        request = _pass(typed["pass"])
        shown = None if request is None else await _scan(view, form, request, direction)
    except (InvalidInput, ValidationError) as error:
        if _is_unknown_gate(error):
            return await _ask(view, typed | {"direction": direction}, {"gate": "unknown_gate"}, 422)
        shown = None
    return await _show_result(view, Scan(direction, typed, shown))


async def _with_plate(view: View, form: FormData, typed: str) -> PlateHits:
    """Return the passes with the vehicle whose plate was typed; none for anything else."""
    if not is_plate(typed):
        return PlateHits()
    question = PlateQuestion(gate=_gate(view, form), plate=typed)
    return await view.query(rpc.verify.manifests.FIND_BY_PLATE, question)


async def _show_result(view: View, scan: Scan) -> Response:
    """Redirect to the page of the result. One that is too long for a cookie is returned as it is."""
    kept = {
        "direction": scan.direction,
        "typed": {name: value[:LONGEST_TOKEN] for name, value in scan.typed.items()},
        "shown": scan.shown.model_dump(mode="json", exclude_defaults=True) if scan.shown else None,
        "at": scan.at.isoformat(),
    }
    try:
        return view.save_result(view.to(RESULT), RESULT, kept)
    except TooLong:
        return await _result_page(view, scan)


async def _result_page(view: View, scan: Scan, problems: dict[str, str] | None = None) -> Response:
    """Return the page on which the ID is checked, or the verdict."""
    shown, tone = scan.shown, TONES.get(scan.outcome, "bad")
    site = await directory.site(view, shown.site) if shown and shown.site else None
    template = "check" if scan.asks_for_card else "leave" if scan.asks_how_many else "verdict"
    rules = await _rules(view)
    is_old = scan.rests_on_list_older_than(rules.green_s)
    is_warning = scan.is_stray_exit or is_old or (shown is not None and shown.call_supervisor)
    return view.html(
        f"gate/{template}.html",
        422 if problems and scan.asks_for_card else 200,
        scan=scan,
        shown=shown,
        typed=scan.typed,
        errors=problems or {},
        tone="amber" if tone == "good" and is_warning else tone,
        is_old=is_old,
        is_number=len(scan.typed["pass"]) <= LONGEST_NUMBER,
        is_plate=is_plate(scan.typed["pass"]),
        is_whole=len(re.sub(r"[\W_]", "", scan.typed["pass"])) == LENGTH,
        site=site,
        photograph=f"/gate/photographs/{shown.reference}"
        if shown
        and shown.applicant
        and shown.reference
        and site
        and site.photograph
        and await photograph.is_there(view, shown.reference)
        else None,
        gate_name=await directory.gate_names(view),
        telephones=rules.telephones,
    )


async def _rules(view: View) -> HelpCalls:
    """Return whom to telephone, and how old a list is new; the usual age where verify does not answer."""
    site = view.principal.site
    question = HelpQuestion(site=site)
    return (site and await view.try_query(rpc.verify.incidents.HELP_CALLS, question)) or HelpCalls()


def _prefix(form: FormData) -> str:
    """Return how the fields of the supervisor begin in the form that was sent: the page may have two."""
    return "other_" if text_of(form, "kind") == "other_id" else ""


def _unreadable(error: ValidationError, prefix: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in error.errors(include_input=False):
        if one["loc"][0] == "supervisor":
            field, code = SUPERVISOR_NOT_READABLE.get(str(one["loc"][-1]), ("supervisor", "choose_one"))
            found[prefix + field] = code
            continue
        field, code = NOT_READABLE.get(str(one["loc"][-1]), ("id_last4", "not_four"))
        found[field] = "too_long" if field == "reason" and one["type"] == "string_too_long" else code
    return found


def _typed(form: FormData) -> dict[str, str]:
    return {name: text_of(form, name) for name in _TYPED}


def _id_check(form: FormData) -> dict[str, Any]:
    if text_of(form, "kind") == "other_id":
        return {"kind": "other_id", "id_type": text_of(form, "other_type"), "reason": text_of(form, "reason")}
    return {"kind": "matched", "id_type": text_of(form, "id_type"), "id_last4": text_of(form, "id_last4")}


def _supervisor(form: FormData) -> dict[str, Any] | None:
    """Return who agreed to an entry; None where the form does not ask."""
    if "supervisor" not in form:
        return None
    pin = ascii_digits(str(form.get("supervisor_pin", ""))[:LONGEST_PIN]).strip()
    return {"login_id": text_of(form, "supervisor"), "pin": pin, "reason": text_of(form, "supervisor_reason")}


def _gate(view: View, form: FormData) -> str:
    return view.principal.gate or text_of(form, "gate")


async def _scan(
    view: View, form: FormData, scanned: dict[str, str], direction: str, checked: dict[str, Any] | None = None
) -> ScanResult:
    preview = direction == "entry" and checked is None
    nonce = str(uuid4()) if preview else _nonce(form)
    request: dict[str, Any] = {
        **scanned, "gate": _gate(view, form), "direction": direction, "nonce": nonce, "id_check": checked,
        "count": text_of(form, "count") or None if checked else None,
        "supervisor": _supervisor(form) if checked else None,
    }  # fmt: skip
    if direction == "exit":
        leaving = text_of(form, "leaving")
        request |= {"count": leaving if leaving.isdecimal() else None, "ask_count": not leaving}
    return await view.command(rpc.verify.scans.SCAN, ScanPass.model_validate(request))


def _pass(typed: str) -> dict[str, str] | None:
    """Return the token or the pass number that was typed; None where it cannot be a whole one.

    Whatever is too long for a number was a scanner's. A number with a wrong check character was not heard or
    typed right, so that verify is not asked: it would count it as a guess.
    """
    compact = "".join(typed.split())
    if token := _SCANNED.search(compact[-LONGEST_SCANNED:]):
        return {"token": token[0]}
    if len(compact) > LONGEST_NUMBER:
        return {"token": compact}
    try:
        return {"pass_number": parse_pass_number(re.sub(r"[\W_]", "", typed))}
    except ValueError:
        return None


def _nonce(form: FormData) -> str:
    """Return a nonce for the content of a form, so that only the same form is a repeat.

    It says nothing about a PIN, which could be guessed from it.
    """
    if not text_of(form, "nonce"):
        return str(uuid4())
    content = "\n".join(
        f"{name}={value}"
        for name, value in sorted(form.items())
        if isinstance(value, str) and name != "supervisor_pin"
    )
    return hashlib.sha256(content.encode()).hexdigest()
