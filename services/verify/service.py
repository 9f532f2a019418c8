"""The RPCs of verify, a line each: what the contract calls it, and the handler that answers.

A line that is called as the module of its handler stands behind the others of that module.
"""

from contracts.rpc import verify as contract
from services.chassis.audit import entries, heads
from services.chassis.db.providers import DatabaseProvider, SettingsProvider
from services.chassis.rpc.server import rpc, rpc_together
from services.verify.handlers import (
    help_calls,
    incidents,
    manifests,
    movements,
    offline_scans,
    own_data,
    presence,
    scan_history,
    scans,
    supervisor_rules,
    supervisors,
)


class Service:
    """Scans, who is inside, and how far a pass is used."""

    name = "verify"
    db = DatabaseProvider()
    settings = SettingsProvider()

    scan = rpc(contract.scans.SCAN, scans.scan)
    scan_together = rpc_together(contract.scans.SCAN, scans.scan_together)  # two or more in a message
    sync = rpc(contract.offline_scans.SYNC, offline_scans.sync)
    inside = rpc(contract.presence.INSIDE, presence.list_inside)
    manifest = rpc(contract.manifests.MANIFEST, manifests.make_manifest)
    find_by_plate = rpc(contract.manifests.FIND_BY_PLATE, manifests.find_by_plate)
    movements = rpc(contract.presence.MOVEMENTS, movements.list_movements)
    pass_use = rpc(contract.scans.PASS_USE, presence.get_pass_use)
    own_data = rpc(contract.OWN_DATA, own_data.list_kept)
    audit_entries = rpc(contract.AUDIT_ENTRIES, scan_history.list_entries)
    scan_history = rpc(contract.scans.SCAN_HISTORY, scan_history.list_scans)
    name_supervisor = rpc(contract.supervisors.NAME_SUPERVISOR, supervisors.name)
    end_supervisor = rpc(contract.supervisors.END_SUPERVISOR, supervisors.end)
    demand_supervisors = rpc(contract.supervisors.DEMAND_SUPERVISORS, supervisor_rules.demand)
    lift_supervisors = rpc(contract.supervisors.LIFT_SUPERVISORS, supervisor_rules.lift)
    own_pin = rpc(contract.supervisors.OWN_PIN, supervisors.own_pin)
    set_pin = rpc(contract.supervisors.SET_PIN, supervisors.set_pin)
    supervisors = rpc(contract.supervisors.SUPERVISORS, supervisors.list_all)
    call_help = rpc(contract.incidents.CALL_HELP, help_calls.call_help)
    answer_help = rpc(contract.incidents.ANSWER_HELP, help_calls.answer)
    help_calls = rpc(contract.incidents.HELP_CALLS, help_calls.list_calls)
    note_incident = rpc(contract.incidents.NOTE_INCIDENT, incidents.note_seen)
    incidents = rpc(contract.incidents.INCIDENTS, incidents.list_incidents)
    most_looks = rpc(contract.MOST_LOOKS, entries.most_looks)
    audit_heads = rpc(contract.AUDIT_HEADS, heads.list_heads)
