"""The scheduled job of accounts. The service subscribes to no event; the job runs in the events container."""

from services.accounts.handlers import housekeeping
from services.chassis.db import batches
from services.chassis.runtime.clock import now
from services.chassis.runtime.providers import DatabaseProvider, every


class Consumers:
    """Housekeeping."""

    name = "accounts-events"
    service = "accounts"
    db = DatabaseProvider()

    @every(600)
    def purge(self) -> None:
        """Delete what nobody needs any more."""
        batches.run(self.db, lambda session: housekeeping.purge(session, now()))
