"""The pages of the counter, for an operator with a keyboard: look up, apply for a walk-in, wait, print.

Calls of gates for help ring on all of them.
"""

from asyncio import gather
from typing import Any, Literal
from uuid import UUID

from fastapi import Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Conflict, Forbidden, InvalidInput, Unavailable
from contracts.model import OPEN_STATUSES, ApplicationStatus
from contracts.rpc.application import Lookup, LookupHits, ReferenceOnly
from contracts.rpc.call import Nothing
from contracts.rpc.issuance import PassNumber, ReissuePass
from contracts.rpc.photographs import TakePhotograph
from contracts.rpc.verify.incidents import HelpCallId, HelpQuestion
from services.gateway.caches.changes import event_stream
from services.gateway.handlers import visit_requests
from services.gateway.pages.counter import form as forms
from services.gateway.pages.counter.form import WalkIn
from services.gateway.pages.shared import cookies, directory, photograph, timeline
from services.gateway.pages.shared.forms import key_of, problems_of, text_of
from services.gateway.pages.shared.view import ReceptionPage, View, page_router

router = page_router("/counter")
WAITING: frozenset[ApplicationStatus] = frozenset({"submitted", "approved"})
"""Statuses in which a decision or a pass is still to come."""
LOOKUP = "/counter/lookup"
REASONS = ("reissued", "security")
Kind = Literal["pass", "badge"]
SHEETS: dict[Kind, str] = {"pass": "shared/printed_pass.html", "badge": "counter/badge.html"}
Paper = Literal["a6", "receipt"]


@router.get("")
async def show_counter(view: ReceptionPage) -> Response:
    return await _counter(view, await forms.fresh(view, _site(view)))


@router.post("/lookup")
async def look_up(view: ReceptionPage) -> Response:
    """Read what is looked for: a mobile, a reference, a pass number or a name.

    It is a POST, so that none of these stands in an address.
    """
    q = text_of(await view.form(), "q")[:100]
    if len(q) < 2:
        return await _counter(
            view, await forms.fresh(view, _site(view)), 422, lookup={"q": "lookup_short"}, q=q
        )
    return view.save_result(view.to(LOOKUP), LOOKUP, {"q": q})


@router.get("/lookup")
async def show_found(view: ReceptionPage) -> Response:
    kept = view.read_result()
    if not kept:
        return view.to("/counter")
    found = await view.query(rpc.application.COUNTER_LOOKUP, Lookup(q=kept["q"]))
    return await _counter(view, await forms.fresh(view, _site(view)), found=found, q=kept["q"])


@router.post("/apply")
async def apply(view: ReceptionPage) -> Response:
    """Apply for a walk-in for whom the operator vouches.

    A second click finds the same application by the same key.
    """
    form = await view.form()
    walk_in, key = forms.read(form, _site(view)), key_of(form)
    await forms.find_officer(view, walk_in)
    wanted = walk_in.request() if walk_in.is_in_order else None
    if wanted is None:
        return await _counter(view, walk_in, 422)
    try:
        made = await visit_requests.apply(view.caller, rpc.application.SUBMIT_AT_COUNTER, wanted, key)
    except InvalidInput as error:
        walk_in.take((one.field, one.code) for one in error.body.fields)
        return await _counter(view, walk_in, 422)
    except Unavailable:
        return await _counter(view, walk_in, 503, key=key)
    response = view.to(f"/counter/applications/{made.reference}", notice="masked" if made.masked else "")
    cookies.store_visitor_language(response, view.request, wanted.applicant.language)
    return response


@router.get("/applications/{reference}")
async def show_application(view: ReceptionPage, reference: str) -> Response:
    """Show one application; while it waits, the page refreshes itself."""
    return await _application(view, reference, {})


async def _application(view: View, reference: str, errors: dict[str, str], status: int = 200) -> Response:
    shown = await view.query(rpc.application.VIEW_APPLICATION, ReferenceOnly(reference=reference[:40]))
    own = view.principal.site in {None, shown.site} and shown.locked_until is None
    site = await directory.site(view, shown.site)
    takes = bool(own and site and site.photograph)
    has_one = takes and await photograph.is_there(view, reference)
    is_open = shown.status in OPEN_STATUSES and shown.applicant.guardian is None
    return view.html(
        "counter/application.html", status, shown=shown, own=own, **await directory.names(view, shown),
        has_photograph=has_one, may_photograph=takes and not has_one and is_open, errors=errors,
        waits=shown.status in WAITING,
        lines=await timeline.in_words(view, shown.timeline, shown.note),
    )  # fmt: skip


@router.get("/applications/{reference}/photograph")
async def show_photograph(view: ReceptionPage, reference: str) -> Response:
    return await photograph.picture(view, reference)


@router.post("/applications/{reference}/camera")
async def take_photograph(view: ReceptionPage, reference: str) -> Response:
    """Store the photograph that the camera has taken of whoever has applied before."""
    form = await view.form()
    try:
        wanted = TakePhotograph(reference=reference[:40], photograph=text_of(form, "photograph"))
        if not wanted.photograph:
            raise InvalidInput.of("photograph", "photograph_not_taken")
        await view.command(rpc.photographs.TAKE_PHOTOGRAPH, wanted, key_of(form))
    except (ValidationError, InvalidInput) as error:
        return await _application(
            view, reference, problems_of(error, {"photograph": "not_a_photograph"}), 422
        )
    except Conflict as error:
        return await _application(view, reference, {"photograph": error.body.code}, 409)
    return view.to(f"/counter/applications/{reference}", notice="photographed")


