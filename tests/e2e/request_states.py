"""The states of the pages on which people complain and ask, and on which they are answered."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from contracts.errors import Conflict, InvalidInput
from contracts.rpc.requests import RequestLine, RequestList, RequestSent, RequestStatus, RequestView
from services.chassis.runtime.clock import now
from tests.e2e.page_samples import State

NUMBER = "REQ-7K3M-9QW4"
WORDS = "The counter sent me away, although I had a pass.\n\nWhom can I ask?"
ANSWER = "We are sorry: the counter was closed for an hour. It is open from 9 am to 5 pm."


def requests() -> Iterator[State]:
    """Yield the pages of a request from the form to its answer."""
    sent = now() - timedelta(days=100)
    facts = {"request_number": NUMBER, "kind": "complaint", "sent_at": sent}
    late = RequestLine(**facts, answer_by=sent + timedelta(days=90), is_late=True)
    waiting = RequestLine(request_number="REQ-0000-0000", kind="nomination", sent_at=now(), answer_by=now())
    answered = late.model_copy(update={"is_late": False, "answered_at": now()})
    closed = answered.model_copy(update={"closed_as": "spam"})
    some = {
        "application.list_requests": RequestList(items=(late, waiting, answered, closed), next="on", late=1)
    }
    none = {"application.list_requests": RequestList()}

    def viewed(line: RequestLine, **more: Any) -> dict[str, Any]:
        view = RequestView(**line.model_dump(), language="pa", text=WORDS, **more)
        return {"application.view_request": view}

    yield State("applicant", "/requests", answers=some)
    yield State("applicant", "/requests", answers=none)
    yield State("applicant", "/requests/new")
    yield State("applicant", "/requests/new", {"text": WORDS}, status=422)
    empty = {"application.send_request": InvalidInput.of("text", "empty")}
    yield State("applicant", "/requests/new", {"kind": "own_data", "text": ""}, empty, status=422)
    done = {"application.send_request": RequestSent(request_number=NUMBER, masked=True)}
    yield State("applicant", "/requests/new", {"kind": "question", "text": WORDS}, done | viewed(waiting))
    yield State("applicant", f"/requests/{NUMBER}", answers=viewed(late))
    yield State("applicant", f"/requests/{NUMBER}", answers=viewed(answered, answer=ANSWER))
    followed = RequestStatus(request_number=NUMBER, sent_at=sent, answer_by=now())
    ended = ("answered_at", "closed_at", None)
    for one in (followed.model_copy(update={name: now()} if name else {}) for name in ended):
        form = {"reference": NUMBER, "mobile_last4": "3210"}
        yield State(None, "/status", form, {"application.request_status": one})
    yield State("grievance", "/desk/requests", answers=some)
    yield State("grievance", "/desk/requests?which=answered", answers=none)
    for_them = {"kind": "own_data", "name": "Banta Singh", "contact": "House 12, Mohali", "language": "pa"}
    entered = {"application.enter_request": RequestSent(request_number=NUMBER, masked=True)}
    theirs = {"name": "Banta Singh", "contact": "House 12\nMohali"}
    yield State("privacy", "/desk/requests/new")
    yield State("privacy", "/desk/requests/new", for_them | {"kind": "", "text": "Why?"}, status=422)
    shown = viewed(waiting, **theirs)
    yield State("privacy", "/desk/requests/new", for_them | {"text": "Why?"}, entered | shown)
    told = {"application.answer_request": RequestSent(request_number=NUMBER)}
    answer_there = viewed(answered, answer=ANSWER, **theirs)
    yield State("grievance", f"/desk/requests/{NUMBER}", {"answer": ANSWER}, told | answer_there)
    yield State("ado", "/desk/requests", answers=some)
    yield State("ado", "/desk/logins", answers=some)
    yield State("grievance", f"/desk/requests/{NUMBER}", answers=viewed(late))
    page, second = (
        f"/desk/requests/{NUMBER}",
        {"application.answer_request": Conflict(code="already_answered")},
    )
    yield State("grievance", page, {"answer": ANSWER}, told | viewed(answered, answer=ANSWER))
    yield State("grievance", page, answers=viewed(closed))
    yield State("grievance", f"{page}/close", {"closed_as": ""}, viewed(late), status=422)
    yield State("applicant", f"/requests/{NUMBER}", answers=viewed(closed))
    yield State("grievance", page, {"answer": ANSWER}, second | viewed(answered, answer=ANSWER))
