"""What is kept while somebody applies: the answers in the browser, and what was typed when it could not be taken in.

Whoever posts an answer after the session ended signs in again and finds it typed; while a service is away, the page that
says so sends the same form again.
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
from services.gateway.pages.shared.error_pages import PageRoute
from services.gateway.pages.shared.questions import QUESTIONS
from services.gateway.pages.shared.view import LARGEST_FIELD, MOST_FIELDS, View, text_of

ASKED = ("companions", *(name for question in QUESTIONS for name in question.answers))
Fields = dict[str, str]


class ApplyRoute(PageRoute):
    """A page of applying: nothing that was typed is lost with the session or with a service."""

    async def signed_out(self, request: Request) -> Response:
        """Signing in leads back to this page, with what was posted to it."""
        response = await super().signed_out(request)
        cookie, path = answers_cookie(request), request.url.path.partition("/")[2].partition("/")[2]
        if request.method == "POST":
            with suppress(TooLong, HTTPException):  # longer than any form allows: it is not kept
                posted = {"path": path, "fields": _without_full_number(await _fields(request))}
                cookie.write(response, cookie.read(request) | {POSTED: posted})
        return response

    async def repeated(self, request: Request) -> Fields | None:
        """What was posted."""
        return await _fields(request) if request.method == "POST" else None


async def _fields(request: Request) -> Fields:
    form = await request.form(max_files=0, max_fields=MOST_FIELDS, max_part_size=LARGEST_FIELD)
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _without_full_number(fields: Fields) -> Fields:
    """A whole number of an ID is refused and kept nowhere, not even in the browser."""
    with suppress(NotLastFour):
        last_four(fields.get("id_last4", "0000"))
        return fields
    return fields | {"id_last4": ""}


def answers_of(view: View) -> Answers:
    """The answers so far; at a kiosk its site is one of them."""
    answers = view.read_answers()
    return answers | {"site": view.kiosk.site} if view.kiosk else answers


def typed_before(answers: Answers, path: str) -> FormData | None:
    """The form that was posted to this page when the session had ended."""
    posted = answers.get(POSTED)
    return FormData(posted["fields"]) if posted and posted["path"] == path else None


def with_key(answers: Answers) -> Answers:
    """The answers with the key under which they will be sent, made with the first of them."""
    return answers if "key" in answers else answers | {"key": str(uuid4())}


def was_sent(answers: Answers, form: FormData) -> bool:
    """Whether a form belongs to an application that this browser has sent: a second click, or another tab."""
    sent = answers.get("sent")
    return sent is not None and text_of(form, "key") == sent["key"]


def digest(answers: Answers) -> str:
    """Tells whether two pages show the same answers."""
    asked = {name: answers[name] for name in ASKED if name in answers}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]
