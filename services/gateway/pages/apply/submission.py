"""The page with all answers, their submission, and the page with the reference."""

from contextlib import suppress
from typing import Any
from uuid import uuid4

from fastapi import Response

from contracts import rpc
from contracts.errors import IdempotencyKeyReused, InvalidInput, Unavailable
from contracts.rpc.application import Checked
from services.gateway.handlers import visit_requests
from services.gateway.pages.apply.form_session import ApplyRoute, current_answers, digest, was_sent, with_key
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.answers import Answers, of_the_person
from services.gateway.pages.shared.application_form import request_of
from services.gateway.pages.shared.forms import LONGEST_KEY, text_of, told_of
from services.gateway.pages.shared.questions import QUESTIONS, Problems, next_question, step_of
from services.gateway.pages.shared.view import ApplicantPage, View, page_router
from services.gateway.pages.shared.waiting_times import usual_wait

router = page_router("/apply", ApplyRoute)


@router.get("/check")
async def check(view: ApplicantPage) -> Response:
    """Show all answers, each with a link to change it, and the problems that have come up since."""
    answers = with_key(current_answers(view))
    missing = next_question(answers)
    if missing is not None:
        return view.to(f"/apply/{missing.name}")
    found = Checked()
    with suppress(Unavailable):  # the submission reports the same problems
        found = await view.query(rpc.application.CHECK, request_of(answers, view.language))
    errors = problems_of_questions([(one.field, one.code) for one in found.problems])
    return await _page(view, answers, errors, masked=bool(found.masked))


@router.post("/check")
async def submit(view: ApplicantPage) -> Response:
    """Submit the application.

    A second click, a refresh or a repeat after a dropped connection finds the same application by the same
    key.
    """
    answers, form = current_answers(view), await view.form()
    key = text_of(form, "key")[:LONGEST_KEY]
    if was_sent(answers, form):
        return view.to("/apply/done")
    if next_question(answers) is not None or not key:
        return view.to("/apply/check")
    if text_of(form, "shown") != digest(answers):
        return await _page(view, answers, {}, 409, changed="answers")
    try:
        wanted = request_of(answers, view.language).model_copy(update=told_of(form))
        waits = bool(answers.get("waits_for_place"))
        made = await visit_requests.apply(view.caller, rpc.application.SUBMIT, wanted, key, waits=waits)
    except (InvalidInput, IdempotencyKeyReused, Unavailable) as error:
        return await _show_again(view, answers, key, error)
    sent = {
        "key": key,
        "reference": made.reference,
        "department": answers["department"],
        "masked": list(made.masked),
        "weekly": bool(answers.get("weekly_until")),
    }
    return view.save_answers(view.to("/apply/done"), {"sent": sent} | of_the_person(answers))


@router.get("/done")
async def done(view: ApplicantPage) -> Response:
    """Show the reference, and what happens next."""
    if view.kiosk:
        return view.to("/kiosk/done")
    sent = current_answers(view).get("sent")
    if sent is None:
        return view.to("/applications")
    return view.html("apply/done.html", sent=sent, usual=await usual_wait(view, sent["department"]))


def problems_of_questions(found: list[tuple[str, str]]) -> Problems:
    """Return question → code of its problem; the time of a visit has a line of its own.

    A problem that belongs to no question is shown at the first one.
    """
    placed = {
        "consent" if path == "consent" else "when" if path.startswith("preferred") else question.name: code
        for path, code in reversed(found)
        for question in QUESTIONS
        if path == "consent" or question.place_of(path)
    }
    return placed if placed or not found else {QUESTIONS[0].name: found[0][1]}


async def _show_again(
    view: View, answers: Answers, key: str, error: InvalidInput | IdempotencyKeyReused | Unavailable
) -> Response:
    """Return the same page again.

    The key stays where the outcome is not known; it is a new one after a refusal.
    """
    if isinstance(error, Unavailable):
        return await _page(view, answers | {"key": key}, {}, 503)
    answers = answers | {"key": str(uuid4())}
    if isinstance(
        error, IdempotencyKeyReused
    ):  # an earlier attempt did arrive, with answers that were changed since
        return await _page(view, answers, {}, 409, changed="sent")
    found = [(one.field, one.code) for one in error.body.fields]
    return await _page(view, answers, problems_of_questions(found), 422)


async def _page(
    view: View,
    answers: Answers,
    errors: Problems,
    status: int = 200,
    *,
    changed: str = "",
    masked: bool = False,
) -> Response:
    values = {
        "answers": answers,
        "errors": errors,
        "changed": changed,
        "masked": masked,
        "shown": digest(answers),
        "step": step_of("check", answers),
        "kept_days": view.caller.state.settings.people_kept_days,
    }
    page = view.html("apply/check.html", status, **values, **await _chosen(view, answers))
    return view.save_answers(page, answers)


async def _chosen(view: View, answers: Answers) -> dict[str, Any]:
    """Return the records of the directory that were chosen; None for each that is not there any more."""
    found = await directory.departments(view, answers["site"], unstaffed=True)
    people = await directory.officers(view, answers["department"]) if answers.get("officer") else ()
    return {
        "site": await directory.site(view, answers["site"]),
        "department": next((one for one in found if one.code == answers["department"]), None),
        "officer": next((one for one in people if one.code == answers.get("officer")), None),
    }
