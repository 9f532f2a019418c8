"""The scheduled jobs of accounts. The service subscribes to no event; they run in the events container."""

from services.accounts.handlers import gate_devices, housekeeping, idle_sessions
from services.accounts.metrics import GATE_DEVICES, site_label
from services.accounts.settings import AccountsSettings
from services.chassis.db import batches
from services.chassis.runtime.clock import now
from services.chassis.runtime.providers import DatabaseProvider, SettingsProvider, every


class Consumers:
    """Housekeeping, and the end of sessions that nobody uses."""

    name = "accounts-events"
    service = "accounts"
    db = DatabaseProvider()
    settings: AccountsSettings = SettingsProvider()

    @every(600)
    def purge(self) -> None:
        """Delete what nobody needs any more."""
        batches.run(self.db, lambda session: housekeeping.purge(session, now()))

    @every(60, eager=True)
    def count_gate_devices(self) -> None:
        """Show how many gate devices have not reported, or have not sent their scans, for too long."""
        with self.db.transaction() as session:
            counts = gate_devices.count_worries(
                session, now(), self.settings.gate_silent, self.settings.gate_unsent
            )
        GATE_DEVICES.clear()  # a site whose last device was revoked has none
        for (site, worry), count in counts.items():
            GATE_DEVICES.labels(site_label(site), worry).set(count)

    @every(60)
    def end_idle_sessions(self) -> None:
        """End sessions that nobody has used for as long as their role may be away."""
        batches.run(self.db, lambda session: idle_sessions.end_idle(session, now(), self.settings))
