"""The history, one application, its QR and its message; and for everybody the status by reference."""

import re
from contextlib import suppress
from datetime import timedelta

from fastapi import Response
from pydantic import ValidationError

from contracts import rpc
from contracts.crockford import parse_reference
from contracts.errors import Conflict, NotFound, TooManyAttempts
from contracts.model import ApplicationStatus
from contracts.rpc.application import ReferenceOnly, SayMetHere, StatusQuestion
from contracts.rpc.call import Page
from contracts.rpc.issuance import QrQuestion
from contracts.rpc.notify import WrongNumber
from contracts.rpc.requests import RequestStatusQuestion
from services.chassis.runtime.clock import now
from services.gateway.access.admission import kiosk_token, rate_limited
from services.gateway.handlers import lookups
from services.gateway.pages.applications import detail
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.forms import key_of, text_of
from services.gateway.pages.shared.qr import inline
from services.gateway.pages.shared.view import ApplicantPage, OpenPage, page_router
from services.gateway.pages.shared.vocabulary import state_of

_LIKE_A_REFERENCE = re.compile(r"[A-Z]{3}-[A-Z0-9]{4}-[A-Z0-9]{4}")
"""Other words of an address are in no sentence of ours."""
router = page_router("")
ON_A_PAGE = 20
STATUS = "/status/result"
TO_ACT: tuple[ApplicationStatus, ...] = (
    "returned", "rejected", "approved", "issued", "revoked", "cancelled", "expired", "left",
)  # fmt: skip
"""Statuses in which there is something to do, or to read, behind a code."""


@router.get("/applications")
async def show_history(view: ApplicantPage, after: str | None = None) -> Response:
    """Show the applications of the mobile, the newest first."""
    found = await view.query(rpc.application.LIST_APPLICATIONS, Page(after=after, limit=ON_A_PAGE))
    return view.html(
        "applications/history.html",
        found=found,
        after=after,
        names=await directory.department_names(view),
        visit_of=lambda one: detail.visit_window(view, one.pass_)["window"],
    )


@router.get("/applications/{reference}")
async def show_application(view: ApplicantPage, reference: str) -> Response:
    """Show one application, or ask for the last four characters of its ID card first."""
    shown = await detail.viewed(view, reference)
    if shown is None:
        return detail.ask_last_four(view, reference)
    return await detail.application_page(view, shown)


@router.post("/applications/{reference}/open")
async def open_application(view: ApplicantPage, reference: str) -> Response:
    """Open an application by the last four characters of its ID card."""
    form = await view.form()
    onward = text_of(form, "onward")
    shown = await detail.open_by_last_four(view, reference, text_of(form, "id_last4"))
    if isinstance(shown, str):
        return detail.ask_last_four(view, reference, shown, onward=onward if onward in detail.ONWARD else "")
    place = f"/applications/{shown.reference}"
    return view.to(f"{place}/{onward}" if onward in detail.ONWARD else place)


@router.post("/applications/{reference}/resend")
async def resend(view: ApplicantPage, reference: str) -> Response:
    """Send the message of the pass again; the application's page then says so, or why it was not sent."""
    shown, key = await detail.viewed(view, reference), text_of(await view.form(), "key")
    if shown is None or not key:
        return detail.redirect_to_application(view, reference)
    try:
        await view.command(rpc.notify.RESEND, ReferenceOnly(reference=shown.reference), key)
    except TooManyAttempts as error:
        again_at = now() + timedelta(seconds=int(error.body.facts.get("retry_after", 60)))
        response = detail.redirect_to_application(view, shown.reference, notice=error.body.code)
        return view.save_result(
            response, f"/applications/{shown.reference}", {"again_at": again_at.isoformat()}
        )
    except Conflict as error:
        return detail.redirect_to_application(view, shown.reference, notice=error.body.code)
    return detail.redirect_to_application(view, shown.reference, notice="resent")


@router.get("/applications/{reference}/open")
@router.get("/applications/{reference}/again")
@router.get("/applications/{reference}/resend")
async def return_to_application(view: ApplicantPage, reference: str) -> Response:
    """Return to an application from the address of a form that was sent, perhaps with a mistake."""
    return detail.redirect_to_application(view, reference)


@router.get("/applications/{reference}/qr")
async def show_qr(view: ApplicantPage, reference: str) -> Response:
    """Show the QR of the pass while the pass opens a gate."""
    shown = await detail.viewed(view, reference)
    if shown is None or shown.pass_ is None or not detail.is_good(shown.pass_):
        return detail.redirect_to_application(view, reference)
    picture = await view.query(rpc.issuance.QR, QrQuestion(number=shown.pass_.number, format="svg"))
    return view.html(
        "applications/qr.html", shown=shown, qr=inline(picture), **detail.visit_window(view, shown.pass_)
    )


