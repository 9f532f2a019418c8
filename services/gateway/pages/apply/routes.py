"""The pages of applying. Companions and the submission have modules of their own."""

from fastapi import Response

from contracts import rpc
from contracts.errors import NotFound, Unavailable
from contracts.rpc.call import Page
from services.gateway.access.admission import rate_limited
from services.gateway.handlers import visit_requests
from services.gateway.pages.apply.form_session import (
    ApplyRoute,
    current_answers,
    posted_form,
    was_sent,
    with_key,
)
from services.gateway.pages.apply.question_page import findings, render_question, suggested_spelling
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.answers import Answers
from services.gateway.pages.shared.application_form import request_of
from services.gateway.pages.shared.questions import BY_NAME, QUESTIONS, Question, next_question
from services.gateway.pages.shared.view import ApplicantPage, OpenPage, View, page_router

router = page_router("/apply", ApplyRoute)


@router.get("", dependencies=[rate_limited("read")])
async def start(view: OpenPage) -> Response:
    return view.html("apply/start.html")


@router.get("/{name}")
async def ask(view: ApplicantPage, name: str) -> Response:
    """Show one question; redirect to the first unanswered one if it comes before."""
    question, answers = _question(name), with_key(current_answers(view))
    earlier = _unanswered_before(question, answers)
    if earlier is not None:
        return view.to(f"/apply/{earlier.name}")
    form, shown = posted_form(answers, f"apply/{name}"), answers
    if form is not None:
        shown = question.put(answers, question.read(form, answers)[0])
    old = None  # the last application of this mobile, whose answers are offered
    if name == "who" and not view.kiosk:
        old = await view.try_query(rpc.application.LIST_APPLICATIONS, Page(limit=1))
    last = old.items[0] if old and old.items else None
    page = await render_question(view, question, shown, {}, last=last)
    return view.save_answers(page, answers) if form is None else page


@router.post("/{name}")
async def answer(view: ApplicantPage, name: str) -> Response:
    """Save one answer if it is valid; otherwise show the question again with its problems."""
    question, answers, form = _question(name), with_key(current_answers(view)), await view.form()
    if was_sent(answers, form):
        return view.to("/apply/done", notice="sent")
    given, problems = question.read(form, answers)
    earlier = _unanswered_before(question, answers)
    if earlier is not None:  # the answers have expired meanwhile: this one is kept
        kept = answers if problems else question.put(answers, given)
        return view.save_answers(view.to(f"/apply/{earlier.name}"), kept)
    answers = question.put(answers, given)
    try:
        if name == "department" and not problems:
            answers = await _with_site(view, answers)
        if not problems:
            problems = question.problems_of(await findings(view, answers))
        if name == "when" and not problems:
            wanted = request_of(answers, view.language)
            found = await visit_requests.problems_of(view.caller, wanted)
            problems = question.problems_of((one.field, one.code) for one in found)
    except Unavailable:
        return await render_question(view, question, answers, {}, 503)
    if problems:
        return await render_question(view, question, answers, problems, 422)
    if name == "companions" and not answers["companions_done"]:
        return view.save_answers(view.to("/apply/companion"), answers)
    if name == "who" and not answers["name"].isascii() and "name_latin" not in answers:
        spelling = await suggested_spelling(view, answers)
        answers |= {"name_latin": spelling} if spelling else {}
    following = next_question(answers)
    return view.save_answers(view.to(f"/apply/{following.name}" if following else "/apply/check"), answers)


def _question(name: str) -> Question:
    if name not in BY_NAME:
        raise NotFound("no such question")
    return BY_NAME[name]


def _unanswered_before(question: Question, answers: Answers) -> Question | None:
    missing = next_question(answers)
    if missing is None or QUESTIONS.index(missing) >= QUESTIONS.index(question):
        return None
    return missing


async def _with_site(view: View, answers: Answers) -> Answers:
    """Return the answers with the site of the department, where it sits at one only.

    A site at which the department does not sit is left out, so that it is asked for. At a kiosk the site is
    the kiosk's.
    """
    if view.kiosk:
        return answers
    sites = await directory.sites_of(view, answers["department"])
    others = {name: value for name, value in answers.items() if name not in ("site", "preferred")}
    if len(sites) == 1:
        return answers if answers.get("site") == sites[0].code else others | {"site": sites[0].code}
    return answers if answers.get("site") in {one.code for one in sites} else others