@router.post("/applications/{reference}/cancel")
async def cancel(view: ReceptionPage, reference: str) -> Response:
    """Cancel the application for the visitor; its pass is revoked."""
    notice = ""
    try:
        await view.carry_out(rpc.application.CANCEL, ReferenceOnly(reference=reference[:40]))
    except Conflict:
        notice = "late"
    return view.to(f"/counter/applications/{reference}", notice)


@router.get("/passes/{number}")
async def show_pass(view: ReceptionPage, number: str) -> Response:
    return await _pass(view, number, {})


@router.post("/passes/{number}/print")
async def record_print(view: ReceptionPage, number: str) -> Response:
    """Record that the pass is printed, which counts as delivered, and show the sheet."""
    form = await view.form()
    kind = "badge" if text_of(form, "kind") == "badge" else "pass"
    paper = "receipt" if text_of(form, "paper") == "receipt" else "a6"
    shown = await view.query(rpc.issuance.PASS, PassNumber(number=number[:20]))
    await view.command(rpc.notify.RECORD_PRINT, PassNumber(number=shown.number), key_of(form))
    return view.to(f"/counter/passes/{shown.number}/{kind}/{paper}")


@router.get("/passes/{number}/{kind}/{paper}")
async def show_sheet(view: ReceptionPage, number: str, kind: Kind, paper: Paper) -> Response:
    """Show the sheet for the printer: a pass, or a badge for each person of the party."""
    shown = await view.query(rpc.issuance.PASS, PassNumber(number=number[:20]))
    back = f"/counter/passes/{shown.number}"
    host, names = await gather(directory.host(view, shown), directory.names(view, shown))
    return view.html(SHEETS[kind], shown=shown, paper=paper, back=back, host=host, **names)


@router.post("/passes/{number}/reissue")
async def reissue(view: ReceptionPage, number: str) -> Response:
    form = await view.form()
    reason = text_of(form, "reason")
    if reason not in REASONS:
        return await _pass(view, number, {"reason": "choose_one"}, 422)
    wanted = ReissuePass.model_validate({"number": number[:20], "reason": reason})
    try:
        made = await view.command(rpc.issuance.REISSUE, wanted, key_of(form))
    except Conflict:
        return await _pass(view, number, {"reason": "not_reissuable"}, 409)
    return view.to(f"/counter/passes/{made.number}")


@router.get("/calls")
async def show_calls(view: ReceptionPage) -> Response:
    """Show which gates call: a page, or for a script the part that it puts into an open page."""
    found = await view.query(rpc.verify.incidents.HELP_CALLS, HelpQuestion(site=view.principal.site))
    is_opened = view.request.headers.get("sec-fetch-mode") == "navigate"
    template = "counter/calls_page.html" if is_opened else "counter/calls.html"
    return view.html(template, calls=found.items, gate_name=await directory.gate_names(view))


@router.get("/calls/changes")
async def stream_calls(view: ReceptionPage) -> Response:
    """Send an event whenever a gate calls or somebody answers."""
    return event_stream(view.caller.state.help_calls.of(view.principal))


@router.post("/calls/{call_id}/answer")
async def answer_call(view: ReceptionPage, call_id: UUID) -> Response:
    await view.carry_out(rpc.verify.incidents.ANSWER_HELP, HelpCallId(call_id=call_id))
    return view.to("/counter")


def _site(view: View) -> str:
    """Return the site of the login.

    Raises:
        Forbidden: it has none.
    """
    if view.principal.site is None:
        raise Forbidden("this login has no site", code="wrong_site")
    return view.principal.site


async def _counter(
    view: View,
    walk_in: WalkIn,
    status: int = 200,
    *,
    lookup: dict[str, str] | None = None,
    found: LookupHits | None = None,
    **values: Any,
) -> Response:
    """Return the one page of the counter.

    A ``key`` among the values repeats a command whose outcome is not known; otherwise the form gets a new
    key.
    """
    offered, waiting, undelivered = await gather(  # the form matters more than the lists
        forms.offered(view, _site(view)),
        view.try_query(rpc.application.WAITING_HERE, Nothing()),
        view.try_query(rpc.notify.UNDELIVERED_HERE, Nothing()),
    )
    wrong = bool(lookup or walk_in.errors or walk_in.lines)
    shown = {"lookup": lookup or {}, "found": found, "q": "", "key": None, "wrong": wrong} | values
    return view.html(
        "counter/counter.html",
        status,
        walk_in=walk_in,
        standing_passes=view.caller.state.settings.standing_passes,
        errors=walk_in.errors,
        waiting=waiting.items if waiting else None,
        undelivered=undelivered.items if undelivered else (),
        **offered,
        **shown,
    )


async def _pass(view: View, number: str, errors: dict[str, str], status: int = 200) -> Response:
    shown = await view.query(rpc.issuance.PASS, PassNumber(number=number[:20]))
    return view.html("counter/pass.html", status, shown=shown, errors=errors)
