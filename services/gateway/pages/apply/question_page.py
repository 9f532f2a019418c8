"""The page of one question, and the problems that the application service finds in the answers so far."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from fastapi import Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Unavailable
from contracts.rpc.application import HistoryLine
from contracts.rpc.call import Page
from services.gateway.handlers import visit_requests
from services.gateway.pages.apply.form_session import digest
from services.gateway.pages.shared import directory, visit_times
from services.gateway.pages.shared.answers import Answers
from services.gateway.pages.shared.application_form import request_of, unreadable
from services.gateway.pages.shared.questions import Problems, Question, before, step_of
from services.gateway.pages.shared.view import View

LAST_PLACES = 10
"""Among so many of the last applications the departments are found that are offered first."""


async def findings(view: View, answers: Answers) -> list[tuple[str, str]]:
    """Return what is wrong with the answers so far, as fields and codes: the service knows, and for email we.

    Raises:
        Unavailable: it does not answer.
    """
    try:
        wanted = request_of(answers, view.language)
    except ValidationError as error:
        return unreadable(error)
    found = await view.query(rpc.application.CHECK, wanted)
    problems = (*found.problems, *visit_requests.email_problems(view.caller, wanted))
    return [(one.field, one.code) for one in problems]


async def render_question(
    view: View, question: Question, answers: Answers, errors: Problems, status: int = 200, **more: object
) -> Response:
    """Return the page of a question; with status 503 it says that the answer could not be checked.

    Raises:
        Unavailable: the directory with the choices does not answer.
    """
    offered, seen = await _offered(view, question.name, answers), digest(answers, question)
    if question.name == "name-latin" and "name_latin" not in answers:
        answers = answers | {"name_latin": await suggested_spelling(view, answers)}
    if question.name == "visit" and "preferred" in answers:
        answers = answers | {"preferred": visit_times.with_halves(answers["preferred"], offered["days"])}
    values = {
        "answers": answers,
        "errors": errors,
        "seen": seen,
        "previous": before(question.name, answers),
        "step": step_of(question.name, answers),
        "key": answers.get("key", ""),
    }
    return view.html(f"apply/{question.name}.html", status, **values, **offered, **more)


async def _offered(view: View, name: str, answers: Answers) -> dict[str, Any]:
    """Return what the page of a question offers to choose from."""
    q = view.request.query_params.get("q", "").strip()
    if name == "department":
        here = view.kiosk.site or "" if view.kiosk else ""
        found = await directory.departments(view, here, q)
        before = () if q else await applied_before(view, LAST_PLACES)
        return {
            "departments": found,
            "places": {one.code: one.name[view.language] for one in await directory.sites(view)},
            "last": list({(one.department, one.site): one for one in before}),
            "here": here,
            "q": q,
        }
    if name == "visit":
        party = 1 + len(answers.get("companions", ()))
        times = await visit_times.offered(view, answers["site"], answers["department"], party)
        site = await directory.site(view, answers["site"])
        times["weekly_offered"] = bool(
            view.caller.state.settings.standing_passes and site and site.photograph
        )
        return times | {"officers": await directory.open_officers(view, answers["department"])}
    return {}


async def applied_before(view: View, most: int) -> Sequence[HistoryLine]:
    """Return the last applications of this mobile, but those that are locked.

    There are none at a kiosk, nor while the service does not answer.
    """
    if view.kiosk:
        return ()
    found = await view.try_query(rpc.application.LIST_APPLICATIONS, Page(limit=most))
    return [one for one in found.items if one.locked_until is None] if found else ()


async def suggested_spelling(view: View, answers: Answers) -> str:
    """Return how the service would write the name in English letters; empty while it does not answer."""
    with suppress(Unavailable):  # it is a suggestion: without it the field is empty
        return (await view.query(rpc.application.CHECK, request_of(answers, view.language))).name_latin
    return ""
