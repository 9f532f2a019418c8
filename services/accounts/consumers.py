"""The scheduled jobs of accounts. The service subscribes to no event; they run in the events container."""

from services.accounts.handlers import gate_devices, housekeeping, idle_sessions
from services.accounts.metrics import GATE_DEVICES, GATE_LIST_AGE, gate_label, site_label
from services.accounts.settings import AccountsSettings
from services.chassis.db import batches
from services.chassis.db.destructive_jobs import by_clock_alone
from services.chassis.db.providers import DatabaseProvider, SettingsProvider, every
from services.chassis.runtime.clock import now


class Consumers:
    """Housekeeping, and the end of sessions that nobody uses."""

    name = "accounts-events"
    service = "accounts"
    db = DatabaseProvider()
    settings: AccountsSettings = SettingsProvider()

    @every(600, destroys=by_clock_alone)
    def purge(self) -> None:
        """Delete what nobody needs any more."""
        batches.run(self.db, lambda session: housekeeping.purge(session, now()))

    @every(60, eager=True)
    def count_gate_devices(self) -> None:
        """Show which gate devices have not reported, or not sent their scans, and how old their lists are."""
        with self.db.transaction() as session:
            counts = gate_devices.count_worries(
                session, now(), self.settings.gate_silent, self.settings.gate_unsent
            )
            ages = gate_devices.list_ages(session, now())
        GATE_DEVICES.clear()  # a site whose last device was revoked has none
        for (site, worry), count in counts.items():
            GATE_DEVICES.labels(site_label(site), worry).set(count)
        GATE_LIST_AGE.clear()  # nor has a gate whose devices are switched off
        for (site, gate), age in ages.items():
            GATE_LIST_AGE.labels(site_label(site), gate_label(gate)).set(age)

    @every(60)
    def end_idle_sessions(self) -> None:
        """End sessions that nobody has used for as long as their role may be away."""
        batches.run(self.db, lambda session: idle_sessions.end_idle(session, now(), self.settings))
