"""The changes of an applicant: complete a returned application, other dates, cancel, apply again."""

from contextlib import suppress
from typing import Any

from fastapi import Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Conflict, IdempotencyKeyReused, InvalidInput
from contracts.model import OPEN_STATUSES
from contracts.rpc.application import ApplicationView, ReferenceOnly
from services.gateway.handlers import visit_requests
from services.gateway.pages.applications import form as forms
from services.gateway.pages.applications.detail import (
    ask_last_four,
    open_by_last_four,
    redirect_to_application,
    viewed,
)
from services.gateway.pages.shared import directory, visit_times
from services.gateway.pages.shared.answers import Answers, of_the_person
from services.gateway.pages.shared.application_form import unreadable
from services.gateway.pages.shared.forms import key_of, problems_of, text_of
from services.gateway.pages.shared.questions import Problems, at_halves, next_question, place_in, read_times
from services.gateway.pages.shared.view import ApplicantPage, View, page_router
from services.gateway.pages.shared.vocabulary import state_of

router = page_router("/applications/{reference}")


@router.get("/cancel")
async def ask_cancel(view: ApplicantPage, reference: str) -> Response:
    shown = await viewed(view, reference)
    if shown is None or shown.status not in OPEN_STATUSES:
        return redirect_to_application(view, reference)
    return view.html("applications/cancel.html", shown=shown, errors={})


@router.post("/cancel")
async def cancel(view: ApplicantPage, reference: str) -> Response:
    """Cancel the application if the answer is yes; its pass is revoked."""
    shown, form = await viewed(view, reference), await view.form()
    answer, key = text_of(form, "cancel"), text_of(form, "key")
    if shown is None or not key or answer == "no":
        return redirect_to_application(view, reference)
    if answer != "yes":
        return view.html("applications/cancel.html", 422, shown=shown, errors={"cancel": "choose_one"})
    try:
        await view.command(rpc.application.CANCEL, ReferenceOnly(reference=shown.reference), key)
    except Conflict:
        return redirect_to_application(view, shown.reference, notice="too_late")
    return redirect_to_application(view, shown.reference, notice="cancelled")


@router.post("/met")
async def say_met(view: ApplicantPage, reference: str) -> Response:
    """Store whether the visitor says that they were met."""
    form = await view.form()
    with suppress(ValidationError, Conflict):
        said = rpc.application.SayMet.model_validate(
            {"reference": reference[:40], "outcome": text_of(form, "outcome")}
        )
        await view.command(rpc.application.SAY_MET, said, key_of(form))
        return redirect_to_application(view, reference, notice="said")
    return redirect_to_application(view, reference, notice="too_late")


@router.get("/dates")
async def ask_dates(view: ApplicantPage, reference: str) -> Response:
    """Show the form for other dates: while the department decides, or after it closed the day."""
    shown = await viewed(view, reference)
    if shown is None:
        return ask_last_four(view, reference, onward="dates")
    chooses_again = state_of(shown) in ("date_needed", "day_reopened")
    if not (shown.status == "submitted" or chooses_again):
        return redirect_to_application(view, reference)
    given = forms.for_amendment(shown)
    return await _render_form(view, "dates", shown, given | ({"preferred": []} if chooses_again else {}), {})


@router.post("/dates")
async def change_dates(view: ApplicantPage, reference: str) -> Response:
    shown, form = await viewed(view, reference), await view.form()
    if shown is None:
        return redirect_to_application(view, reference)
    given, problems = read_times(form, {})
    return await _send_amendment(view, "dates", shown, given, problems, text_of(form, "key"))


@router.get("/complete")
async def ask_missing(view: ApplicantPage, reference: str) -> Response:
    shown = await viewed(view, reference)
    if shown is None:
        return ask_last_four(view, reference, onward="complete")
    if shown.status != "returned":
        return redirect_to_application(view, reference)
    return await _render_form(view, "complete", shown, forms.for_amendment(shown), {})


@router.post("/complete")
async def complete(view: ApplicantPage, reference: str) -> Response:
    shown, form = await viewed(view, reference), await view.form()
    if shown is None:
        return redirect_to_application(view, reference)
    given, problems = forms.read(form, shown)
    return await _send_amendment(view, "complete", shown, given, problems, text_of(form, "key"))


@router.post("/again")
async def apply_again(view: ApplicantPage, reference: str) -> Response:
    """Start a new application with the answers of this one; the dates are asked for again.

    The form may carry the last four characters of the ID card, which open the application first.
    """
    form = await view.form()
    shown: ApplicationView | str | None
    if "id_last4" in form:
        shown = await open_by_last_four(view, reference, text_of(form, "id_last4"))
    else:
        shown = await viewed(view, reference)
    if shown is None:
        return redirect_to_application(view, reference)
    if isinstance(shown, str):
        return ask_last_four(view, reference, shown, then="again")
    answers = forms.for_new_application(shown) | of_the_person(view.read_answers())
    missing = next_question(answers)
    return view.save_answers(view.to(f"/apply/{missing.name}" if missing else "/apply/check"), answers)


async def _send_amendment(
    view: View, page: str, shown: ApplicationView, given: Answers, problems: Problems, key: str
) -> Response:
    """Send an amendment, or show the form again with its problems.

    A repeat with the same key has one effect and gets the same answer.
    """
    if not key:
        return redirect_to_application(view, shown.reference)
    party, waits = 1 + len(given.get("companions", shown.companions)), bool(given.get("waits_for_place"))
    slots, more = (
        ([], {})
        if problems
        else await visit_times.settle(
            view, shown.site, shown.department, party, given["preferred"], waits=waits
        )
    )
    problems |= more
    if problems:
        return await _render_form(view, page, shown, given, problems, 422)
    given |= {"preferred": slots}
    try:
        done = await visit_requests.amend(
            view.caller, forms.request_of(shown, given), key, shown, waits=waits
        )
    except (ValidationError, InvalidInput) as error:
        found = unreadable(error) if isinstance(error, ValidationError) else problems_of(error).items()
        places = {place_in(forms.PLACES, path) or "purpose": code for path, code in found}
        problems = at_halves(places, slots)
        return await _render_form(view, page, shown, given, problems, 422)
    except (
        Conflict,
        IdempotencyKeyReused,
    ):  # decided meanwhile; or the form was sent before, and changed after a step back
        return redirect_to_application(view, shown.reference, notice="too_late")
    return redirect_to_application(
        view, shown.reference, notice="masked" if done.masked else "dates" if page == "dates" else "completed"
    )


async def _render_form(
    view: View, page: str, shown: ApplicationView, given: Answers, errors: Problems, status: int = 200
) -> Response:
    party = 1 + len(shown.companions)
    offered: dict[str, Any] = await visit_times.offered(view, shown.site, shown.department, party)
    if page == "complete":
        people = await directory.officers(view, shown.department)
        offered["officers"] = [one for one in people if not one.closed or one.code == shown.officer]
    return view.html(
        f"applications/{page}.html", status, shown=shown, answers=given, errors=errors, **offered
    )
