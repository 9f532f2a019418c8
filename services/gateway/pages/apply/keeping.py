"""What is kept while somebody applies: the answers in the browser, and what was typed when it could not be taken in.

Whoever posts an answer after the session ended signs in again and finds it typed; while a service is away, the page that
says so sends the same form again.
"""

import hashlib
import json
import re
from contextlib import suppress
from uuid import uuid4

from fastapi import Request, Response
from fastapi.datastructures import FormData
from starlette.exceptions import HTTPException

from contracts.identity import NotLastFour, last_four
from contracts.mobile import ascii_digits
from services.gateway.pages.answers import Answers, TooLong
from services.gateway.pages.apply.questions import QUESTIONS
from services.gateway.pages.cookies import answers_cookie
from services.gateway.pages.failing import PageRoute
from services.gateway.pages.view import LARGEST_FIELD, MOST_FIELDS, View, text_of

UNTIL_SIGNED_IN = "posted"
OF_THE_PERSON = ("whose", "opened")
"""What stays when the answers are sent, or others are taken over."""
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
                cookie.write(response, cookie.read(request) | {UNTIL_SIGNED_IN: posted})
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
    answers = answers_cookie(view.request).read(view.request)
    return answers | {"site": view.kiosk.site} if view.kiosk else answers


def typed_before(answers: Answers, path: str) -> FormData | None:
    """The form that was posted to this page when the session had ended."""
    posted = answers.get(UNTIL_SIGNED_IN)
    return FormData(posted["fields"]) if posted and posted["path"] == path else None


def owner(mobile: str) -> str:
    """By what answers are known to be somebody's: the mobile's last ten digits, however it was typed."""
    return re.sub(r"\D", "", ascii_digits(mobile))[-10:]


def keep(view: View, response: Response, answers: Answers) -> Response:
    """A response with which the browser keeps the answers, as those of whoever is signed in."""
    kept = {name: value for name, value in answers.items() if name != UNTIL_SIGNED_IN}
    answers_cookie(view.request).write(response, kept | {"whose": owner(view.principal.mobile or "")})
    return response


def of_the_person(answers: Answers) -> Answers:
    """What belongs to whoever has signed in, and not to one application."""
    return {name: answers[name] for name in OF_THE_PERSON if name in answers}


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
