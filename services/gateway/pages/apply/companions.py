"""The pages on which companions are added, changed and removed."""

from fastapi import Response
from fastapi.datastructures import FormData

from contracts.errors import Unavailable
from services.gateway.pages.apply.form_session import ApplyRoute, current_answers, posted_form, was_sent
from services.gateway.pages.apply.question_page import findings
from services.gateway.pages.shared.answers import Answers
from services.gateway.pages.shared.forms import number_of, text_of
from services.gateway.pages.shared.questions import MOST_COMPANIONS, Problems, companion, step_of
from services.gateway.pages.shared.view import ApplicantPage, View, page_router

router = page_router("/apply", ApplyRoute)
PLACES = {"name_latin": "name"}
"""Field of the request that the page does not have → field at which its problem is shown."""


@router.get("/companion")
async def ask_companion(view: ApplicantPage, which: int | None = None) -> Response:
    """Ask for one more companion, or show the one at a place in the list to be changed."""
    answers = current_answers(view)
    coming = answers.get("companions", [])
    number = len(coming) if which is None else which
    if not 0 <= number < MOST_COMPANIONS or number > len(coming):
        return view.to("/apply/companions")
    one = coming[number] if number < len(coming) else {}
    form = posted_form(answers, "apply/companion")
    if form is not None:
        number = _number(form, coming)
        one = companion(form, answers, number)[0]["companions"][number]
    return _page(view, answers, one, {}, number)


@router.post("/companion")
async def add_companion(view: ApplicantPage) -> Response:
    """Add or change a companion after the service has checked the answers."""
    answers, form = current_answers(view), await view.form()
    if was_sent(answers, form):
        return view.to("/apply/done", notice="sent")
    coming = answers.get("companions", [])
    number = _number(form, coming)
    if number >= MOST_COMPANIONS or text_of(form, "of") not in ("", str(len(coming))):
        return view.to("/apply/companions")  # a second click, or another tab: the list shows who comes
    given, problems = companion(form, answers, number)
    one = given["companions"][number]
    try:
        found = [] if problems else await findings(view, answers | given)
    except Unavailable:
        return _page(view, answers, one, {}, number, 503)
    problems = problems or _problems(found, f"companions.{number}.")
    if problems:
        return _page(view, answers, one, problems, number, 422)
    return view.save_answers(view.to("/apply/companions"), answers | given | {"companions_done": False})


@router.post("/companions/remove")
async def remove_companion(view: ApplicantPage) -> Response:
    answers, form = current_answers(view), await view.form()
    companions = list(answers.get("companions", ()))
    which = number_of(form, "which")
    if text_of(form, "of") in ("", str(len(companions))) and which is not None and which < len(companions):
        del companions[which]
    return view.save_answers(view.to("/apply/companions"), answers | {"companions": companions})


def _problems(found: list[tuple[str, str]], prefix: str) -> Problems:
    own = [(path.removeprefix(prefix), code) for path, code in found if path.startswith(prefix)]
    return {PLACES.get(field, field): code for field, code in own}


def _number(form: FormData, coming: list[Answers]) -> int:
    """Return the place in the list that a form is about: behind its end, unless it changes somebody."""
    which = number_of(form, "which")
    return len(coming) if which is None else min(which, len(coming))


def _page(
    view: View, answers: Answers, one: Answers, errors: Problems, number: int, status: int = 200
) -> Response:
    values = {
        "answers": one,
        "errors": errors,
        "key": answers.get("key", ""),
        "step": step_of("companions", answers),
        "number": number,
        "of": len(answers.get("companions", ())),
    }
    return view.html("apply/companion.html", status, **values)
