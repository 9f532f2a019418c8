"""The jobs of accounts, a line each. The service subscribes to no event; they run in the events container."""

from services.accounts.handlers import deciders, gate_devices, housekeeping, idle_sessions, strangers
from services.chassis.db import batches
from services.chassis.db.destructive_jobs import by_clock_alone
from services.chassis.db.providers import DatabaseProvider, SettingsProvider, every


class Consumers:
    """Housekeeping, the end of sessions that nobody uses, and who can decide."""

    name = "accounts-events"
    service = "accounts"
    db = DatabaseProvider()
    settings = SettingsProvider()

    purge = every(600, housekeeping.purge, rows=batches.ROWS, destroys=by_clock_alone)
    count_gate_devices = every(60, gate_devices.show_worries, eager=True)
    show_unproved_codes = every(60, strangers.show_unproved, eager=True)
    tell_who_can_decide = every(deciders.LOOK_SECONDS, deciders.tell, eager=True)
    end_idle_sessions = every(60, idle_sessions.end_idle, rows=batches.ROWS)
