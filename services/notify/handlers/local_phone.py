"""The local phone, for development: messages that the local channel stored for a number."""

import base64
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.errors import NotFound
from contracts.mobile import parse_mobile
from contracts.rpc.notify import PhoneMessages, PhoneQuestion, SentMessage
from services.chassis.db.database import personal_keys_of
from services.notify.adapters import pass_card
from services.notify.adapters.sealing import unseal
from services.notify.models import MessageRow, PhoneMessageRow


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
    ).all()
    pictures = _pictures(session, rows) if request.with_pictures else {}
    return PhoneMessages(
        items=tuple(
            SentMessage.from_attributes(row, to=row.recipient, picture=pictures.get(row.message_id))
            for row in rows
        )
    )


def _pictures(session: Session, rows: Sequence[PhoneMessageRow]) -> dict[UUID, str]:
    """Return the picture of each message that a vendor would have sent with one, base64.

    There is none where letters cannot be shaped: on a developer's machine that is no reason to fail.
    """
    with_picture = {row.message_id for row in rows if row.channel in {"whatsapp", "email"}}
    try:
        pass_card.require_shaping()
    except pass_card.NoShaping:
        return {}
    found = {}
    keys = personal_keys_of(session)
    for message in session.scalars(select(MessageRow).where(MessageRow.id.in_(with_picture))):
        if message.personal is not None:
            personal = unseal(message.id, message.personal, keys)
            picture = None if personal.is_withheld_from(message.channel) else pass_card.draw(personal)
            if picture is not None:
                found[message.id] = base64.b64encode(picture).decode()
    return found
