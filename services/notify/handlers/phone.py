"""A phone for development: what the local channel has "sent" to a number."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.errors import NotFound
from contracts.mobile import parse_mobile
from contracts.rpc.notify import PhoneMessages, PhoneQuestion, SentMessage
from services.notify.models import PhoneMessage


def local_phone(request: PhoneQuestion, session: Session, *, local_mode: bool) -> PhoneMessages:
    """All messages to a number or an email address, oldest first.

    Raises:
        NotFound: this is no local installation.
    """
    if not local_mode:
        raise NotFound("there is no local phone here")
    found = session.scalars(
        select(PhoneMessage).where(PhoneMessage.recipient == _address(request.to)).order_by(PhoneMessage.id)
    )
    return PhoneMessages(items=tuple(_view(row) for row in found))


def _address(text: str) -> str:
    try:
        return parse_mobile(text)
    except ValueError:
        return text.strip()


def _view(row: PhoneMessage) -> SentMessage:
    return SentMessage(
        at=row.at,
        to=row.recipient,
        channel=row.channel,
        purpose=row.purpose,
        language=row.language,
        text=row.text,
        link=row.link,
    )
