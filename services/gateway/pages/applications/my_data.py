"""The data of an applicant: what is kept of them, a copy of it, and its end.

All of it is about the applications that are open in the session; families share a phone.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from fastapi import Response
from markupsafe import Markup

from contracts import rpc
from contracts.errors import NotFound
from contracts.rpc.application import TimelineEntry
from contracts.rpc.own_data import MOST_APPLICATIONS, ErasedOnRequest, OwnApplications
from services.chassis.runtime.clock import IST, now
from services.gateway.handlers import own_data
from services.gateway.pages.applications import detail
from services.gateway.pages.shared import cookies, directory, timeline
from services.gateway.pages.shared.forms import key_of, text_of
from services.gateway.pages.shared.languages import _
from services.gateway.pages.shared.render import text
from services.gateway.pages.shared.view import PRIVATE, ApplicantPage, View, page_router

router = page_router("")
PLACE, ERASED = "/my-data", "/my-data/erased"
WHERE: dict[str, str] = {
    "application": _("Applications"),
    "approval": _("The department's desk"),
    "issuance": _("Passes"),
    "notify": _("Messages"),
    "verify": _("Gates"),
}
WHAT: dict[str, str] = {
    "answers": _("Your answers: name, numbers, ID card, companions, purpose, dates"),
    "photograph": _("Your photograph"),
    "progress": _("What happened with your application"),
    "desk": _("A copy of your answers"),
    "decisions": _("Decisions, with what the department wrote"),
    "passes": _("Your passes, with a copy of your answers"),
    "messages": _("Messages to you"),
    "gates": _("The names on your pass"),
    "scans": _("Scans of your pass"),
    "request": _("Your complaints and questions"),
}
CHANNELS: dict[str, str] = {
    "sms": _("The company that delivers SMS"),
    "whatsapp": _("The company that delivers WhatsApp messages"),
    "email": _("The company that delivers email"),
}
VENDORS: Mapping[str, tuple[str, str]] = {
    "mobile_seva": ("sms", "Mobile Seva, C-DAC"),
    "msg91": ("sms", "MSG91"),
    "whatsapp_cloud": ("whatsapp", "Meta"),
}
"""A vendor's name in senders → its channel, and what the company is called; of others it is not known."""
STYLE = Markup(
    "<style>body{font:1rem/1.5 sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}caption{text-align:start;font-weight:700}"
    "th,td{border:1px solid #aaa;padding:.3rem .5rem;text-align:start;vertical-align:top}"
    "th,td{overflow-wrap:anywhere}.epass-rows__title{display:none}.epass-line{display:block}"
    "dt{font-weight:700}dd{margin:0 0 .5rem}img{max-width:12rem}h2,h3{break-after:avoid}</style>"
)
"""Of the copy, which is one file; a page has none in it."""
SENT: dict[str, str] = {
    "accepted": "message_delivered",
    "delivered": "message_arrived",
    "read": "message_read",
    "failed": "message_failed",
    "expired": "message_failed",
}
"""State of a message → the entry of a timeline that says it."""


@router.get("/my-data")
async def show_my_data(view: ApplicantPage) -> Response:
    """Show what is kept, where, since when and until when, who has received it, and who has seen it."""
    return await _page(view)


@router.post("/my-data/open")
async def open_one(view: ApplicantPage) -> Response:
    """Open an application by its reference and the last four: a kiosk lists none."""
    form = await view.form()
    typed = text_of(form, "reference")
    try:
        opened = await detail.open_by_last_four(view, typed, text_of(form, "id_last4"))
    except NotFound:
        return await _page(view, {"reference": "unknown_reference"}, typed)
    if isinstance(opened, str):
        return await _page(view, {"id_last4": opened}, typed)
    return view.to(PLACE)


async def _page(view: View, errors: Mapping[str, str] | None = None, typed: str = "") -> Response:
    kept = await words(view, await own_data.gather(view.caller))
    return view.html("my_data/page.html", 422 if errors else 200, errors=errors or {}, typed=typed, **kept)


@router.get("/applications/{reference}/my-data")
async def open_for_my_data(view: ApplicantPage, reference: str) -> Response:
    """Ask for the last four characters of the ID card of an application, and go on to the data."""
    if await detail.viewed(view, reference) is None:
        return detail.ask_last_four(view, reference, onward="my-data")
    return view.to(PLACE)


