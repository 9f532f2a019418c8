"""The RPCs of approval, a line each: what the contract calls it, and the handler that answers.

A line that is called as the module of its handler stands behind the others of that module.
"""

from contracts.rpc import approval as contract
from services.approval.handlers import (
    audit,
    capacity,
    closures,
    decisions,
    delegations,
    directory,
    directory_imports,
    directory_lines,
    duty_contacts,
    numbers,
    queries,
    watchlist_entries,
    watchlist_matches,
)
from services.chassis.audit import entries, heads
from services.chassis.db.providers import DatabaseProvider, SettingsProvider
from services.chassis.rpc.server import rpc


class Service:
    """RPC service ``approval``; the gateway is its only caller."""

    name = "approval"
    db = DatabaseProvider()
    settings = SettingsProvider()

    sites = rpc(contract.SITES, directory.sites)
    departments = rpc(contract.DEPARTMENTS, directory.departments)
    officers = rpc(contract.OFFICERS, directory.officers)
    export_directory = rpc(contract.EXPORT_DIRECTORY, directory_imports.export)
    list_lines = rpc(contract.LIST_LINES, directory_lines.list_lines)
    view_line = rpc(contract.VIEW_LINE, directory_lines.view_line)
    line_history = rpc(contract.LINE_HISTORY, directory_lines.history)
    put_line = rpc(contract.PUT_LINE, directory_lines.put_line)
    remove_line = rpc(contract.REMOVE_LINE, directory_lines.remove_line)
    put_duty_contacts = rpc(contract.PUT_DUTY_CONTACTS, duty_contacts.put)
    duty_contacts = rpc(contract.DUTY_CONTACTS, duty_contacts.view)
    send_directory_file = rpc(contract.SEND_DIRECTORY_FILE, directory_imports.send)
    check_directory_file = rpc(contract.CHECK_DIRECTORY_FILE, directory_imports.check)
    apply_directory_file = rpc(contract.APPLY_DIRECTORY_FILE, directory_imports.apply)
    list_reviews = rpc(contract.LIST_REVIEWS, queries.list_reviews)
    search_reviews = rpc(contract.SEARCH_REVIEWS, queries.search_reviews)
    view_review = rpc(contract.VIEW_REVIEW, queries.view_review)
    whereabouts = rpc(contract.WHEREABOUTS, queries.whereabouts)
    set_capacity = rpc(contract.SET_CAPACITY, capacity.set_capacity)
    availability = rpc(contract.AVAILABILITY, capacity.availability)
    capacity = rpc(contract.CAPACITY, capacity.view_capacity)
    affected = rpc(contract.AFFECTED, closures.affected)
    close_day = rpc(contract.CLOSE_DAY, closures.close_day)
    list_closures = rpc(contract.LIST_CLOSURES, closures.list_closures)
    view_closure = rpc(contract.VIEW_CLOSURE, closures.view_closure)
    lift_closure = rpc(contract.LIFT_CLOSURE, closures.lift_closure)
    transparency = rpc(contract.TRANSPARENCY, numbers.transparency)
    numbers = rpc(contract.NUMBERS, numbers.desk_numbers)
    approve = rpc(contract.APPROVE, decisions.approve)
    reject = rpc(contract.REJECT, decisions.reject)
    return_to_applicant = rpc(contract.RETURN, decisions.return_to_applicant)
    forward = rpc(contract.FORWARD, decisions.forward)
    withdraw = rpc(contract.WITHDRAW, decisions.withdraw)
    decisions = rpc(contract.DECISIONS, audit.list_decisions)
    view_entry = rpc(contract.VIEW_ENTRY, watchlist_entries.view_entry)
    propose_entry = rpc(contract.PROPOSE_ENTRY, watchlist_entries.propose_entry)
    confirm_entry = rpc(contract.CONFIRM_ENTRY, watchlist_entries.confirm_entry)
    end_entry = rpc(contract.END_ENTRY, watchlist_entries.end_entry)
    matches = rpc(contract.MATCHES, watchlist_matches.list_matches)
    view_match = rpc(contract.VIEW_MATCH, watchlist_matches.view_match)
    settle_match = rpc(contract.SETTLE_MATCH, watchlist_matches.settle_match)
    watchlist = rpc(contract.WATCHLIST, watchlist_entries.list_entries)
    delegate = rpc(contract.DELEGATE, delegations.delegate)
    list_delegations = rpc(contract.LIST_DELEGATIONS, delegations.list_delegations)
    end_delegation = rpc(contract.END_DELEGATION, delegations.end_delegation)
    audit_entries = rpc(contract.AUDIT_ENTRIES, entries.list_entries)
    audit_heads = rpc(contract.AUDIT_HEADS, heads.list_heads)