@router.get("/status", dependencies=[rate_limited("read")])
async def ask_status(view: OpenPage) -> Response:
    return view.html("applications/status.html", errors={}, found=None, typed={})


@router.get("/status/result", dependencies=[rate_limited("read")])
async def show_status(view: OpenPage) -> Response:
    """Show the progress of the application that was asked for last, without name and purpose."""
    kept = view.read_result()
    if not kept:
        return view.to("/status")
    if "request_number" in kept:
        return await _show_request(view, RequestStatusQuestion.model_validate(kept))
    try:
        found = await view.query(rpc.application.STATUS, StatusQuestion.model_validate(kept))
    except NotFound:  # it was erased meanwhile
        return view.to("/status")
    more = await detail.progress(view, found.reference, found.status, found.department, found.timeline)
    onward = {"date_needed": "/dates", "day_reopened": "/dates", "returned": "/complete"}.get(
        state_of(found), ""
    )
    waits = more["holder"] and more["holder"].place and not more["holder"].place_code
    more["action"] = f"applications/{found.reference}{onward}" if found.status in TO_ACT or waits else ""
    more["is_stopped"] = view.notice == "stopped"
    more["change"] = f"/applications/{found.reference}/mobile"
    more["mobile_end"] = kept["mobile_last4"]
    more["is_theirs"] = (view.principal.mobile or "").endswith(kept["mobile_last4"])
    return view.html("applications/status.html", errors={}, found=found, typed={}, **more)


async def _show_request(view: OpenPage, question: RequestStatusQuestion) -> Response:
    """Show how far a complaint or another request is, without a word of it."""
    try:
        found = await view.query(rpc.requests.REQUEST_STATUS, question)
    except NotFound:  # it was erased meanwhile
        return view.to("/status")
    return view.html("requests/status.html", found=found)


@router.post("/status/result", dependencies=[rate_limited("status")])
async def act(view: OpenPage) -> Response:
    """Stop messages about an application to a number whose holder says that it is not theirs.

    At a kiosk it also stores whether a visitor was met, who says so on their way out.
    """
    form = await view.form()
    kept = view.read_result()
    if not kept or "request_number" in kept:
        return view.to("/status")
    token = kiosk_token(view.request)
    if view.kiosk is not None and token is not None and (outcome := text_of(form, "outcome")):
        said, kiosk = "too_late", view.caller.with_session(view.kiosk, token)
        with suppress(NotFound, Conflict, ValidationError):
            met = SayMetHere.model_validate({**kept, "outcome": outcome})
            await kiosk.command(rpc.application.SAY_MET_HERE, met, key_of(form))
            said = met.outcome
        return view.to(STATUS, notice=said)
    with suppress(NotFound):  # it was erased meanwhile
        await view.command(rpc.notify.WRONG_NUMBER, WrongNumber.model_validate(kept), key_of(form))
    return view.to(STATUS, notice="stopped")


@router.get("/s/{reference}", dependencies=[rate_limited("read")])
async def ask_status_of(view: OpenPage, reference: str) -> Response:
    """Ask for the status of the application that a message names; who has proved its mobile sees it at once.

    For everybody else nothing is looked up: the page is the same whether there is such an application or not.
    """
    typed = reference[:40]
    with suppress(ValueError):  # a slip of the pen: it is shown as it was typed, to be corrected
        typed = parse_reference(typed)
    if view.is_applicant and view.principal.mobile and not view.kiosk:
        question = StatusQuestion(reference=typed, mobile_last4=view.principal.mobile[-4:])
        with suppress(NotFound):  # it is of another mobile
            await lookups.application_status(view.caller, question)
            return view.save_result(view.to(STATUS), STATUS, question.model_dump())
    given = {"typed": {"reference": typed}, "may_send": bool(_LIKE_A_REFERENCE.fullmatch(typed))}
    return view.html("applications/status.html", errors={}, found=None, **given)


@router.post("/status", dependencies=[rate_limited("status")])
async def find_status(view: OpenPage) -> Response:
    """Redirect to the progress of an application, or of a complaint or another request by its number.

    What was typed stays for some minutes in the browser.
    """
    form = await view.form()
    typed = {name: text_of(form, name) for name in ("reference", "mobile_last4")}
    number, last4 = typed["reference"][:40], typed["mobile_last4"][:8]
    question: StatusQuestion | RequestStatusQuestion
    try:
        if number.strip().upper().startswith("REQ"):
            question = RequestStatusQuestion(request_number=number, mobile_last4=last4)
            await lookups.request_status(view.caller, question)
        else:
            question = StatusQuestion(reference=number, mobile_last4=last4)
            await lookups.application_status(view.caller, question)
    except NotFound:
        errors = {"reference": "unknown_reference"}
        return view.html("applications/status.html", 422, errors=errors, found=None, typed=typed)
    return view.save_result(view.to(STATUS), STATUS, question.model_dump())
