"""An applicant's history, one application, its QR, its message once more; and for anybody the status by reference and mobile."""

from hmac import compare_digest

from fastapi import APIRouter, Response

from contracts import rpc
from contracts.errors import Conflict, NotFound, TooManyAttempts
from contracts.identity import NotLastFour, last_four
from contracts.rpc.application import ReferenceOnly, StatusQuestion
from contracts.rpc.call import Page
from contracts.rpc.issuance import QrQuestion
from services.gateway import application_status
from services.gateway.access import rate_limited
from services.gateway.pages.applications import edit
from services.gateway.pages.applications.detail import (
    application_page,
    is_good,
    is_opened,
    opened_too,
    progress,
    to_application,
    viewed,
    window_of,
)
from services.gateway.pages.shared.error_pages import PageRoute
from services.gateway.pages.shared.qr import inline
from services.gateway.pages.shared.view import ApplicantPage, OpenPage, text_of

router = APIRouter(prefix="/{language:lang}", include_in_schema=False, route_class=PageRoute)
router.routes.extend(edit.router.routes)
ON_A_PAGE = 20


@router.get("/applications")
async def show_history(view: ApplicantPage, after: str | None = None) -> Response:
    """Reference, day and status of each, the newest first."""
    found = await view.caller.query(rpc.application.LIST_APPLICATIONS, Page(after=after, limit=ON_A_PAGE))
    return view.html("applications/history.html", found=found, after=after)


@router.get("/applications/{reference}")
async def show_application(view: ApplicantPage, reference: str, told: str = "") -> Response:
    """One of them, once the last four of its ID were given."""
    shown = await viewed(view, reference)
    if not is_opened(view, shown):
        return view.html("applications/open.html", shown=shown, errors={})
    return await application_page(view, shown, told=told)


@router.post("/applications/{reference}/open")
async def open_application(view: ApplicantPage, reference: str) -> Response:
    """Compares the last four. Wrong ones are counted for the mobile, whatever session or application it is."""
    shown = await viewed(view, reference)
    try:
        typed = last_four(text_of(await view.form(), "id_last4"))
    except NotLastFour as problem:
        return view.html("applications/open.html", 422, shown=shown, errors={"id_last4": problem.code})
    limits = view.caller.state.rate_limits
    limits.check("open", view.principal.id)
    if not compare_digest(typed, shown.applicant.id_last4 or ""):
        limits.hit("open", view.principal.id)
        return view.html("applications/open.html", 422, shown=shown, errors={"id_last4": "other_last4"})
    return view.save_answers(
        to_application(view, shown),
        opened_too(view.read_answers(), shown.reference),
    )


@router.post("/applications/{reference}/resend")
async def resend(view: ApplicantPage, reference: str) -> Response:
    """Sends the pass's message again, and says so."""
    shown, key = await viewed(view, reference), text_of(await view.form(), "key")
    if not is_opened(view, shown) or not key:
        return to_application(view, shown)
    try:
        await view.caller.command(rpc.notify.RESEND, ReferenceOnly(reference=shown.reference), key)
    except TooManyAttempts as error:
        return await application_page(
            view,
            shown,
            429,
            problem=error.body.code,
            retry_after=int(error.body.facts.get("retry_after", 60)),
        )
    except Conflict as error:
        return await application_page(view, shown, 409, problem=error.body.code)
    return to_application(view, shown, told="resent")


@router.get("/applications/{reference}/qr")
async def show_qr(view: ApplicantPage, reference: str) -> Response:
    """The QR of its pass, while that opens a gate."""
    shown = await viewed(view, reference)
    if not is_opened(view, shown) or shown.pass_ is None or not is_good(shown.pass_):
        return to_application(view, shown)
    picture = await view.caller.query(rpc.issuance.QR, QrQuestion(number=shown.pass_.number, format="svg"))
    return view.html(
        "applications/qr.html",
        shown=shown,
        drawing=inline(picture),
        window=window_of(shown.pass_, view.language),
    )


@router.get("/status")
async def ask_status(view: OpenPage) -> Response:
    """Which application."""
    return view.html("applications/status.html", errors={}, found=None, typed={})


@router.post("/status", dependencies=[rate_limited("status")])
async def show_status(view: OpenPage) -> Response:
    """How far it is, without a name or a purpose."""
    form = await view.form()
    typed = {name: text_of(form, name) for name in ("reference", "mobile_last4")}
    question = StatusQuestion(reference=typed["reference"][:40], mobile_last4=typed["mobile_last4"][:8])
    try:
        found = await application_status.look_up(view.caller, question)
    except NotFound:
        return view.html(
            "applications/status.html",
            422,
            errors={"reference": "unknown_reference"},
            found=None,
            typed=typed,
        )
    known = await progress(view, found.reference, found.status, found.department, found.timeline)
    return view.html("applications/status.html", errors={}, found=found, typed={}, **known)
