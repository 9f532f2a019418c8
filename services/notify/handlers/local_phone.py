"""The local phone, for development: messages that the local channel stored for a number."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.errors import NotFound
from contracts.mobile import parse_mobile
from contracts.rpc.notify import PhoneMessages, PhoneQuestion, SentMessage
from services.notify.models import PhoneMessageRow


def list_messages(request: PhoneQuestion, session: Session, *, local_mode: bool) -> PhoneMessages:
    """Return all messages to a number or an email address, oldest first.

    Raises:
        NotFound: this is not a local installation.
    """
    if not local_mode:
        raise NotFound("there is no local phone here")
    try:
        address = parse_mobile(request.to)
    except ValueError:
        address = request.to.strip()
    rows = session.scalars(
        select(PhoneMessageRow).where(PhoneMessageRow.recipient == address).order_by(PhoneMessageRow.id)
    )
    return PhoneMessages(
        items=tuple(
            SentMessage(
                at=row.at,
                to=row.recipient,
                channel=row.channel,
                purpose=row.purpose,
                language=row.language,
                text=row.text,
                link=row.link,
            )
            for row in rows
        )
    )
