"""The RPCs of issuance, a line each: what the contract calls it, and the handler that answers."""

from contracts.rpc import issuance as contract
from services.chassis.audit import entries, heads
from services.chassis.db.providers import DatabaseProvider, SettingsProvider
from services.chassis.rpc.server import rpc
from services.issuance.handlers import own_data, passes, reminders, status_list, views


class Service:
    """Passes for the people they belong to, and what machines need to check a pass."""

    name = "issuance"
    db = DatabaseProvider()
    settings = SettingsProvider()

    view = rpc(contract.PASS, views.view)
    view_by_link = rpc(contract.PASS_BY_LINK, views.view_by_link)
    whole_link = rpc(contract.WHOLE_LINK, views.whole_link)
    qr = rpc(contract.QR, views.qr)
    qr_by_link = rpc(contract.QR_BY_LINK, views.qr_by_link)
    answer_by_link = rpc(contract.ANSWER_BY_LINK, reminders.answer_by_link)
    reissue = rpc(contract.REISSUE, passes.reissue)
    jwks = rpc(contract.JWKS, views.jwks)
    status_list = rpc(contract.STATUS_LIST, status_list.current)
    own_data = rpc(contract.OWN_DATA, own_data.list_kept)
    audit_entries = rpc(contract.AUDIT_ENTRIES, entries.list_entries)
    most_looks = rpc(contract.MOST_LOOKS, entries.most_looks)
    audit_heads = rpc(contract.AUDIT_HEADS, heads.list_heads)
