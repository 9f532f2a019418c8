"""What an applicant may still change: complete what was returned, ask for other dates, cancel, and apply again with the same answers."""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Conflict, IdempotencyKeyReused, InvalidInput
from contracts.rpc.application import ApplicationView, ReferenceOnly
from services.gateway.pages.applications import form as forms
from services.gateway.pages.applications.detail import is_opened, opened_too, to_application, viewed
from services.gateway.pages.shared import directory, visit_times
from services.gateway.pages.shared.answers import Answers, of_the_person
from services.gateway.pages.shared.application_form import unreadable
from services.gateway.pages.shared.error_pages import PageRoute
from services.gateway.pages.shared.questions import BY_NAME, Problems, next_question
from services.gateway.pages.shared.view import ApplicantPage, View, text_of

router = APIRouter(
    prefix="/{language:lang}/applications/{reference}", include_in_schema=False, route_class=PageRoute
)
CANCELLABLE = ("submitted", "returned", "approved", "issued")
"""Where the page offers it; the service decides."""


@router.get("/cancel")
async def ask_cancel(view: ApplicantPage, reference: str) -> Response:
    """Whether it is meant."""
    shown = await viewed(view, reference)
    if not is_opened(view, shown) or shown.status not in CANCELLABLE:
        return to_application(view, shown)
    return view.html("applications/cancel.html", shown=shown, errors={})


@router.post("/cancel")
async def cancel(view: ApplicantPage, reference: str) -> Response:
    """Cancels it where the answer is yes; a pass that exists is revoked."""
    shown, form = await viewed(view, reference), await view.form()
    answer, key = text_of(form, "cancel"), text_of(form, "key")
    if not is_opened(view, shown) or not key or answer == "no":
        return to_application(view, shown)
    if answer != "yes":
        return view.html("applications/cancel.html", 422, shown=shown, errors={"cancel": "choose_one"})
    try:
        await view.caller.command(rpc.application.CANCEL, ReferenceOnly(reference=shown.reference), key)
    except Conflict:
        return to_application(view, shown, told="too_late")
    return to_application(view, shown, told="cancelled")


@router.get("/dates")
async def ask_dates(view: ApplicantPage, reference: str) -> Response:
    """Which other dates."""
    shown = await viewed(view, reference)
    if not is_opened(view, shown) or shown.status != "submitted":
        return to_application(view, shown)
    return await _asked(view, "dates", shown, forms.for_amendment(shown), {})


@router.post("/dates")
async def change_dates(view: ApplicantPage, reference: str) -> Response:
    """Asks for other dates while the department has not decided."""
    shown, form = await viewed(view, reference), await view.form()
    said, problems = BY_NAME["when"].read(form, {})
    return await _amended(view, "dates", shown, said, problems, text_of(form, "key"))


@router.get("/complete")
async def ask_missing(view: ApplicantPage, reference: str) -> Response:
    """What was returned, filled in."""
    shown = await viewed(view, reference)
    if not is_opened(view, shown) or shown.status != "returned":
        return to_application(view, shown)
    return await _asked(view, "complete", shown, forms.for_amendment(shown), {})


@router.post("/complete")
async def complete(view: ApplicantPage, reference: str) -> Response:
    """Sends it to the department again."""
    shown, form = await viewed(view, reference), await view.form()
    said, problems = forms.read(form, shown)
    return await _amended(view, "complete", shown, said, problems, text_of(form, "key"))


@router.post("/again")
async def apply_again(view: ApplicantPage, reference: str) -> Response:
    """Fills in a new application with the answers of this one; the dates are asked anew."""
    shown = await viewed(view, reference)
    if not is_opened(view, shown):
        return to_application(view, shown)
    answers = forms.for_new_application(shown) | of_the_person(
        opened_too(view.read_answers(), shown.reference)
    )
    missing = next_question(answers)
    return view.save_answers(view.to(f"/apply/{missing.name}" if missing else "/apply/check"), answers)


async def _amended(
    view: View, page: str, shown: ApplicationView, said: Answers, problems: Problems, key: str
) -> Response:
    """Carries an amendment out, or asks again with what is wrong; a repeat with the same key has one effect and the same answer."""
    if not is_opened(view, shown) or not key:
        return to_application(view, shown)
    if problems:
        return await _asked(view, page, shown, said, problems, 422)
    try:
        done = await view.caller.command(rpc.application.AMEND, forms.request_of(shown, said), key)
    except ValidationError as error:
        return await _asked(view, page, shown, said, _placed(unreadable(error)), 422)
    except InvalidInput as error:
        return await _asked(
            view, page, shown, said, _placed([(one.field, one.code) for one in error.body.fields]), 422
        )
    except (
        Conflict,
        IdempotencyKeyReused,
    ):  # decided meanwhile; or the form was sent before, and changed after a step back
        return to_application(view, shown, told="too_late")
    return to_application(
        view, shown, told="masked" if done.masked else "dates" if page == "dates" else "completed"
    )


def _placed(found: list[tuple[str, str]]) -> Problems:
    return {forms.place_of(path): code for path, code in found}


async def _asked(
    view: View, page: str, shown: ApplicationView, said: Answers, errors: Problems, status: int = 200
) -> Response:
    offered: dict[str, Any] = await visit_times.offered(view, shown.site)
    if page == "complete":
        offered["officers"] = await directory.officers(view, shown.department, "")
    return view.html(f"applications/{page}.html", status, shown=shown, answers=said, errors=errors, **offered)
