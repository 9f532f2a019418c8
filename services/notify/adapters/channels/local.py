"""The channel of local mode: the phone page shows a message instead of a vendor's sending it.

Like a vendor that honours idempotency keys, the page shows each key once.
"""

from services.chassis.runtime.clock import now
from services.notify.adapters.channels import Outgoing, Receipt


class LocalChannel:
    """Channel to the local phone, whose messages are stored by the transaction that records their outcome."""

    name = "local"
    gives_receipts = False

    def send(self, message: Outgoing) -> Receipt:
        """Return the row for the phone page."""
        row = {
            "message_id": message.id,
            "at": now(),
            "recipient": message.personal.to,
            "channel": message.channel,
            "purpose": message.purpose,
            "language": message.language,
            "text": message.text,
            "link": message.personal.link,
        }
        return Receipt(f"local-{message.id}", row)
