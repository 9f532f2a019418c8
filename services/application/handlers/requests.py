"""Complaints, questions and other requests of people: sent, listed, read and answered.

Who has proved the mobile of a request reads it with its answer; families share a phone, and the form says so.
For somebody without a mobile an officer enters it, and prints its number and its answer.
The words of both are sealed under the keys of the personal blocks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import ColumnElement, delete, func, select, true
from sqlalchemy.orm import Session

from contracts.crockford import new_request_number, parse_request_number
from contracts.errors import Forbidden, NotFound, TooManyAttempts
from contracts.events import RequestAnswered
from contracts.model import Contact
from contracts.rpc.call import Call, Principal
from contracts.rpc.own_data import MOST_APPLICATIONS, Kept, kept
from contracts.rpc.requests import (
    AnswerRequest,
    CloseRequest,
    EnterRequest,
    RequestLine,
    RequestList,
    RequestNumber,
    RequestQuestion,
    RequestSent,
    RequestStatus,
    RequestStatusQuestion,
    RequestView,
    SendRequest,
)
from services.application.domain.requests import answer_by, require_open, words_of
from services.application.handlers.rows import ends_in
from services.application.metrics import REQUEST_LATE, REQUESTS_CLOSED
from services.application.models import ApplicationRow, RequestRow
from services.application.settings import ApplicationSettings
from services.chassis.audit.readers import mobile_of
from services.chassis.db import pages
from services.chassis.db.batches import delete_batch
from services.chassis.db.database import after_commit, personal_keys_of
from services.chassis.db.destructive_jobs import Portion
from services.chassis.db.locks import lock
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once

MOST_A_DAY = 5
"""So many requests of one mobile within a day."""
DAY = timedelta(days=1)
BATCH = 100
OFFICERS = ("grievance", "privacy")
"""Who answers requests; the data officer those about data alone."""
_FACTS = ("number", "kind", "sent_at", "answer_by", "answered_at", "closed_as")


@dataclass(frozen=True)
class Stored:
    """A request, or its answer, as it was stored, from which the answer to a repeated command is rebuilt."""

    number: str
    masked: bool


def send(
    request: SendRequest, call: Call, session: Session, now: datetime, settings: ApplicationSettings
) -> RequestSent:
    """Store a request of the mobile that is signed in.

    Raises:
        InvalidInput: of ``text``: ``empty``.
        Forbidden: the principal is no applicant, or is at a kiosk.
        TooManyAttempts: this mobile has sent `MOST_A_DAY` within a day.
    """
    mobile = _own_mobile(call.principal)

    def effect() -> Stored:
        words, masked = words_of(request.text, "text")
        if settings.rate_limits:
            _refuse_more(session, mobile, now)
        row = _new(request, session, now, settings, text=words)
        row.mobile = mobile
        return Stored(row.number, masked)

    return once(session, call, "application.send_request", request, effect, _sent, reference=Stored)


def enter(
    request: EnterRequest, call: Call, session: Session, now: datetime, settings: ApplicationSettings
) -> RequestSent:
    """Store a request of somebody without a mobile, who came to an officer or has written.

    It has the clock of all others. No message can be sent: the officer prints the number and the answer.

    Raises:
        InvalidInput: ``empty``, of ``text``, ``name`` or ``contact``.
        Forbidden: the principal is no officer who answers requests.
    """
    _require_officer(call.principal)

    def effect() -> Stored:
        given = {name: words_of(getattr(request, name), name) for name in ("text", "name", "contact")}
        sealed = {name: words for name, (words, _masked) in given.items()}
        row = _new(request, session, now, settings, **sealed)
        row.entered_by = call.principal.login_id
        return Stored(row.number, any(masked for _words, masked in given.values()))

    return once(session, call, "application.enter_request", request, effect, _sent, reference=Stored)


def _new(
    request: SendRequest, session: Session, now: datetime, settings: ApplicationSettings, **words: str
) -> RequestRow:
    row = RequestRow(
        id=uuid4(),
        number=new_request_number(),
        kind=request.kind,
        language=request.language,
        sent_at=now,
        answer_by=answer_by(now, settings.request_days),
    )
    row.sealed = personal_keys_of(session).seal(row.id, {**words})
    session.add(row)
    return row


def _refuse_more(session: Session, mobile: str, now: datetime) -> None:
    lock(session, f"requests of {mobile}")
    row = RequestRow
    last_day = (row.mobile == mobile) & (row.sent_at > now - DAY)
    newest = select(row.sent_at).where(last_day).order_by(row.sent_at.desc())
    nth = session.scalar(newest.offset(MOST_A_DAY - 1).limit(1))
    if nth is not None:
        raise TooManyAttempts.until(nth + DAY, now, "too many requests from this mobile")


def list_requests(request: RequestQuestion, call: Call, session: Session, now: datetime) -> RequestList:
    """Return own requests, newest first; to staff those of all that wait, the oldest first, or that do not.

    The ADO Branch sees which are late, and no words of any; the data officer those about data.

    Raises:
        Forbidden: the principal is no applicant, officer or ADO Branch, or is at a kiosk.
        InvalidInput: ``after`` is not one of our cursors.
    """
    row, query = RequestRow, select(RequestRow)
    is_staff = call.principal.role in ("grievance", "privacy", "ado")
    mine = row.kind == "own_data" if call.principal.role == "privacy" else row.kind.is_not(None)
    if is_staff:
        query = query.where(
            mine, row.answered_at.is_not(None) if request.answered else row.answered_at.is_(None)
        )
    else:
        query = query.where(row.mobile == _own_mobile(call.principal))
    oldest_first = is_staff and not request.answered
    page, following = pages.read(session, query, row.sent_at, row.id, request, oldest_first=oldest_first)
    late = select(func.count()).where(mine, row.answered_at.is_(None), row.answer_by <= now)
    items = tuple(_line(one, now) for (one,) in page)
    return RequestList(items=items, next=following, late=session.scalar(late) or 0 if is_staff else 0)


def view(request: RequestNumber, call: Call, session: Session, now: datetime) -> RequestView:
    """Return one request with its words and its answer.

    Raises:
        NotFound: there is none, or not for this principal.
        Forbidden: as `list_requests`.
    """
    row = find(session, request.request_number)
    if row is None or not (_is_for(row, call.principal) or _has_entered(row, call.principal)):
        raise NotFound("there is no such request")
    words = personal_keys_of(session).open(row.id, row.sealed)
    shown = {name: str(words.get(name, "")) for name in ("text", "answer", "name", "contact")}
    return RequestView(**_line(row, now).model_dump(), language=row.language, **shown)


def status(request: RequestStatusQuestion, session: Session) -> RequestStatus:
    """Return how far a request is, for anyone who knows its number and its mobile's last four digits.

    Raises:
        NotFound: one of the two is wrong, or it has no mobile. Neither the error nor the work reveals which.
    """
    row = find(session, request.request_number)
    is_right = ends_in(row.mobile if row is not None else None, request.mobile_last4)
    if row is None or not is_right:
        raise NotFound("there is no such request")
    ended = {"closed_at" if row.closed_as else "answered_at": row.answered_at}
    return RequestStatus(request_number=row.number, sent_at=row.sent_at, answer_by=row.answer_by, **ended)


def answer(request: AnswerRequest, call: Call, session: Session, now: datetime) -> RequestSent:
    """Store the answer to a request, which closes it; a sender who has a mobile is told that there is one.

    Raises:
        Forbidden: the principal is no officer who answers requests.
        NotFound: there is no such request, or not for this officer.
        InvalidInput: of ``answer``: ``empty``.
        Conflict: ``already_answered``.
    """

    def effect() -> Stored:
        row = _open(session, request.request_number, call.principal)
        words, masked = words_of(request.answer, "answer")
        ring = personal_keys_of(session)
        row.sealed = ring.seal(row.id, {**ring.open(row.id, row.sealed), "answer": words})
        row.answered_at, row.answered_by = now, call.principal.login_id
        if row.mobile is not None:
            told = RequestAnswered(
                request_id=row.id,
                request_number=row.number,
                language=row.language,
                personal=Contact(mobile=row.mobile),
            )
            outbox.add(session, told, at=now)
        return Stored(row.number, masked)

    return once(session, call, "application.answer_request", request, effect, _sent, reference=Stored)


def close(request: CloseRequest, call: Call, session: Session, now: datetime) -> RequestSent:
    """Close a request that gets no answer. Nobody is told; who follows the number sees that, and why.

    Raises:
        Forbidden, NotFound, Conflict: as `answer`.
    """

    def effect() -> Stored:
        row = _open(session, request.request_number, call.principal)
        row.answered_at, row.answered_by, row.closed_as = now, call.principal.login_id, request.closed_as
        after_commit(session, REQUESTS_CLOSED.labels(request.closed_as).inc)
        return Stored(row.number, masked=False)

    return once(session, call, "application.close_request", request, effect, _sent, reference=Stored)


def _open(session: Session, typed: str, principal: Principal) -> RequestRow:
    """Return a request that waits for an answer of this officer, locked.

    Raises:
        Forbidden, NotFound, Conflict: as `answer`.
    """
    _require_officer(principal)
    row = find(session, typed, locked=True)
    if row is None or not _is_for(row, principal):
        raise NotFound("there is no such request")
    require_open(row.answered_at)
    return row


def of_mobile(session: Session, mobile: str, settings: ApplicationSettings, *, whole: bool) -> Iterator[Kept]:
    """Yield what is kept of each request of a mobile, the newest first; with ``whole``, its words."""
    row = RequestRow
    newest = select(row, _holds()).where(row.mobile == mobile).order_by(row.sent_at.desc())
    for one, holds in session.execute(newest.limit(MOST_APPLICATIONS)):
        record = {name: getattr(one, name) for name in _FACTS}
        record |= personal_keys_of(session).open(one.id, one.sealed) if whole else {}
        ends = None if holds else one.answered_at
        yield kept(
            one.number,
            "request",
            [one.sent_at],
            until=ends and ends + timedelta(days=settings.people_kept_days),
            erasable=one.answered_at and one.answered_at + settings.kept_at_least,
            records=(record,) if whole else (),
        )


def erase_numbered(
    session: Session, numbers: Sequence[str], now: datetime, settings: ApplicationSettings, mobile: str | None
) -> list[str]:
    """Delete those of these requests that may go: answered for as long as the site has to keep them.

    Args:
        mobile: whose they are; None for those of anybody, after a restore.
    """
    row = RequestRow
    may_go = row.number.in_(numbers) & (row.answered_at <= now - settings.kept_at_least)
    if mobile is not None:
        may_go &= row.mobile == mobile
    return sorted(session.scalars(delete(row).where(may_go).returning(row.number)))


def measure(session: Session, now: datetime) -> None:
    """Measure by how much the oldest unanswered request is late."""
    oldest = session.scalar(select(func.min(RequestRow.answer_by)).where(RequestRow.answered_at.is_(None)))
    REQUEST_LATE.set(max((now - oldest).total_seconds(), 0.0) if oldest else 0.0)


def old(now: datetime, people_kept_days: int) -> Portion:
    """Return the requests that are kept no longer after their answer.

    One that nobody has answered stays, and so does a nomination while its mobile has an application: it is
    about the data that are kept.
    """
    row, kept = RequestRow, timedelta(days=people_kept_days)
    return Portion(row, true(), (row.answered_at < now - kept) & ~_holds())


def _holds() -> ColumnElement[bool]:
    row, application = RequestRow, ApplicationRow
    theirs = select(application.id).where(application.mobile == row.mobile)
    return (row.kind == "nomination") & theirs.exists()


def delete_old(session: Session, now: datetime, people_kept_days: int) -> int:
    """Delete requests that are kept no longer; return how many, at most BATCH."""
    return delete_batch(session, RequestRow, old(now, people_kept_days).taken, rows=BATCH)


def _own_mobile(principal: Principal) -> str:
    """Return the mobile whose requests a principal may send and see.

    Raises:
        Forbidden: it is no applicant, or stands at a kiosk, whose screen in a hall shows nobody's requests.
    """
    if principal.kiosk:
        raise Forbidden("a kiosk shows nobody's requests", code="at_a_kiosk")
    return mobile_of(principal)


def _require_officer(principal: Principal) -> None:
    if principal.role not in OFFICERS:
        raise Forbidden("an officer answers requests")


def _is_for(row: RequestRow, principal: Principal) -> bool:
    """Return whether a principal reads a request: its officer, or whoever has proved its mobile.

    Raises:
        Forbidden: as `list_requests`.
    """
    if principal.role in OFFICERS:
        return principal.role == "grievance" or row.kind == "own_data"
    return row.mobile == _own_mobile(principal)


def _has_entered(row: RequestRow, principal: Principal) -> bool:
    """Return whether a principal has entered a request, and so may print its number and its answer."""
    return row.entered_by is not None and row.entered_by == principal.login_id


def find(session: Session, typed: str, *, locked: bool = False) -> RequestRow | None:
    """Return the request of a number, as it was typed."""
    try:
        query = select(RequestRow).where(RequestRow.number == parse_request_number(typed))
    except ValueError:
        return None
    return session.scalars(query.with_for_update() if locked else query).one_or_none()


def _line(row: RequestRow, now: datetime) -> RequestLine:
    is_late = row.answered_at is None and row.answer_by <= now
    return RequestLine.from_attributes(row, request_number=row.number, is_late=is_late)


def _sent(stored: Stored) -> RequestSent:
    return RequestSent(request_number=stored.number, masked=stored.masked)
