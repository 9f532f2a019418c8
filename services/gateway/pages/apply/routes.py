"""The pages of applying. Companions and the submission have modules of their own."""

from fastapi import Response

from contracts.errors import NotFound, Unavailable
from services.gateway.access.admission import rate_limited
from services.gateway.handlers import visit_requests
from services.gateway.pages.apply.form_session import (
    ApplyRoute,
    current_answers,
    digest,
    posted_form,
    was_sent,
    with_key,
)
from services.gateway.pages.apply.question_page import (
    applied_before,
    findings,
    render_question,
    suggested_spelling,
)
from services.gateway.pages.shared import directory, visit_times
from services.gateway.pages.shared.answers import Answers
from services.gateway.pages.shared.application_form import request_of, without_halves
from services.gateway.pages.shared.forms import text_of
from services.gateway.pages.shared.questions import (
    BY_NAME,
    QUESTIONS,
    Problems,
    Question,
    at_halves,
    next_question,
)
from services.gateway.pages.shared.view import ApplicantPage, OpenPage, View, page_router

router = page_router("/apply", ApplyRoute)


@router.get("", dependencies=[rate_limited("read")])
async def start(view: OpenPage) -> Response:
    """Ask for the mobile; who has proved it goes on with the first question."""
    return view.to("/apply/who") if view.is_applicant else view.html("apply/start.html")


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
    old = await applied_before(view, 1) if name == "who" else ()  # its answers are offered
    page = await render_question(view, question, shown, {}, last_application=next(iter(old), None))
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
        given.pop("preferred", None)  # its hours depend on what is missing
        kept = answers if problems else question.put(answers, given)
        return view.save_answers(view.to(f"/apply/{earlier.name}"), kept)
    # What comes before may have been changed in another tab, which this form did not show.
    status = 409 if text_of(form, "seen") not in ("", digest(answers, question)) else 200
    answers = question.put(answers, given)
    if status == 200:
        try:
            answers, problems = await _checked(view, question, answers, problems)
            status = 422 if problems else 200
        except Unavailable:
            problems, status = {}, 503
    if status != 200:
        if "full_number" in problems.values():
            answers = answers | {"id_last4": ""}  # it is nowhere shown again
        return await render_question(view, question, answers, problems, status, changed=status == 409)
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


async def _checked(
    view: View, question: Question, answers: Answers, problems: Problems
) -> tuple[Answers, Problems]:
    """Return the answers with what the directory adds to this one, and the problems of it.

    Raises:
        Unavailable: a service does not answer.
    """
    if not problems and question.name == "department":
        answers, problems = await _with_site(view, answers)
    if not problems and question.name == "visit":
        party, waits = 1 + len(answers.get("companions", ())), bool(answers.get("waits_for_place"))
        slots, problems = await visit_times.settle(
            view, answers["site"], answers["department"], party, answers["preferred"], waits=waits
        )
        answers = answers | {"preferred": slots}
    if not problems:
        problems = question.problems_of(await findings(view, answers))
    if not problems and question.name == "visit":
        form, waits = request_of(answers, view.language), bool(answers.get("waits_for_place"))
        found = await visit_requests.problems_of(view.caller, form, waits=waits)
        problems = question.problems_of((one.field, one.code) for one in found)
    problems = at_halves(problems, answers.get("preferred", ()))
    if not problems and question.name == "visit":  # a gateway of the release before reads hours alone
        answers = answers | {"preferred": without_halves(answers["preferred"])}
    return answers, problems


async def _with_site(view: View, answers: Answers) -> tuple[Answers, Problems]:
    """Return the answers with the site: the one of the department, the chosen one, or that of the kiosk."""
    if view.kiosk:
        return answers | {"site": view.kiosk.site}, {}
    sites = {one.code for one in await directory.sites_of(view, answers["department"])}
    site = sites.pop() if len(sites) == 1 else answers.get("site")
    if sites and site not in sites:
        return answers, {"department": "site_not_chosen"}
    return BY_NAME["department"].put(answers, {"site": site} if site else {}), {}
