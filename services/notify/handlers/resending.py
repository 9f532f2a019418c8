"""Sending a pass again, when its holder or reception asks."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.crockford import parse_reference
from contracts.errors import Conflict, Forbidden, NotFound
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.call import Call, Nothing
from contracts.rpc.notify import RESEND
from services.chassis.rpc.idempotency import once
from services.chassis.runtime.logs import correlation_id
from services.notify.domain import Personal, allow_resend, is_late, owns
from services.notify.models import Application, Message, Pass
from services.notify.sealing import seal, unseal


def resend(request: ReferenceOnly, call: Call, session: Session, at: datetime) -> Nothing:
    """Queues the newest valid pass of an application once more, as a message of its own.

    Raises:
        Conflict: ``no_pass``, ``pass_revoked``, ``pass_expired``, or ``no_mobile`` where there is nobody to send it to.
        Forbidden: the principal is staff other than reception.
        NotFound: no such application, or none of this principal's.
        TooManyAttempts: sent again three times within ten minutes.
    """
    if call.principal.kind == "staff" and call.principal.role != "reception":
        raise Forbidden("only reception sends passes again")
    application = _own_application(request, call, session)
    return once(
        session,
        call,
        RESEND.name,
        request,
        lambda: str(_send_again(session, application.id, at)),
        lambda _message_id: Nothing(),
    )


def _own_application(request: ReferenceOnly, call: Call, session: Session) -> Application:
    try:
        reference = parse_reference(request.reference)
    except ValueError:
        raise NotFound("there is no such application") from None
    application = session.scalars(
        select(Application).where(Application.reference == reference).with_for_update()
    ).first()
    if application is None or not owns(call.principal, _mobiles(session, application.id)):
        raise NotFound("there is no such application")
    return application


def _mobiles(session: Session, application_id: UUID) -> list[str | None]:
    """Of the applicant; a duty contact's, to whom an escalation went, is another's."""
    about = select(Message).where(
        Message.application_id == application_id, Message.purpose != "review_escalated"
    )
    return [unseal(row.id, row.personal).owner for row in session.scalars(about) if row.personal is not None]


def _send_again(session: Session, application_id: UUID, at: datetime) -> UUID:
    latest = _latest_pass_message(session, application_id)
    if is_late(latest.expires_at, at):
        raise Conflict("the pass is over", code="pass_expired")
    if latest.personal is None:
        raise Conflict("there is no number to send it to", code="no_mobile")
    earlier = select(Message.created_at).where(
        Message.application_id == application_id, Message.resend_of.is_not(None)
    )
    allow_resend(session.scalars(earlier).all(), at)
    copy = _copy(latest, unseal(latest.id, latest.personal), at)
    session.add(copy)
    return copy.id


def _latest_pass_message(session: Session, application_id: UUID) -> Message:
    passes = (
        select(Message, Pass.revoked_at)
        .join(Pass, Pass.number == Message.pass_number)
        .where(Message.application_id == application_id, Message.purpose == "pass_issued")
        .order_by(Message.created_at.desc())
    )
    found = session.execute(passes).all()
    if not found:
        raise Conflict("there is no pass yet", code="no_pass")
    for message, revoked_at in found:
        if revoked_at is None:
            return message
    raise Conflict("the pass was revoked", code="pass_revoked")


def _copy(message: Message, personal: Personal, at: datetime) -> Message:
    message_id = uuid4()
    return Message(
        id=message_id,
        event_id=uuid4(),
        purpose=message.purpose,
        lane=message.lane,
        channel=message.channel,
        language=message.language,
        application_id=message.application_id,
        pass_number=message.pass_number,
        resend_of=message.id,
        personal=seal(message_id, personal),
        state="queued",
        due_at=at,
        correlation_id=correlation_id(),
        created_at=at,
        expires_at=message.expires_at,
    )
