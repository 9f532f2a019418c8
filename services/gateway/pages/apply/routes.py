"""The pages of applying, one question per page. Companions and the submission have modules of their own."""

from contextlib import suppress

from fastapi import APIRouter, Response

from contracts import rpc
from contracts.errors import ContractError, NotFound, Unavailable
from contracts.rpc.call import Page
from services.gateway.pages.apply import companions, submission
from services.gateway.pages.apply.form_session import (
    ApplyRoute,
    current_answers,
    posted_form,
    was_sent,
    with_key,
)
from services.gateway.pages.apply.question_page import findings, render_question
from services.gateway.pages.shared.questions import BY_NAME, QUESTIONS, Question, next_question
from services.gateway.pages.shared.view import ApplicantPage, OpenPage, View

router = APIRouter(prefix="/{language:lang}/apply", include_in_schema=False, route_class=ApplyRoute)


@router.get("")
async def start(view: OpenPage) -> Response:
    """Show what an applicant needs, before the first question."""
    return view.html("apply/start.html")


router.routes.extend(
    [*companions.router.routes, *submission.router.routes]
)  # before the questions, whose names they would be


@router.get("/{name}")
async def ask(view: ApplicantPage, name: str) -> Response:
    """Show one question; redirect to the first unanswered one if it comes before."""
    question, answers = _question(name), with_key(current_answers(view))
    missing = next_question(answers)
    if (
        missing is not None
        and missing is not question
        and QUESTIONS.index(missing) < QUESTIONS.index(question)
    ):
        return view.to(f"/apply/{missing.name}")
    form, shown = posted_form(answers, f"apply/{name}"), answers
    if form is not None:
        shown = question.put(answers, question.read(form, answers)[0])
    page = await render_question(
        view, question, shown, {}, has_applied=name == "who" and not view.kiosk and await _has_applied(view)
    )
    return view.save_answers(page, answers) if form is None else page


@router.post("/{name}")
async def answer(view: ApplicantPage, name: str) -> Response:
    """Save one answer if it is valid; otherwise show the question again with its problems."""
    question, answers, form = _question(name), with_key(current_answers(view)), await view.form()
    if was_sent(answers, form):
        return view.to("/apply/done", notice="sent")
    given, problems = question.read(form, answers)
    answers = question.put(answers, given)
    try:
        if not problems and question.problems:
            problems = question.problems_of(await findings(view, answers))
    except Unavailable:
        return await render_question(view, question, answers, {}, 503)
    if problems:
        return await render_question(view, question, answers, problems, 422)
    if name == "companions" and not answers["companions_done"]:
        return view.save_answers(view.to("/apply/companion"), answers)
    following = next_question(answers)
    return view.save_answers(view.to(f"/apply/{following.name}" if following else "/apply/check"), answers)


def _question(name: str) -> Question:
    if name not in BY_NAME:
        raise NotFound("no such question")
    return BY_NAME[name]


async def _has_applied(view: View) -> bool:
    """Return whether this mobile has applied before, so that it is offered its old answers."""
    with suppress(ContractError):  # an offer: without an answer it is not made
        return bool((await view.caller.query(rpc.application.LIST_APPLICATIONS, Page(limit=1))).items)
    return False
