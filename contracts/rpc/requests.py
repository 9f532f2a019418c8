"""RPC of application: complaints, questions and other requests of people, and what is answered to them."""

from typing import Literal

from pydantic import Field

from contracts.model import Instant, Language, Strict, Wire
from contracts.rpc.call import Http, Method, Page

RequestKind = Literal["complaint", "question", "own_data", "nomination", "feedback"]
"""``own_data``: about one's own personal data. ``nomination``: who may exercise one's rights after death or
incapacity (section 14 of the DPDP Act)."""
ClosedAs = Literal["spam", "abuse", "duplicate"]
"""Why a request was closed without an answer: advertising or nonsense, insults alone, asked before."""
LONGEST = 3_000
"""Characters of a request, and of its answer."""


class SendRequest(Strict):
    """A request of the mobile that is signed in."""

    kind: RequestKind
    text: str = Field(max_length=LONGEST, repr=False)
    language: Language


class EnterRequest(SendRequest):
    """A request of somebody without a mobile, who came or has written, as an officer enters it."""

    name: str = Field(max_length=200, repr=False)
    contact: str = Field(max_length=500, repr=False)
    """How the answer reaches them, as they have written it: an address, or when they come again."""


class RequestSent(Wire):
    """A request was stored. ``masked`` says that an Aadhaar number in it was masked."""

    request_number: str
    masked: bool = False


class RequestNumber(Strict):
    """One request, by its number as it was typed."""

    request_number: str = Field(max_length=40)


class RequestStatusQuestion(RequestNumber):
    """Question how far a request is, by its number and the last four digits of its mobile."""

    mobile_last4: str = Field(max_length=8)


class RequestStatus(Wire):
    """What anyone with a number and the last four may see of a request: no word of it, and no kind."""

    request_number: str
    sent_at: Instant
    answer_by: Instant
    """Until then it has to be answered."""
    answered_at: Instant | None = None
    closed_at: Instant | None = Field(default=None, description="When it was closed without an answer.")


class RequestQuestion(Page):
    """A page of requests; ``answered`` is which of them staff want to see."""

    answered: bool = False


class RequestLine(Wire):
    """One line of a list of requests."""

    request_number: str
    kind: RequestKind
    sent_at: Instant
    answer_by: Instant
    """Until then it has to be answered."""
    answered_at: Instant | None = None
    is_late: bool = False
    """Whether it is unanswered although that has passed."""
    closed_as: ClosedAs | None = None
    """Why it was closed without an answer, at ``answered_at``."""


class RequestList(Wire):
    """Own requests, newest first; for staff those that wait, oldest first, or those with an answer."""

    items: tuple[RequestLine, ...] = ()
    next: str | None = None
    late: int = 0
    """How many of all unanswered ones are late; for staff."""


class RequestView(RequestLine):
    """One request with its words, for who sent it and for who answers it."""

    language: Language
    text: str = Field(repr=False)
    answer: str = Field(default="", repr=False)
    name: str = Field(default="", repr=False)
    contact: str = Field(default="", repr=False)
    """Of a request that an officer has entered: whose it is, and how the answer reaches them."""


class AnswerRequest(RequestNumber):
    """The one answer to a request, which closes it."""

    answer: str = Field(max_length=LONGEST, repr=False)


class CloseRequest(RequestNumber):
    """The end of a request that gets no answer."""

    closed_as: ClosedAs


SEND_REQUEST = Method(
    "application", "send_request", SendRequest, RequestSent, command=True, said="Sent a request"
)
ENTER_REQUEST = Method(
    "application", "enter_request", EnterRequest, RequestSent, command=True,
    said="Entered a request for somebody who came or has written",
)  # fmt: skip
LIST_REQUESTS = Method("application", "list_requests", RequestQuestion, RequestList)
VIEW_REQUEST = Method(
    "application", "view_request", RequestNumber, RequestView, names_people=True, said="Page of a request"
)
REQUEST_STATUS = Method(
    "application", "request_status", RequestStatusQuestion, RequestStatus,
    http=Http("anyone", "look_up_request", "POST /requests/status",
        "Return how far a complaint or another request is, without a word of it.", limit="status"),
)  # fmt: skip
ANSWER_REQUEST = Method(
    "application", "answer_request", AnswerRequest, RequestSent, command=True, said="Answered a request"
)
CLOSE_REQUEST = Method(
    "application", "close_request", CloseRequest, RequestSent, command=True,
    said="Closed a request without an answer",
)  # fmt: skip
