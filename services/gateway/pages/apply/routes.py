"""The pages of applying: one question a page, then all answers, then the reference."""

from uuid import uuid4

from fastapi import APIRouter, Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import InvalidInput, NotFound
from services.gateway.pages.answers import Answers
from services.gateway.pages.apply import choices
from services.gateway.pages.apply.form import request_of, unreadable
from services.gateway.pages.apply.questions import (
    BY_NAME,
    MOST_COMPANIONS,
    QUESTIONS,
    Problems,
    Question,
    before,
    companion,
    next_question,
)
from services.gateway.pages.cookies import answers_cookie
from services.gateway.pages.failing import PageRoute
from services.gateway.pages.view import ApplicantPage, OpenPage, View, text_of
from services.gateway.pages.waiting import usual_wait

router = APIRouter(prefix="/{language:lang}/apply", include_in_schema=False, route_class=PageRoute)


@router.get("")
async def start(view: OpenPage) -> Response:
    """What is needed, before anything is asked."""
    return view.html("apply/start.html")


@router.get("/companion")
async def ask_companion(view: ApplicantPage) -> Response:
    """Who else comes."""
    if len(_answers(view).get("companions", ())) >= MOST_COMPANIONS:
        return view.to("/apply/companions")
    return view.html("apply/companion.html", answers={}, errors={})


@router.post("/companion")
async def add_companion(view: ApplicantPage) -> Response:
    """One more companion, checked like every answer."""
    answers = _answers(view)
    said, problems = companion(await view.form(), answers)
    number = len(said["companions"]) - 1
    if not problems:
        found = await _findings(view, answers | said)
        problems = {path.rpartition(".")[2]: code for path, code in found if path.startswith(f"companions.{number}.")}
    if problems or number >= MOST_COMPANIONS:
        return view.html("apply/companion.html", 422, answers=said["companions"][-1], errors=problems)
    return _kept(view, answers | said | {"companions_done": False}, "/apply/companions")


@router.post("/companions/remove")
async def remove_companion(view: ApplicantPage) -> Response:
    """One companion less."""
    answers, which = _answers(view), text_of(await view.form(), "which")
    left = [one for number, one in enumerate(answers.get("companions", ())) if str(number) != which]
    return _kept(view, answers | {"companions": left}, "/apply/companions")


@router.get("/check")
async def check(view: ApplicantPage) -> Response:
    """All answers, each with a link to change it."""
    answers = _answers(view)
    missing = next_question(answers)
    if missing is not None:
        return view.to(f"/apply/{missing.name}")
    answers.setdefault("key", str(uuid4()))
    page = view.html("apply/check.html", answers=answers, errors={}, **await _shown(view, answers))
    answers_cookie(view.request).write(page, answers)
    return page


@router.post("/check")
async def submit(view: ApplicantPage) -> Response:
    """Applies. A second click, a refresh or a repeat after a dropped line finds the same application by the same key."""
    answers, key = _answers(view), text_of(await view.form(), "key")
    if not answers.get("kind") and key and answers.get("sent", {}).get("key") == key:
        return view.to("/apply/done")
    if next_question(answers) is not None or not key:
        return view.to("/apply/check")
    try:
        made = await view.caller.command(rpc.SUBMIT, request_of(answers, view.language), key)
    except InvalidInput as error:
        found = [(one.field, one.code) for one in error.body.fields]
        errors = {question.name: code for path, code in found for question in QUESTIONS if question.place_of(path)}
        return view.html("apply/check.html", 422, answers=answers | {"key": str(uuid4())}, errors=errors, **await _shown(view, answers))
    sent = {"key": key, "reference": made.reference, "department": answers["department"], "masked": list(made.masked)}
    return _kept(view, {"sent": sent, "whose": answers.get("whose")}, "/apply/done")


@router.get("/done")
async def done(view: ApplicantPage) -> Response:
    """The reference, and what happens next."""
    if view.kiosk:
        return view.to("/kiosk/done")
    sent = _answers(view).get("sent")
    if sent is None:
        return view.to("/applications")
    return view.html("apply/done.html", sent=sent, usual=await usual_wait(view, sent["department"]))


@router.get("/{name}")
async def ask(view: ApplicantPage, name: str) -> Response:
    """One question."""
    question, answers = _question(name), _answers(view)
    missing = next_question(answers)
    if missing is not None and missing is not question and QUESTIONS.index(missing) < QUESTIONS.index(question):
        return view.to(f"/apply/{missing.name}")
    return await _asked(view, question, answers, {})


@router.post("/{name}")
async def answer(view: ApplicantPage, name: str) -> Response:
    """One answer: kept where it is in order, else asked again with what is wrong."""
    question, answers = _question(name), _answers(view)
    said, problems = question.read(await view.form(), answers)
    answers = question.put(answers, said)
    if not problems and question.problems:
        found = await _findings(view, answers)
        problems = {place: code for path, code in found if (place := question.place_of(path))}
    if problems:
        return await _asked(view, question, answers, problems, 422)
    if name == "companions" and not answers["companions_done"]:
        return view.to("/apply/companion")
    following = next_question(answers)
    return _kept(view, answers, f"/apply/{following.name}" if following else "/apply/check")


def _question(name: str) -> Question:
    if name not in BY_NAME:
        raise NotFound("no such question")
    return BY_NAME[name]


def _answers(view: View) -> Answers:
    answers = answers_cookie(view.request).read(view.request)
    return answers | {"site": view.kiosk.site} if view.kiosk else answers


def _kept(view: View, answers: Answers, inner: str) -> Response:
    response = view.to(inner)
    answers_cookie(view.request).write(response, answers)
    return response


async def _findings(view: View, answers: Answers) -> list[tuple[str, str]]:
    """What the service finds in the form so far: paths and codes."""
    try:
        found = await view.caller.ask(rpc.CHECK, request_of(answers, view.language))
    except ValidationError as error:
        return unreadable(error)
    return [(one.field, one.code) for one in found.problems]


async def _asked(view: View, question: Question, answers: Answers, errors: Problems, status: int = 200) -> Response:
    offered = await choices.of_question(view, question.name, answers)
    if question.name == "name-latin" and "name_latin" not in answers:
        answers = answers | {"name_latin": (await view.caller.ask(rpc.CHECK, request_of(answers, view.language))).name_latin}
    previous = before(question.name, answers)
    return view.html(f"apply/{question.name}.html", status, question=question, answers=answers, errors=errors, previous=previous, **offered)


async def _shown(view: View, answers: Answers) -> dict[str, object]:
    """Names of what was chosen, for all answers on a page."""
    site = await choices.site(view, answers["site"])
    department = next((one for one in await choices.departments(view, answers["site"]) if one.code == answers["department"]), None)
    officers = await choices.officers(view, answers["department"], "") if answers.get("officer") else ()
    return {
        "site": site,
        "department": department,
        "officer": next((one for one in officers if one.code == answers.get("officer")), None),
    }
