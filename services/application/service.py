"""The RPCs of application, a line each: what the contract calls it, and the handler that answers."""

from contracts.rpc import application as contract
from contracts.rpc import breaches as contract_of_breaches
from contracts.rpc import companions as contract_of_companions
from contracts.rpc import consents as contract_of_consents
from contracts.rpc import corrections as contract_of_corrections
from contracts.rpc import notices as contract_of_notices
from contracts.rpc import photographs as contract_of_photographs
from contracts.rpc import privacy as contract_of_privacy
from contracts.rpc import requests as contract_of_requests
from services.application.handlers import (
    applications,
    breaches,
    companions,
    consents,
    corrections,
    mobiles,
    notices,
    own_data,
    photographs,
    privacy,
    queries,
    requests,
    unlocked_sessions,
    visits,
)
from services.chassis.audit import entries, heads
from services.chassis.db.providers import DatabaseProvider, SettingsProvider
from services.chassis.rpc.server import rpc


class Service:
    """RPC service ``application``; the gateway is its only caller."""

    name = "application"
    db = DatabaseProvider()
    settings = SettingsProvider()

    submit = rpc(contract.SUBMIT, applications.submit)
    check = rpc(contract.CHECK, applications.check)
    submit_at_counter = rpc(contract.SUBMIT_AT_COUNTER, applications.submit_at_counter)
    invite = rpc(contract.INVITE, applications.invite)
    list_applications = rpc(contract.LIST_APPLICATIONS, queries.list_applications)
    view = rpc(contract.VIEW_APPLICATION, queries.view)
    open = rpc(contract.OPEN_APPLICATION, unlocked_sessions.open_application)
    photograph = rpc(contract_of_photographs.PHOTOGRAPH, photographs.view)
    take_photograph = rpc(contract_of_photographs.TAKE_PHOTOGRAPH, photographs.take)
    amend = rpc(contract.AMEND, applications.amend)
    correct = rpc(contract_of_corrections.CORRECT, corrections.correct)
    cancel = rpc(contract.CANCEL, applications.cancel)
    visit_of_pass = rpc(contract.VISIT_OF_PASS, visits.view_by_pass)
    say_met = rpc(contract.SAY_MET, visits.say_met)
    say_met_here = rpc(contract.SAY_MET_HERE, visits.say_met_here)
    change_mobile = rpc(contract.CHANGE_MOBILE, mobiles.change_mobile)
    status = rpc(contract.STATUS, queries.status)
    number_to_prove = rpc(contract.NUMBER_TO_PROVE, queries.number_to_prove)
    lookup = rpc(contract.COUNTER_LOOKUP, queries.lookup)
    waiting_here = rpc(contract.WAITING_HERE, queries.waiting_here)
    durations = rpc(contract.DURATIONS, queries.durations)
    view_companion = rpc(contract_of_companions.COMPANION, companions.view)
    withdraw_consent = rpc(contract_of_consents.WITHDRAW, consents.withdraw)
    send_request = rpc(contract_of_requests.SEND_REQUEST, requests.send)
    enter_request = rpc(contract_of_requests.ENTER_REQUEST, requests.enter)
    list_requests = rpc(contract_of_requests.LIST_REQUESTS, requests.list_requests)
    view_request = rpc(contract_of_requests.VIEW_REQUEST, requests.view)
    request_status = rpc(contract_of_requests.REQUEST_STATUS, requests.status)
    answer_request = rpc(contract_of_requests.ANSWER_REQUEST, requests.answer)
    view_breach = rpc(contract_of_breaches.VIEW_BREACH, breaches.view)
    close_request = rpc(contract_of_requests.CLOSE_REQUEST, requests.close)
    record_notice = rpc(contract_of_notices.RECORD_NOTICE, notices.record)
    view_notice = rpc(contract_of_notices.VIEW_NOTICE, notices.view)
    record_copy = rpc(contract.RECORD_COPY, own_data.record_copy)
    erase_own_data = rpc(contract.ERASE_OWN_DATA, own_data.erase)
    own_data = rpc(contract.OWN_DATA, own_data.list_kept)
    find_person = rpc(contract_of_privacy.FIND_PERSON, privacy.find)
    copy_for_person = rpc(contract_of_privacy.COPY_FOR_PERSON, privacy.copy)
    correct_for_person = rpc(contract_of_privacy.CORRECT_FOR_PERSON, privacy.correct)
    erase_for_person = rpc(contract_of_privacy.ERASE_FOR_PERSON, privacy.erase)
    withdraw_for_person = rpc(contract_of_privacy.WITHDRAW_FOR_PERSON, privacy.withdraw)
    audit_entries = rpc(contract.AUDIT_ENTRIES, entries.list_entries)
    most_looks = rpc(contract.MOST_LOOKS, entries.most_looks)
    audit_heads = rpc(contract.AUDIT_HEADS, heads.list_heads)
