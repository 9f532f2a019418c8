"""The RPCs of approval, a line each: what the contract calls it, and the handler that answers.

A line that is called as the module of its handler stands behind the others of that module.
"""

from contracts.rpc import approval as contract
from services.approval.handlers import (
    audit,
    capacity,
    closures,
    corrections,
    decisions,
    delegations,
    directory,
    directory_imports,
    directory_lines,
    duty_contacts,
    held_decisions,
    numbers,
    own_data,
    place_offers,
    queries,
    site_texts,
    standing,
    visit_links,
    visits,
    waiting_list,
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

    sites = rpc(contract.directory.SITES, directory.sites)
    departments = rpc(contract.directory.DEPARTMENTS, directory.departments)
    officers = rpc(contract.directory.OFFICERS, directory.officers)
    export_directory = rpc(contract.directory.EXPORT_DIRECTORY, directory_imports.export)
    list_lines = rpc(contract.directory.LIST_LINES, directory_lines.list_lines)
    view_line = rpc(contract.directory.VIEW_LINE, directory_lines.view_line)
    line_history = rpc(contract.directory.LINE_HISTORY, directory_lines.history)
    put_line = rpc(contract.directory.PUT_LINE, directory_lines.put_line)
    remove_line = rpc(contract.directory.REMOVE_LINE, directory_lines.remove_line)
    put_duty_contacts = rpc(contract.directory.PUT_DUTY_CONTACTS, duty_contacts.put)
    duty_contacts = rpc(contract.directory.DUTY_CONTACTS, duty_contacts.view)
    emblem = rpc(contract.site_texts.EMBLEM, site_texts.view_emblem)
    put_emblem = rpc(contract.site_texts.PUT_EMBLEM, site_texts.put_emblem)
    put_site_text = rpc(contract.site_texts.PUT_SITE_TEXT, site_texts.put)
    site_texts = rpc(contract.site_texts.SITE_TEXTS, site_texts.view)
    send_directory_file = rpc(contract.directory.SEND_DIRECTORY_FILE, directory_imports.send)
    check_directory_file = rpc(contract.directory.CHECK_DIRECTORY_FILE, directory_imports.check)
    apply_directory_file = rpc(contract.directory.APPLY_DIRECTORY_FILE, directory_imports.apply)
    list_reviews = rpc(contract.reviews.LIST_REVIEWS, queries.list_reviews)
    search_reviews = rpc(contract.reviews.SEARCH_REVIEWS, queries.search_reviews)
    view_review = rpc(contract.reviews.VIEW_REVIEW, queries.view_review)
    whereabouts = rpc(contract.reviews.WHEREABOUTS, queries.whereabouts)
    set_capacity = rpc(contract.capacity.SET_CAPACITY, capacity.set_capacity)
    availability = rpc(contract.capacity.AVAILABILITY, capacity.availability)
    capacity = rpc(contract.capacity.CAPACITY, capacity.view_capacity)
    affected = rpc(contract.closures.AFFECTED, closures.affected)
    close_day = rpc(contract.closures.CLOSE_DAY, closures.close_day)
    list_closures = rpc(contract.closures.LIST_CLOSURES, closures.list_closures)
    view_closure = rpc(contract.closures.VIEW_CLOSURE, closures.view_closure)
    lift_closure = rpc(contract.closures.LIFT_CLOSURE, closures.lift_closure)
    list_visits = rpc(contract.visits.LIST_VISITS, visits.list_visits)
    answer_visit = rpc(contract.visits.ANSWER_VISIT, visits.answer)
    end_visit = rpc(contract.visits.END_VISIT, visits.end)
    visit_by_link = rpc(contract.visits.VISIT_BY_LINK, visit_links.view)
    answer_by_link = rpc(contract.visits.ANSWER_BY_LINK, visit_links.answer)
    list_called = rpc(contract.visits.LIST_CALLED, visits.list_called)
    view_wait = rpc(contract.places.VIEW_WAIT, waiting_list.view)
    answer_offer = rpc(contract.places.ANSWER_OFFER, place_offers.answer)
    transparency = rpc(contract.numbers.TRANSPARENCY, numbers.transparency)
    numbers = rpc(contract.numbers.NUMBERS, numbers.desk_numbers)
    approve = rpc(contract.decisions.APPROVE, decisions.approve)
    reject = rpc(contract.decisions.REJECT, decisions.reject)
    return_to_applicant = rpc(contract.decisions.RETURN, decisions.return_to_applicant)
    forward = rpc(contract.decisions.FORWARD, decisions.forward)
    withdraw = rpc(contract.decisions.WITHDRAW, decisions.withdraw)
    undo = rpc(contract.decisions.UNDO, held_decisions.undo)
    settle_correction = rpc(contract.decisions.SETTLE_CORRECTION, corrections.settle)
    decisions = rpc(contract.decisions.DECISIONS, audit.list_decisions)
    view_entry = rpc(contract.watchlist.VIEW_ENTRY, watchlist_entries.view_entry)
    propose_entry = rpc(contract.watchlist.PROPOSE_ENTRY, watchlist_entries.propose_entry)
    confirm_entry = rpc(contract.watchlist.CONFIRM_ENTRY, watchlist_entries.confirm_entry)
    end_entry = rpc(contract.watchlist.END_ENTRY, watchlist_entries.end_entry)
    matches = rpc(contract.watchlist.MATCHES, watchlist_matches.list_matches)
    view_match = rpc(contract.watchlist.VIEW_MATCH, watchlist_matches.view_match)
    settle_match = rpc(contract.watchlist.SETTLE_MATCH, watchlist_matches.settle_match)
    watchlist = rpc(contract.watchlist.WATCHLIST, watchlist_entries.list_entries)
    delegate = rpc(contract.decisions.DELEGATE, delegations.delegate)
    list_standing = rpc(contract.standing.LIST_STANDING, standing.list_standing)
    settle_standing = rpc(contract.standing.SETTLE_STANDING, standing.settle)
    list_delegations = rpc(contract.decisions.LIST_DELEGATIONS, delegations.list_delegations)
    end_delegation = rpc(contract.decisions.END_DELEGATION, delegations.end_delegation)
    own_data = rpc(contract.OWN_DATA, own_data.list_kept)
    audit_entries = rpc(contract.AUDIT_ENTRIES, entries.list_entries)
    most_looks = rpc(contract.MOST_LOOKS, entries.most_looks)
    audit_heads = rpc(contract.AUDIT_HEADS, heads.list_heads)
