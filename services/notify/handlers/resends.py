"""Resends of a pass at the request of its holder or of reception."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.crockford import parse_reference
from contracts.envelope import PersonalKeyRing
from contracts.errors import Conflict, Forbidden, NotFound
from contracts.mobile import channel_to
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.call import Call, Nothing, Principal
from contracts.rpc.notify import RESEND
from services.chassis.db.database import personal_keys_of
from services.chassis.rpc.idempotency import once
from services.chassis.runtime.logs import correlation_id, traceparent
from services.notify.adapters.sealing import seal, unseal
from services.notify.domain.messages import Personal
from services.notify.domain.outcomes import is_late
from services.notify.domain.resends import check_limit
from services.notify.handlers.messages import mobiles_of, recipient_digest, wake_sender
from services.notify.handlers.opt_outs import allow_again
from services.notify.handlers.prints import require_site
from services.notify.models import ApplicationRow, MessageRow, PassRow


def resend(request: ReferenceOnly, call: Call, session: Session, now: datetime) -> Nothing:
    """Queue the newest valid pass of an application once more, as a new message.

    Raises:
        Conflict: ``no_pass``, ``pass_revoked``, ``pass_expired``, or ``no_mobile`` where there is no
            recipient.
        Forbidden: the principal is staff other than reception; or ``wrong_site``, of another site.
        NotFound: no such application, or not one of this principal's.
        TooManyAttempts: it was sent again three times within ten minutes.
    """
    if call.principal.kind == "staff" and call.principal.role != "reception":
        raise Forbidden("only reception sends passes again")
    application = _own_application(request, call, session)
    return once(
        session,
        call,
        RESEND.name,
        request,
        lambda: _send_again(session, application.id, now, call.principal),
        lambda _message_id: Nothing(),
        reference=UUID,
    )


def _own_application(request: ReferenceOnly, call: Call, session: Session) -> ApplicationRow:
    try:
        reference = parse_reference(request.reference)
    except ValueError:
        raise NotFound("there is no such application") from None
    application = session.scalars(
        select(ApplicationRow).where(ApplicationRow.reference == reference).with_for_update()
    ).first()
    if application is None or not may_resend(call.principal, mobiles_of(session, application.id)):
        raise NotFound("there is no such application")
    return application


def may_resend(principal: Principal, mobiles: Sequence[str | None]) -> bool:
    """Return whether the principal may send a pass again: reception, or the applicant of a message."""
    if principal.kind == "staff":
        return principal.role == "reception"
    return principal.kind == "applicant" and principal.mobile is not None and principal.mobile in mobiles


def _send_again(session: Session, application_id: UUID, now: datetime, principal: Principal) -> UUID:
    latest = latest_pass_message(session, application_id)
    known = session.get(PassRow, latest.pass_number)
    require_site(principal, known.site if known is not None else None)
    if is_late(latest.expires_at, now):
        raise Conflict("the pass is over", code="pass_expired")
    if latest.personal is None:
        raise Conflict("there is no number to send it to", code="no_mobile")
    earlier = select(MessageRow.created_at).where(
        MessageRow.application_id == application_id, MessageRow.resend_of.is_not(None), MessageRow.step == 0
    )
    check_limit(session.scalars(earlier).all(), now)
    keys = personal_keys_of(session)
    personal = unseal(latest.id, latest.personal, keys)
    if not personal.to and personal.owner is None:
        raise Conflict("there is no number to send it to", code="no_mobile")
    if principal.kind == "applicant":
        allow_again(session, application_id)
    copy = (
        copy_of(latest, personal, keys, now)
        if personal.to
        else copy_to(session, latest, personal, str(personal.owner), keys, now)
    )
    session.add(copy)
    wake_sender(session, copy.lane, copy.channel)
    return copy.id


def latest_pass_message(session: Session, application_id: UUID) -> MessageRow:
    """Return the newest message with a pass of an application that holds, at the number of today.

    Raises:
        Conflict: ``no_pass`` or ``pass_revoked``.
    """
    passes = (
        select(MessageRow, PassRow.revoked_at)
        .join(PassRow, PassRow.number == MessageRow.pass_number)
        .where(MessageRow.application_id == application_id, MessageRow.purpose == "pass_issued")
        .where(MessageRow.step == 0)
        .order_by(MessageRow.is_replaced, MessageRow.created_at.desc())
    )
    found = session.execute(passes).all()
    if not found:
        raise Conflict("there is no pass yet", code="no_pass")
    for message, revoked_at in found:
        if revoked_at is None:
            return message
    raise Conflict("the pass was revoked", code="pass_revoked")


def copy_to(
    session: Session,
    message: MessageRow,
    personal: Personal,
    mobile: str,
    keys: PersonalKeyRing,
    now: datetime,
) -> MessageRow:
    """Return a message to be sent once more, to this number of its recipient; an email stays an email."""
    channel = channel_to(mobile, message.channel)
    to = personal.to if channel == "email" else mobile
    copy = copy_of(message, Personal(to, mobile, personal.parameters, personal.link), keys, now)
    copy.channel, copy.recipient = channel, recipient_digest(session, mobile)
    return copy


def copy_of(message: MessageRow, personal: Personal, keys: PersonalKeyRing, now: datetime) -> MessageRow:
    """Return a message to be sent once more, as a new one."""
    message_id = uuid4()
    return MessageRow(
        id=message_id,
        event_id=uuid4(),
        purpose=message.purpose,
        lane=message.lane,
        channel=message.channel,
        language=message.language,
        application_id=message.application_id,
        pass_number=message.pass_number,
        resend_of=message.id,
        recipient=message.recipient,
        personal=seal(message_id, personal, keys),
        email_sealed=seal(message_id, unseal(message.id, message.email_sealed, keys), keys)
        if message.email_sealed
        else None,
        state="queued",
        due_at=func.now(),
        correlation_id=correlation_id(),
        traceparent=traceparent(),
        created_at=now,
        expires_at=message.expires_at,
    )
