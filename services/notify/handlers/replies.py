"""Plain replies to messages that ask something: 1 or 2, bound to the question that they answer.

WhatsApp tells which message somebody answered, if they chose it. Of any other reply only the number is known
from which it came: it answers the one question to that number that is open. Where there are two, nothing is
guessed. The text of a reply is not kept.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import exists, select, text
from sqlalchemy.orm import Session

from contracts.events import QuestionAnswered
from contracts.mobile import ascii_digits
from services.chassis.db.database import after_commit
from services.chassis.messaging import outbox
from services.notify.adapters.channels import InboundText
from services.notify.domain.messages import provider_id_digest
from services.notify.handlers.messages import recipient_digest
from services.notify.handlers.receipts import REPEATED_FOR, is_choice
from services.notify.metrics import REPLIES
from services.notify.models import ApplicationRow, MessageRow

_ASKS = text("messages.purpose in ('visit_question', 'place_offered')")
"""As the index of questions has it."""
_WITHOUT_NO = ("place_offered",)
"""Questions to which only 1 is an answer."""
_AROUND = " \t\r\n.।"
"""What may stand around a digit."""
MOST = 10
"""So many replies to a question count, as on the page of a pass."""
SKEW = timedelta(minutes=1)
"""So much a vendor's clock may be behind ours."""


def take(session: Session, channel: str, texts: Iterable[InboundText], now: datetime) -> None:
    """Publish what people answer to our questions; all other texts are left alone."""
    for one in texts:
        digit = ascii_digits(one.text.strip(_AROUND))
        if digit in ("1", "2"):
            result = _take(session, channel, one, digit, now)
        elif not is_choice(one) and _is_waited_for(session, channel, one, now):
            result = "not_an_answer"
        else:
            continue
        after_commit(session, REPLIES.labels(channel, result).inc)


def _is_waited_for(session: Session, channel: str, one: InboundText, now: datetime) -> bool:
    """Return whether a text comes from somebody who has not answered a question yet that is open."""
    asked = _questions(session, channel, one, now)
    return any(row.expires_at and now < row.expires_at and not row.replies for row in asked)


def _take(session: Session, channel: str, one: InboundText, digit: str, now: datetime) -> str:
    """Bind a reply to its question, store it there and publish it; return what became of it."""
    asked = _questions(session, channel, one, now)
    reply = provider_id_digest(one.id)
    if any(said["id"] == reply for row in asked for said in row.replies or ()):
        return "said_before"
    in_time = [row for row in asked if row.expires_at and now < row.expires_at]
    waiting = [row for row in in_time if not row.replies] or in_time
    if not waiting:
        return "late" if asked else "no_question"
    if len({(row.purpose, row.application_id) for row in waiting}) > 1:
        return "several"
    row = max(waiting, key=lambda row: row.queued_at)
    if digit == "2" and row.purpose in _WITHOUT_NO:
        return "not_an_answer"
    said = row.replies or []
    is_taken = bool(said) and row.purpose in _WITHOUT_NO
    if is_taken or len(said) >= MOST:
        return "said_before" if is_taken else "too_many"
    row.replies = [*said, {"id": reply, "answer": digit}]
    application = session.get_one(ApplicationRow, row.application_id)
    assert row.expires_at is not None
    event = QuestionAnswered(
        application_id=application.id,
        reference=application.reference,
        purpose=row.purpose,
        yes=digit == "1",
        until=row.expires_at,
    )
    outbox.add(session, event, at=now)
    return "answered"


def _questions(session: Session, channel: str, one: InboundText, now: datetime) -> list[MessageRow]:
    """Return and lock the questions that a reply may answer, also those whose time is over.

    A number that its applicant has given up answers none, and no reply answers what was asked after it. What
    a vendor may have been given counts as asked before it is recorded so: a reply may be faster.
    """
    row = MessageRow
    written = min(one.at, now) + SKEW
    meant = (row.channel == channel) & row.is_replaced.is_(False) & (row.queued_at <= written)
    unrecorded = row.lease.is_not(None) | (row.possible_duplicates > 0)
    unrecorded &= row.state.in_(("queued", "failed", "expired"))
    if one.answers is not None:
        sent = provider_id_digest(one.answers)
        is_known = session.scalar(select(exists().where(row.provider_id == sent)))
        may_be = row.provider_id.is_(None) & unrecorded
        meant &= row.provider_id == sent if is_known or one.sender is None else may_be
    else:
        came = row.state.in_(("accepted", "delivered", "read")) | (row.reason == "unconfirmed")
        meant &= came | unrecorded
    if one.sender is not None:
        meant &= row.recipient == recipient_digest(session, one.sender)
    elif one.answers is None:
        return []
    found = select(row).where(_ASKS, meant, row.expires_at > now - REPEATED_FOR)
    return list(session.scalars(found.order_by(row.id).with_for_update()))
