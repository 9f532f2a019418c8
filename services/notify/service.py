"""The RPCs of notify, a line each: what the contract calls it, and the handler that answers."""

from contracts.rpc import notify as contract
from services.chassis.audit import entries, heads
from services.chassis.db.providers import DatabaseProvider, SettingsProvider
from services.chassis.rpc.server import rpc, rpc_together
from services.notify.handlers import (
    local_phone,
    opt_outs,
    own_data,
    previews,
    prints,
    resends,
    traces,
    undelivered,
    webhooks,
)


class Service:
    """Resends, prints, webhooks of vendors, and the local phone."""

    name = "notify"
    db = DatabaseProvider()
    settings = SettingsProvider()

    resend = rpc(contract.RESEND, resends.resend)
    own_messages = rpc(contract.OWN_MESSAGES, opt_outs.show_own)
    choose_messages = rpc(contract.CHOOSE_MESSAGES, opt_outs.choose_own)
    wrong_number = rpc(contract.WRONG_NUMBER, opt_outs.stop_messages)
    record_print = rpc(contract.RECORD_PRINT, prints.record_print)
    undelivered_here = rpc(contract.UNDELIVERED_HERE, undelivered.list_here)
    trace_messages = rpc(contract.TRACE_MESSAGES, traces.trace_messages)
    receive_webhook = rpc(contract.RECEIVE_WEBHOOK, webhooks.receive)
    receive_webhooks = rpc_together(contract.RECEIVE_WEBHOOK, webhooks.receive_together)
    webhook_challenge = rpc(contract.WEBHOOK_CHALLENGE, webhooks.answer_challenge)
    preview_closure = rpc(contract.PREVIEW_CLOSURE, previews.preview_closure)
    preview_withdrawal = rpc(contract.PREVIEW_WITHDRAWAL, previews.preview_withdrawal)
    preview_rejection = rpc(contract.PREVIEW_REJECTION, previews.preview_rejection)
    local_phone = rpc(contract.LOCAL_PHONE, local_phone.list_messages)
    own_data = rpc(contract.OWN_DATA, own_data.list_kept)
    audit_entries = rpc(contract.AUDIT_ENTRIES, entries.list_entries)
    most_looks = rpc(contract.MOST_LOOKS, entries.most_looks)
    audit_heads = rpc(contract.AUDIT_HEADS, heads.list_heads)
