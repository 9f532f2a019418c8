"""Who wants no messages: none that can be left out, or none about an application that is not theirs.

Whoever has proved a number stops all messages to it, on every channel, but those by which somebody gets in or
learns that they do not (`STOPPABLE`). Whoever knows a reference and the last four of its number may say,
without a proof, that the number is not theirs. So that stops no message on which somebody's way depends
(`ALWAYS_TOLD`; where a code has proved the number, `TOLD_IF_PROVED`), the others go on by email where there
is one, and the timeline says it, which the applicant and the reception see.
"""

import hmac
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.crockford import parse_reference
from contracts.errors import Forbidden, NotFound
from contracts.events import NotificationFailed
from contracts.mobile import ascii_digits
from contracts.rpc.call import Call, Nothing, Principal
from contracts.rpc.notify import CHOOSE_MESSAGES, WRONG_NUMBER, ChooseMessages, OwnMessages, WrongNumber
from services.chassis.audit.readers import mobile_of
from services.chassis.db.upserts import put
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once
from services.notify.domain.messages import ALWAYS_TOLD, STOPPABLE, TOLD_IF_PROVED
from services.notify.handlers.messages import mobiles_of, recipient_digest
from services.notify.models import ApplicationRow, OptOutRow

IS_WRONG_NUMBER = f"""(
  messages.lane <> 'otp' and messages.purpose <> all(array[{", ".join(f"'{one}'" for one in ALWAYS_TOLD)}])
  and exists (
    select from opt_outs
    where opt_outs.recipient = messages.recipient and about = cast(messages.application_id as text)
      and not (messages.purpose = any(array[{", ".join(f"'{one}'" for one in TOLD_IF_PROVED)}]) and exists (
        select from applications
        where id = messages.application_id and (mobile_proved or mobile_sealed is not null)
      ))
  ))"""  # noqa: S608  made of constants
"""SQL: whether a message is not to go to the number of its recipient."""
ALL = "all"
"""What somebody wants no messages about who wants none that can be left out."""
STOPS = f"""opt_outs.recipient = messages.recipient and not is_over and case
  when about = 'whatsapp' then messages.lane <> 'otp'
  else messages.purpose = any(array[{", ".join(f"'{one}'" for one in STOPPABLE)}])
end"""
"""SQL: whether an opt-out counts for a message. Meta proves who said it on WhatsApp. The sender of an SMS can
be forged, so a word by SMS stops what can be left out, and no more."""
IS_STOPPED = f"""exists (
    select from opt_outs where about in ('{ALL}', messages.channel) and {STOPS}
  )"""
"""SQL: whether its recipient wants no such message, on this channel or on none."""
MOBILE_CHANNELS = f"select unnest(array['sms', 'whatsapp']) where {IS_WRONG_NUMBER}"
"""SQL: the channels that are not to be tried then."""


def show_own(call: Call, session: Session) -> OwnMessages:
    """Return whether the caller wants no messages to their number that can be left out.

    Raises:
        Forbidden: as `_own_number`.
    """
    row = session.get(OptOutRow, (recipient_digest(session, _own_number(call.principal)), ALL))
    return OwnMessages(stopped=row is not None and not row.is_over)


def choose_own(request: ChooseMessages, call: Call, session: Session, now: datetime) -> OwnMessages:
    """Stop messages to the caller's number that can be left out, or send them again.

    Raises:
        Forbidden: as `_own_number`.
    """
    key = {"recipient": recipient_digest(session, _own_number(call.principal)), "about": ALL}

    def effect() -> str:
        put(session, OptOutRow, key, {"at": now, "is_over": not request.stop})
        return ""

    def answer(_none: str) -> OwnMessages:
        return OwnMessages(stopped=request.stop)

    return once(session, call, CHOOSE_MESSAGES.name, request, effect, answer, reference=str)


def _own_number(principal: Principal) -> str:
    """Return the number that the caller has proved.

    Raises:
        Forbidden: as `readers.mobile_of`; or they are at a kiosk, where whoever comes next could choose.
    """
    if principal.kiosk is not None:
        raise Forbidden("this is not for a kiosk")
    return mobile_of(principal)


def stop_messages(request: WrongNumber, call: Call, session: Session, now: datetime) -> Nothing:
    """Send less about an application to the number that ends in these digits (`IS_WRONG_NUMBER`).

    The applicant who proves the number and asks for the pass again gets messages again.

    Raises:
        NotFound: no such application, or none with such a number. The error does not reveal which.
    """
    try:
        reference = parse_reference(request.reference)
    except ValueError:
        raise NotFound("there is no such application") from None
    application = session.scalars(select(ApplicationRow).where(ApplicationRow.reference == reference)).first()
    given = ascii_digits(request.mobile_last4.strip()).encode()
    mobiles = mobiles_of(session, application.id) if application else []
    wrong = {one for one in mobiles if one and hmac.compare_digest(one[-4:].encode(), given)}
    if application is None or not wrong:
        raise NotFound("there is no such application")
    about = application.id

    def effect() -> UUID:
        is_new = False
        for mobile in wrong:
            row = insert(OptOutRow).values(
                recipient=recipient_digest(session, mobile), about=str(about), at=now
            )
            stored = session.scalars(row.on_conflict_do_nothing().returning(OptOutRow.about))
            is_new |= stored.first() is not None
        if is_new:  # who says it again and again fills no timeline
            said = NotificationFailed(
                message_id=uuid4(),
                application_id=about,
                purpose="wrong_number",
                channel="sms",
                reason="wrong_number",
            )
            outbox.add(session, said, at=now)
        return about

    return once(session, call, WRONG_NUMBER.name, request, effect, lambda _about: Nothing(), reference=UUID)


def allow_again(session: Session, application_id: UUID) -> None:
    """Send messages about an application again, since its applicant has proved the number."""
    session.execute(delete(OptOutRow).where(OptOutRow.about == str(application_id)))
