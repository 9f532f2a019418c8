"""The channel of local mode: it stores a message for the phone page instead of sending it.

Like a vendor that honours idempotency keys, it accepts each key once.
"""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.chassis.db.availability import is_away, is_busy
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.adapters.channels import Outgoing, Receipt, TemporaryChannelError
from services.notify.models import PhoneMessageRow


class LocalChannel:
    """Channel that writes to the local phone, each message in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def send(self, message: Outgoing) -> Receipt:
        """Store the message for the phone page."""
        row = insert(PhoneMessageRow).values(
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
                session.execute(row.on_conflict_do_nothing(index_elements=[PhoneMessageRow.message_id]))
        except (DBAPIError, PoolTimeout) as error:
            if not (is_away(error) or is_busy(error)):
                raise
            raise TemporaryChannelError("unreachable") from None
        return Receipt(f"local-{message.id}")
