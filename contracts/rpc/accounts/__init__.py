"""The RPCs of accounts by subject, and the pages of its audit log."""

from contracts.rpc.accounts import gate_devices, logins, look_budgets, second_factor, sessions
from contracts.rpc.audit import AuditEntries, AuditHeads, AuditQuestion, HeadQuestion, most_looks
from contracts.rpc.call import Method

__all__ = ["gate_devices", "logins", "look_budgets", "second_factor", "sessions"]

AUDIT_ENTRIES = Method(
    "accounts",
    "audit_entries",
    AuditQuestion,
    AuditEntries,
    names_people=True,
    polled=True,
    said="Audit log",
)
AUDIT_HEADS = Method("accounts", "audit_heads", HeadQuestion, AuditHeads)
MOST_LOOKS = most_looks("accounts")
