"""An applicant's own applications: the history, one of them with its timeline, cancelling, sending the message again.

Families share a phone, so that a mobile alone opens the history's lines only: opening one asks for the ID's last four.
"""

from contextlib import suppress
from hmac import compare_digest
from uuid import uuid4

from fastapi import APIRouter, Response

from contracts import rpc
from contracts.errors import Conflict, NotFound
from contracts.identity import NotLastFour, last_four
from contracts.rpc import ApplicationView, Page, ReferenceOnly, StatusQuestion
from services.gateway.access import count_guess, limited
from services.gateway.pages.apply import choices
from services.gateway.pages.cookies import answers_cookie
from services.gateway.pages.failing import PageRoute
from services.gateway.pages.view import ApplicantPage, OpenPage, View, text_of

router = APIRouter(prefix="/{language:lang}", include_in_schema=False, route_class=PageRoute)
MOST_OPENED = 20


@router.get("/applications")
async def show_history(view: ApplicantPage, after: str | None = None) -> Response:
    """Reference, date and status of each."""
    found = await view.caller.ask(rpc.LIST_APPLICATIONS, Page(after=after, limit=20))
    return view.html("applications/history.html", found=found)


@router.get("/applications/{reference}")
async def show_application(view: ApplicantPage, reference: str) -> Response:
    """One of them, once the last four of its ID were given."""
    shown = await view.caller.ask(rpc.VIEW_APPLICATION, ReferenceOnly(reference=reference[:40]))
    if not _is_opened(view, shown):
        return view.html("applications/open.html", shown=shown, errors={})
    return await _application(view, shown)


@router.post("/applications/{reference}/open")
async def open_application(view: ApplicantPage, reference: str) -> Response:
    """Compares the last four."""
    shown = await view.caller.ask(rpc.VIEW_APPLICATION, ReferenceOnly(reference=reference[:40]))
    try:
        typed = last_four(text_of(await view.form(), "id_last4"))
    except NotLastFour as problem:
        return view.html("applications/open.html", 422, shown=shown, errors={"id_last4": problem.code})
    count_guess(view.caller, "open", shown.reference)
    if not compare_digest(typed, shown.applicant.id_last4 or ""):
        return view.html("applications/open.html", 422, shown=shown, errors={"id_last4": "other_last4"})
    response = view.to(f"/applications/{shown.reference}")
    cookie = answers_cookie(view.request)
    answers = cookie.read(view.request)
    answers["opened"] = [*answers.get("opened", ()), shown.reference][-MOST_OPENED:]
    cookie.write(response, answers)
    return response


@router.post("/applications/{reference}/cancel")
async def cancel(view: ApplicantPage, reference: str) -> Response:
    """Cancels it; a pass that exists is revoked."""
    shown = await _own(view, reference)
    key = text_of(await view.form(), "key") or str(uuid4())
    with suppress(Conflict):  # it has ended already: the page shows how
        await view.caller.command(rpc.CANCEL, ReferenceOnly(reference=shown.reference), key)
    return view.to(f"/applications/{shown.reference}")


@router.post("/applications/{reference}/resend")
async def resend(view: ApplicantPage, reference: str) -> Response:
    """Sends the last message again."""
    shown = await _own(view, reference)
    await view.caller.command(rpc.RESEND, ReferenceOnly(reference=shown.reference), text_of(await view.form(), "key") or str(uuid4()))
    return view.to(f"/applications/{shown.reference}", told="resent")


@router.get("/status")
async def ask_status(view: OpenPage) -> Response:
    """Which application."""
    return view.html("applications/status.html", errors={}, found=None, typed={})


@router.post("/status", dependencies=[limited("status")])
async def show_status(view: OpenPage) -> Response:
    """How far it is, without a name or a purpose."""
    form = await view.form()
    typed = {name: text_of(form, name) for name in ("reference", "mobile_last4")}
    count_guess(view.caller, "status_reference", typed["reference"].strip().upper())
    question = StatusQuestion(reference=typed["reference"][:40], mobile_last4=typed["mobile_last4"][:8])
    try:
        found = await view.caller.ask(rpc.STATUS, question)
    except NotFound:
        return view.html("applications/status.html", 422, errors={"reference": "unknown_reference"}, found=None, typed=typed)
    department = await _department_name(view, found.department)
    return view.html("applications/status.html", errors={}, found=found, typed=typed, department=department)


def _is_opened(view: View, shown: ApplicationView) -> bool:
    answers = answers_cookie(view.request).read(view.request)
    sent = answers.get("sent", {}).get("reference")
    return shown.applicant.id_last4 is None or shown.reference == sent or shown.reference in answers.get("opened", ())


async def _own(view: View, reference: str) -> ApplicationView:
    """An application that is open.

    Raises:
        NotFound: its last four were not given.
    """
    shown = await view.caller.ask(rpc.VIEW_APPLICATION, ReferenceOnly(reference=reference[:40]))
    if not _is_opened(view, shown):
        raise NotFound("it is not open")
    return shown


async def _application(view: View, shown: ApplicationView) -> Response:
    site = await choices.site(view, shown.site)
    return view.html("applications/application.html", shown=shown, site=site, department=await _department_name(view, shown.department))


async def _department_name(view: View, code: str) -> str:
    found = (await view.caller.replica.departments.get()).items
    return next((one.name[view.language] for one in found if one.code == code), code)
