"""Who wants no messages about an application, because it is not theirs.

Whoever knows the reference and the last four of the number may say so, without a proof. So it stops no
message on which somebody's way depends, the others go on by email where there is one, and the timeline says
it, which the applicant and the reception see.
"""

import hmac
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.crockford import parse_reference
from contracts.errors import NotFound
from contracts.events import NotificationFailed
from contracts.mobile import ascii_digits
from contracts.rpc.call import Call, Nothing
from contracts.rpc.notify import WRONG_NUMBER, WrongNumber
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once
from services.notify.domain.messages import ALWAYS_TOLD
from services.notify.handlers.messages import mobiles_of, recipient_digest
from services.notify.models import ApplicationRow, OptOutRow

IS_WRONG_NUMBER = f"""(
  messages.lane <> 'otp' and messages.purpose <> all(array[{", ".join(f"'{one}'" for one in ALWAYS_TOLD)}])
  and exists (
    select from opt_outs
    where opt_outs.recipient = messages.recipient and about = cast(messages.application_id as text)
  ))"""
"""SQL: whether a message is not to go to the number of its recipient."""
MOBILE_CHANNELS = f"select unnest(array['sms', 'whatsapp']) where {IS_WRONG_NUMBER}"
"""SQL: the channels that are not to be tried then."""


def stop_messages(request: WrongNumber, call: Call, session: Session, now: datetime) -> Nothing:
    """Send nothing more about an application to the number that ends in these digits, but `ALWAYS_TOLD`.

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
