"""The pages of applying: one question a page. Companions and sending have modules of their own."""

from contextlib import suppress

from fastapi import APIRouter, Response

from contracts import rpc
from contracts.errors import ContractError, NotFound, Unavailable
from contracts.rpc.call import Page
from services.gateway.pages.apply import companions, submission
from services.gateway.pages.apply.form_session import (
    ApplyRoute,
    answers_of,
    typed_before,
    was_sent,
    with_key,
)
from services.gateway.pages.apply.question_page import asked, findings
from services.gateway.pages.shared.questions import BY_NAME, QUESTIONS, Question, next_question
from services.gateway.pages.shared.view import ApplicantPage, OpenPage, View

router = APIRouter(prefix="/{language:lang}/apply", include_in_schema=False, route_class=ApplyRoute)


@router.get("")
async def start(view: OpenPage) -> Response:
    """What is needed, before anything is asked."""
    return view.html("apply/start.html")


router.routes.extend(
    [*companions.router.routes, *submission.router.routes]
)  # before the questions, whose names they would be


@router.get("/{name}")
async def ask(view: ApplicantPage, name: str) -> Response:
    """One question."""
    question, answers = _question(name), with_key(answers_of(view))
    missing = next_question(answers)
    if (
        missing is not None
        and missing is not question
        and QUESTIONS.index(missing) < QUESTIONS.index(question)
    ):
        return view.to(f"/apply/{missing.name}")
    form, shown = typed_before(answers, f"apply/{name}"), answers
    if form is not None:
        shown = question.put(answers, question.read(form, answers)[0])
    page = await asked(
        view, question, shown, {}, has_applied=name == "who" and not view.kiosk and await _has_applied(view)
    )
    return view.save_answers(page, answers) if form is None else page


@router.post("/{name}")
async def answer(view: ApplicantPage, name: str) -> Response:
    """One answer: kept where it is in order, else asked again with what is wrong."""
    question, answers, form = _question(name), with_key(answers_of(view)), await view.form()
    if was_sent(answers, form):
        return view.to("/apply/done", told="sent")
    said, problems = question.read(form, answers)
    answers = question.put(answers, said)
    try:
        if not problems and question.problems:
            problems = question.problems_of(await findings(view, answers))
    except Unavailable:
        return await asked(view, question, answers, {}, 503)
    if problems:
        return await asked(view, question, answers, problems, 422)
    if name == "companions" and not answers["companions_done"]:
        return view.save_answers(view.to("/apply/companion"), answers)
    following = next_question(answers)
    return view.save_answers(view.to(f"/apply/{following.name}" if following else "/apply/check"), answers)


def _question(name: str) -> Question:
    if name not in BY_NAME:
        raise NotFound("no such question")
    return BY_NAME[name]


async def _has_applied(view: View) -> bool:
    """Whether this number has applied before, so that an old application's answers may be taken over."""
    with suppress(ContractError):  # an offer: without an answer it is not made
        return bool((await view.caller.query(rpc.application.LIST_APPLICATIONS, Page(limit=1))).items)
    return False
