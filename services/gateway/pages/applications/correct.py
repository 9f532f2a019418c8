"""The correction of an application that was sent: name, ID card, who comes along, email."""

from typing import Any

from fastapi import Response
from fastapi.datastructures import FormData
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Conflict, IdempotencyKeyReused, InvalidInput
from contracts.model import OPEN_STATUSES
from contracts.rpc.application import ApplicationView
from contracts.rpc.corrections import CorrectApplication
from services.gateway.pages.applications import form as forms
from services.gateway.pages.applications.detail import ask_last_four, redirect_to_application, viewed
from services.gateway.pages.shared.answers import Answers
from services.gateway.pages.shared.forms import number_of, problems_of, text_of
from services.gateway.pages.shared.questions import Problems, place_in
from services.gateway.pages.shared.view import ApplicantPage, View, page_router

router = page_router("/applications/{reference}")
ASKED = ("name", "name_latin", "id_type", "id_last4", "email")


@router.get("/correct")
async def ask_correction(view: ApplicantPage, reference: str) -> Response:
    """Show what can be corrected, as it is, or as a correction wants it that waits."""
    shown = await viewed(view, reference)
    if shown is None:
        return ask_last_four(view, reference, onward="correct")
    if shown.status not in OPEN_STATUSES:
        return redirect_to_application(view, shown.reference, notice="cannot_correct")
    return _page(view, shown, known_of(shown), {})


@router.post("/correct")
async def correct(view: ApplicantPage, reference: str) -> Response:
    """Send what differs. Where the department has decided meanwhile, show the form again and say so."""
    shown, form = await viewed(view, reference), await view.form()
    key = text_of(form, "key")
    if shown is None or not key:
        return redirect_to_application(view, reference)
    given, problems = read(form, shown)
    if problems:
        return _page(view, shown, given, problems, 422)
    try:
        request = CorrectApplication.model_validate(asked_of(form, shown, given))
        done = await view.command(rpc.corrections.CORRECT, request, key)
    except (ValidationError, InvalidInput) as error:
        return _page(view, shown, given, places_of(error), 422)
    except (Conflict, IdempotencyKeyReused) as error:
        if error.body.code == "application_changed":
            return _page(view, shown, given, {}, 409)
        # or the form was sent before, and changed after a step back
        notice = "cannot_correct" if error.body.code == "cannot_correct" else "too_late"
        return redirect_to_application(view, shown.reference, notice=notice)
    return redirect_to_application(
        view, shown.reference, notice="correction_waits" if done.waits else "corrected"
    )


def read(form: FormData, shown: ApplicationView) -> tuple[Answers, Problems]:
    """Return the answers of a posted form, and its problems."""
    given: Answers = {name: text_of(form, name) for name in ASKED if name in form}
    given["companions"], problems = forms.read_companions(form, len(known_of(shown)["companions"]))
    if not given.get("name"):
        problems["name"] = "name_missing"
    return given, problems


def places_of(error: ValidationError | InvalidInput) -> Problems:
    """Return the problems of a refused correction, by the field of the page."""
    return {place_in(forms.PLACES, path) or path: code for path, code in problems_of(error).items()}


def asked_of(form: FormData, shown: ApplicationView, given: Answers) -> dict[str, Any]:
    """Return the fields of the request: what differs from what is known."""
    known = known_of(shown)
    asked = {name: value for name, value in given.items() if value != known[name]}
    if "companions" in asked:
        asked["companions"] = forms.without_empty(asked["companions"])
    for name in ("id_type", "id_last4", "name_latin"):  # left empty, it stays
        if not asked.get(name):
            asked.pop(name, None)
    seen = {"revision": number_of(form, "revision"), "waits": text_of(form, "waits") == "yes"}
    return {"reference": shown.reference, **seen, **asked}


def known_of(shown: ApplicationView) -> Answers:
    """Return the answers as they are, or as a correction wants them that waits."""
    waits = shown.correction is not None and shown.correction.state == "waits"
    people = shown.correction if waits and shown.correction else shown
    person = people.applicant
    return {
        "name": person.name,
        "name_latin": "" if person.name.isascii() else person.name_latin,
        "id_type": person.id_type or "",
        "id_last4": "",
        "email": person.email or "",
        "companions": [forms.companion_answer(one) for one in people.companions],
    }


def _page(
    view: View, shown: ApplicationView, given: Answers, errors: Problems, status: int = 200
) -> Response:
    return view.html("applications/correct.html", status, errors=errors, **words(view, shown, given, status))


def words(view: View, shown: ApplicationView, given: Answers, status: int) -> dict[str, Any]:
    """Return what a form of a correction shows."""
    return {
        "shown": shown,
        "answers": given,
        "known": known_of(shown)["companions"],
        "asks_department": shown.status in ("approved", "issued"),
        "is_changed": status == 409,
        "takes_email": view.caller.state.settings.sends_email or bool(shown.applicant.email),
    }