@router.post("/my-data/copy")
async def send_copy(view: ApplicantPage) -> Response:
    """Send all of it as a file, which the audit log says first: JSON, or a page to read and print."""
    form = await view.form()
    is_json = text_of(form, "form") == "json"
    opened, _closed, _is_cut = await own_data.list_open(view.caller)
    wanted = OwnApplications(references=tuple(one.reference for one in opened))
    # each request counts, also one that repeats another: the limit is asked before all of it is gathered
    await view.command(rpc.application.RECORD_COPY, wanted, str(uuid4()))
    found = await own_data.gather(view.caller, whole=True)
    return await copy_of(view, found, view.principal.mobile, is_json=is_json)


async def copy_of(view: View, found: own_data.Gathered, mobile: str | None, *, is_json: bool) -> Response:
    """Return all of it as a file."""
    if is_json:
        body = json.dumps(found.as_json(mobile or "", now()), ensure_ascii=False, indent=1)
    else:
        shown = await words(view, found, mobile) | await _told(view, found)
        body = text("my_data/file.html", view.language, style=STYLE, **shown)
    day = now().astimezone(IST).date()
    name = f'attachment; filename="e-pass-my-data-{day}.{"json" if is_json else "html"}"'
    kind = "application/json" if is_json else "text/html; charset=utf-8"
    return Response(body, headers={**PRIVATE, "Content-Disposition": name}, media_type=kind)


async def _told(view: View, found: own_data.Gathered) -> dict[str, Any]:
    """Return what happened with each application in words, and the officer whom each is to meet."""
    happened, officers = {}, {}
    for one in found.applications:
        entries = [TimelineEntry.model_validate(it) for it in found.records(one.reference, "progress")]
        happened[one.reference] = await timeline.in_words(view, entries)
        for given in found.records(one.reference, "answers"):
            if code := given["officer"]:
                known = await view.caller.state.officers.find(given["department"], code)
                officers[code] = known.name[view.language] if known else code
    return {"happened": happened, "officers": officers}


@router.get("/my-data/copy")
async def return_to_my_data(view: ApplicantPage) -> Response:
    """Return from the address of a form that was sent."""
    return view.to(PLACE)


@router.get("/my-data/erase")
async def ask_to_erase(view: ApplicantPage) -> Response:
    """Say what goes at once, what is locked until when, and what stays."""
    return view.html(
        "my_data/erase.html",
        **await words(view, await own_data.gather(view.caller)),
    )


@router.post("/my-data/erase")
async def erase(view: ApplicantPage) -> Response:
    """Erase what may go of the applications that the page has shown, and the answers in this browser."""
    form = await view.form()
    shown = [one for one in form.getlist("reference") if isinstance(one, str)][:MOST_APPLICATIONS]
    if not shown:
        response = view.to(PLACE)
        cookies.answers_cookie(view.request).clear(response)
        return response
    wanted = OwnApplications(references=tuple(one[:40] for one in shown))
    erased = await view.command(rpc.application.ERASE_OWN_DATA, wanted, key_of(form))
    response = view.to(ERASED)
    cookies.answers_cookie(view.request).clear(response)
    return view.save_result(response, ERASED, receipt_of(view, erased))


@router.get("/my-data/erased")
async def show_receipt(view: ApplicantPage) -> Response:
    """Show the receipt of what was erased."""
    receipt = view.read_result()
    return view.html("my_data/erased.html", receipt=receipt) if receipt else view.to(PLACE)


def receipt_of(view: View, erased: ErasedOnRequest) -> dict[str, Any]:
    """Return what the page of a receipt shows; days, where the answer has instants."""
    locked = {name: until.astimezone(IST).date().isoformat() for name, until in erased.locked.items()}
    return {**erased.model_dump(mode="json"), "locked": locked, "copies": copies_until(view, now())}


def copies_until(view: View, at: datetime) -> str:
    """Return the day by which the last copy is gone of what is erased now; its deletion may take a day."""
    until = at + timedelta(days=view.caller.state.settings.backup_days + 1)
    return until.astimezone(IST).date().isoformat()


async def words(view: View, found: own_data.Gathered, mobile: str | None = None) -> dict[str, Any]:
    """Return what the pages show."""
    at = now()
    return {
        "found": found,
        "at": at,
        "mobile": mobile or view.principal.mobile or "",
        "where": WHERE,
        "what": WHAT,
        "channels": CHANNELS,
        "vendors": VENDORS,
        "sent": SENT,
        "copies": copies_until(view, at),
        "gone": found.can_go(at),
        "pictures": found.pictures_can_go(at),
        "locks": found.can_be_locked(at),
        "requests": found.requests_can_go(at),
        "names": await directory.place_names(view),
        "gate_name": await directory.gate_names(view),
        "instant": datetime.fromisoformat,
    }
