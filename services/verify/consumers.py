"""The events of verify and its jobs, a line each, with their handlers."""

from contracts import events
from services.chassis.db.destructive_jobs import by_clock_alone
from services.chassis.db.providers import DatabaseProvider, SettingsProvider, every
from services.chassis.messaging.entrypoint import consumes
from services.verify.handlers import (
    event_handlers,
    help_calls,
    not_issued,
    old_rows,
    presence,
    supervisor_rules,
    supervisors,
)


class Consumers:
    """Events that build the gate's own copy of passes and gates, and the scheduled jobs."""

    name = "verify-events"
    service = "verify"
    db = DatabaseProvider()
    settings = SettingsProvider()

    on_directory_changed = consumes(events.DirectoryChanged, event_handlers.handle_directory_changed)
    on_pass_issued = consumes(events.PassIssued, event_handlers.handle_pass_issued)
    on_pass_revoked = consumes(events.PassRevoked, event_handlers.handle_pass_revoked)
    on_status_list_signed = consumes(events.StatusListSigned, event_handlers.handle_status_list_signed)
    on_gate_advised = consumes(events.GateAdvised, event_handlers.handle_gate_advised)
    on_pass_delivery_changed = consumes(
        events.PassDeliveryChanged, event_handlers.handle_pass_delivery_changed
    )
    on_login_disabled = consumes(events.LoginDisabled, supervisors.handle_login_disabled)
    on_personal_data_erased = consumes(events.PersonalDataErased, event_handlers.handle_personal_data_erased)

    # of parties that are presumed gone, which each evening may be all that are inside
    close_overdue_visits = every(60, presence.close_overdue, rows=presence.BATCH, destroys=by_clock_alone)
    give_up_calls_for_help = every(60, help_calls.give_up, rows=help_calls.BATCH, destroys=by_clock_alone)
    count_passes_that_nobody_issued = every(60, not_issued.show, eager=True)
    find_sites_without_a_supervisor = every(60, supervisor_rules.show_unguarded_sites, eager=True)
    delete_old = every(300, old_rows.delete_old, destroys=by_clock_alone)
    delete_old_records = every(300, old_rows.delete_old_records, destroys=old_rows.old_records)
