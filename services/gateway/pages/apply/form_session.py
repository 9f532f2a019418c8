"""The form session of an applicant: the answers so far, and a form that could not be accepted yet.

An applicant who posts an answer after the session has ended signs in again and finds the answer filled in.
While a service is unavailable, the error page offers to send the same form again.
"""

import hashlib
import json
from contextlib import suppress
from uuid import uuid4

from fastapi import Request, Response
from fastapi.datastructures import FormData
from starlette.exceptions import HTTPException

from contracts.identity import NotLastFour, last_four
from services.gateway.pages.shared.answers import POSTED, Answers, TooLong
from services.gateway.pages.shared.cookies import answers_cookie
from services.gateway.pages.shared.error_pages import Fields, PageRoute, inner_path, posted_fields
from services.gateway.pages.shared.forms import text_of
from services.gateway.pages.shared.questions import QUESTIONS, Question
from services.gateway.pages.shared.view import View

ASKED = ("companions", *(name for question in QUESTIONS for name in question.answers))


class ApplyRoute(PageRoute):
    """Route of a page of applying: what was typed survives the end of a session and an outage."""

    async def signed_out(self, request: Request) -> Response:
        """Redirect to signing in, and save the posted form so that this page shows it afterwards."""
        response = await super().signed_out(request)
        cookie, path = answers_cookie(request), inner_path(request)
        if request.method == "POST":
            with suppress(TooLong, HTTPException):  # longer than any form allows: it is not saved
                posted = {"path": path, "fields": _without_full_number(dict(await posted_fields(request)))}
                cookie.write(response, cookie.read(request) | {POSTED: posted})
        return response

    async def repeated(self, request: Request) -> Fields | None:
        """Return the fields that were posted."""
        return await posted_fields(request) if request.method == "POST" else None


def _without_full_number(fields: dict[str, str]) -> dict[str, str]:
    """Return the fields without a whole ID number, which is stored nowhere, not even in the browser."""
    with suppress(NotLastFour):
        last_four(fields.get("id_last4", "0000"))
        return fields
    return fields | {"id_last4": ""}


def current_answers(view: View) -> Answers:
    """Return the answers so far; at a kiosk they include its site.

    An email address, or the wish for email, of a time at which it was offered is asked for no more: the
    question how the pass is delivered is open again.
    """
    answers = view.read_answers()
    if not view.offers_email:
        answers = {name: value for name, value in answers.items() if name != "email"}
        if answers.get("deliver_by") == "email":
            del answers["deliver_by"]
    return answers | {"site": view.kiosk.site} if view.kiosk else answers


def posted_form(answers: Answers, path: str) -> FormData | None:
    """Return the form that was posted to this page after the session had ended, if any."""
    posted = answers.get(POSTED)
    return FormData(posted["fields"]) if posted and posted["path"] == path else None


def with_key(answers: Answers) -> Answers:
    """Return the answers with the idempotency key under which they will be sent."""
    return answers if "key" in answers else answers | {"key": str(uuid4())}


def was_sent(answers: Answers, form: FormData) -> bool:
    """Return whether a form belongs to an application that this browser has already sent."""
    sent = answers.get("sent")
    return sent is not None and text_of(form, "key") == sent["key"]


def digest(answers: Answers, question: Question | None = None) -> str:
    """Return a digest of the answers, by which two pages that show the same answers are recognised.

    With a question it is of the answers that come before it.
    """
    earlier = QUESTIONS[: QUESTIONS.index(question)] if question else ()
    names = [name for one in earlier for name in one.answers] if question else ASKED
    asked = {name: answers[name] for name in names if name in answers}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]
