"""The channel of local mode: a message is "sent" by writing it where the phone page looks.

Like a vendor that keeps its promise, it takes each idempotency key once.
"""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.channels import Outgoing, Receipt, TemporaryChannelError
from services.notify.models import PhoneMessage


class LocalChannel:
    """Writes in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def send(self, message: Outgoing) -> Receipt:
        """Puts the message on the phone."""
        row = insert(PhoneMessage).values(
            message_id=message.id,
            at=now(),
            recipient=message.personal.to,
            channel=message.channel,
            purpose=message.purpose,
            language=message.language,
            text=message.text,
            link=message.personal.link,
        )
        try:
            with self._database.transaction() as session:
                session.execute(row.on_conflict_do_nothing(index_elements=[PhoneMessage.message_id]))
        except (OperationalError, InterfaceError, PoolTimeout):
            raise TemporaryChannelError("unreachable") from None
        return Receipt(f"local-{message.id}")
