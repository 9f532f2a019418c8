"""The history, one application, its QR and its message; and for everybody the status by reference."""

from contextlib import suppress

from fastapi import APIRouter, Response

from contracts import rpc
from contracts.crockford import parse_reference
from contracts.errors import Conflict, NotFound, TooManyAttempts
from contracts.rpc.application import ReferenceOnly, StatusQuestion
from contracts.rpc.call import Page
from contracts.rpc.issuance import QrQuestion
from services.gateway import lookups
from services.gateway.access import rate_limited
from services.gateway.pages.applications import edit
from services.gateway.pages.applications.detail import (
    application_page,
    is_good,
    is_opened,
    last_four_problem,
    mark_opened,
    progress,
    redirect_to_application,
    viewed,
    visit_window,
)
from services.gateway.pages.shared.error_pages import PageRoute
from services.gateway.pages.shared.qr import inline
from services.gateway.pages.shared.view import ApplicantPage, Notice, OpenPage, text_of

router = APIRouter(prefix="/{language:lang}", include_in_schema=False, route_class=PageRoute)
router.routes.extend(edit.router.routes)
ON_A_PAGE = 20


@router.get("/applications")
async def show_history(view: ApplicantPage, after: str | None = None) -> Response:
    """Show the applications of the mobile, the newest first."""
    found = await view.caller.query(rpc.application.LIST_APPLICATIONS, Page(after=after, limit=ON_A_PAGE))
    return view.html("applications/history.html", found=found, after=after)


@router.get("/applications/{reference}")
async def show_application(view: ApplicantPage, reference: str, notice: Notice = "") -> Response:
    """Show one application, or ask for the last four characters of its ID card first."""
    shown = await viewed(view, reference)
    if not is_opened(view, shown):
        return view.html("applications/open.html", shown=shown, errors={})
    return await application_page(view, shown, notice=notice)


@router.post("/applications/{reference}/open")
async def open_application(view: ApplicantPage, reference: str) -> Response:
    """Compare the last four characters.

    Wrong attempts are counted per mobile, across sessions and applications.
    """
    shown = await viewed(view, reference)
    problem = last_four_problem(view, shown, text_of(await view.form(), "id_last4"))
    if problem:
        return view.html("applications/open.html", 422, shown=shown, errors={"id_last4": problem})
    return view.save_answers(
        redirect_to_application(view, shown),
        mark_opened(view.read_answers(), shown.reference),
    )


@router.post("/applications/{reference}/resend")
async def resend(view: ApplicantPage, reference: str) -> Response:
    """Send the message of the pass again."""
    shown, key = await viewed(view, reference), text_of(await view.form(), "key")
    if not is_opened(view, shown) or not key:
        return redirect_to_application(view, shown)
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
    return redirect_to_application(view, shown, notice="resent")


@router.get("/applications/{reference}/qr")
async def show_qr(view: ApplicantPage, reference: str) -> Response:
    """Show the QR of the pass while the pass opens a gate."""
    shown = await viewed(view, reference)
    if not is_opened(view, shown) or shown.pass_ is None or not is_good(shown.pass_):
        return redirect_to_application(view, shown)
    picture = await view.caller.query(rpc.issuance.QR, QrQuestion(number=shown.pass_.number, format="svg"))
    return view.html(
        "applications/qr.html",
        shown=shown,
        qr=inline(picture),
        **visit_window(view, shown.pass_),
    )


@router.get("/status")
async def ask_status(view: OpenPage) -> Response:
    """Ask which application."""
    return view.html("applications/status.html", errors={}, found=None, typed={})


@router.get("/s/{reference}")
async def ask_status_of(view: OpenPage, reference: str) -> Response:
    """Ask for the status of the application that a message names; nothing is looked up.

    The page is the same whether there is such an application or not.
    """
    typed = reference[:40]
    with suppress(ValueError):  # a slip of the pen: it is shown as it was typed, to be corrected
        typed = parse_reference(typed)
    return view.html("applications/status.html", errors={}, found=None, typed={"reference": typed})


@router.post("/status", dependencies=[rate_limited("status")])
async def show_status(view: OpenPage) -> Response:
    """Show the progress of an application, without name and purpose."""
    form = await view.form()
    typed = {name: text_of(form, name) for name in ("reference", "mobile_last4")}
    question = StatusQuestion(reference=typed["reference"][:40], mobile_last4=typed["mobile_last4"][:8])
    try:
        found = await lookups.application_status(view.caller, question)
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
