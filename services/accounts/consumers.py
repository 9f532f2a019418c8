"""accounts hears no event; what it does by the clock runs beside the RPCs, in the events container."""

from services.accounts import handlers
from services.chassis.runtime.clock import now
from services.chassis.runtime.providers import OwnDatabase, every


class Consumers:
    """Housekeeping."""

    name = "accounts-events"
    service = "accounts"
    db = OwnDatabase()

    @every(interval=600)
    def purge(self) -> None:
        """Deletes what nobody needs any more."""
        with self.db.transaction() as session:
            handlers.purge(session, now())
