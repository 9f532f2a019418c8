"""The visit of one visitor to a kiosk: from the choice of a language to the page with the reference.

A visit begins on the kiosk's start page and nowhere else. Its mark is in the answers cookie, and every page
that can show something of a visitor needs it. So whoever comes after a visitor who finished or walked away is
led to the start page, which ends the session of that visitor.
"""

from uuid import uuid4

from fastapi import Request
from fastapi.datastructures import FormData

from services.gateway.access.admission import SAFE_METHODS
from services.gateway.edge.origin import is_typed_address
from services.gateway.pages.shared.answers import VISIT, Answers

OF_A_VISITOR = (
    *("apply", "applications", "my-data", "sign-in", "status"),
    *("kiosk/done", "kiosk/slip", "kiosk/pass"),
)
"""Beginnings of the addresses, after the language, of pages that can show something of a visitor."""
LAST_PAGES = ("apply/done", "kiosk/done", "kiosk/slip", "kiosk/pass")
"""What a visitor may still open after the application was sent."""
SENDING = "apply/check"
"""May be posted again after the application was sent: a second click finds the same application."""


def new_visit() -> Answers:
    """Return the answers of a visitor who has answered nothing yet."""
    return {VISIT: str(uuid4())}


def goes_on(request: Request, answers: Answers) -> bool:
    """Return whether the page may be shown in the visit that has begun at this kiosk, if any.

    A typed address is never taken for the visitor's own next step, because nobody has to type at a kiosk.
    """
    inner = request.url.path.partition("/")[2].partition("/")[2]
    if not inner.startswith(OF_A_VISITOR):
        return True
    if VISIT not in answers or is_typed_address(request):
        return False
    was_posted = request.method not in SAFE_METHODS
    return "sent" not in answers or inner in LAST_PAGES or (was_posted and inner == SENDING)


def is_of_another_visit(form: FormData, answers: Answers) -> bool:
    """Return whether a form was shown to an earlier visitor, and a browser now sends it once more."""
    return form.get("visit", answers.get(VISIT)) != answers.get(VISIT)
