"""The RPCs of verify by subject, and the pages of its audit log."""

from contracts.rpc.audit import AuditEntries, AuditHeads, AuditQuestion, HeadQuestion, most_looks
from contracts.rpc.call import Method
from contracts.rpc.own_data import own_data
from contracts.rpc.verify import incidents, manifests, offline_scans, presence, scans, supervisors

__all__ = ["incidents", "manifests", "offline_scans", "presence", "scans", "supervisors"]

OWN_DATA = own_data("verify")
AUDIT_ENTRIES = Method(
    "verify",
    "audit_entries",
    AuditQuestion,
    AuditEntries,
    names_people=True,
    polled=True,
    said="Audit log",
)
AUDIT_HEADS = Method("verify", "audit_heads", HeadQuestion, AuditHeads)
MOST_LOOKS = most_looks("verify")
