"""The RPCs of approval by subject, and the pages of its audit log."""

from contracts.rpc.approval import (
    capacity,
    closures,
    decisions,
    directory,
    numbers,
    places,
    reviews,
    site_texts,
    standing,
    visits,
    watchlist,
)
from contracts.rpc.audit import AuditEntries, AuditHeads, AuditQuestion, HeadQuestion, most_looks
from contracts.rpc.call import Method
from contracts.rpc.own_data import own_data

__all__ = [
    "capacity",
    "closures",
    "decisions",
    "directory",
    "numbers",
    "places",
    "reviews",
    "site_texts",
    "standing",
    "visits",
    "watchlist",
]

OWN_DATA = own_data("approval")
AUDIT_ENTRIES = Method(
    "approval",
    "audit_entries",
    AuditQuestion,
    AuditEntries,
    names_people=True,
    polled=True,
    said="Audit log",
)
AUDIT_HEADS = Method("approval", "audit_heads", HeadQuestion, AuditHeads)
MOST_LOOKS = most_looks("approval")
