"""Prometheus metrics of the gateway, beside the chassis' HTTP metrics. Labels never hold personal data."""

from typing import get_args

from prometheus_client import Counter, Gauge, Histogram

from contracts.model import Role

CALL_SECONDS = Histogram(
    "epass_gateway_rpc_seconds",
    "Time from an RPC's request to its answer, as the gateway sees it",
    ["service", "method", "outcome"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5),
)
PENDING = Gauge("epass_gateway_rpc_pending", "RPCs that wait for turn or answer; the limit is for each kind")
LATE_REPLIES = Counter("epass_gateway_late_replies_total", "Answers that came when nobody waited any more")
FORGED_MESSAGES = Counter(
    "epass_gateway_forged_messages_total", "Answers and events ignored, because another user sent them"
)
REPEATED_CALLS = Counter("epass_gateway_repeated_calls_total", "RPCs sent again because the connection broke")
UNCOUNTED = Counter(
    "epass_gateway_uncounted_attempts_total",
    "Attempts that no rate limit counted, because its store was away",
    ["limit"],
)
DROPPED = Counter(
    "epass_gateway_limits_dropped_total", "Counters that the store of rate limits dropped because it was full"
)
CLOSED_CONNECTIONS = Counter(
    "epass_gateway_closed_connections_total",
    "Connections closed because their client was too slow, sent too much, or had to make room",
    ["why"],
)
GATE_LISTS = Counter(
    "epass_gateway_lists_total",
    "Lists that gates asked for, by what they got: the whole, what had changed, or nothing newer",
    ["list", "answer"],
)
CALLS_TOGETHER = Histogram(
    "epass_gateway_rpc_message_calls", "RPCs that went in one message", buckets=(1, 2, 4, 8, 16, 32, 64)
)
LOOKS = Counter(
    "epass_gateway_looks_total", "People whose data staff have seen, each once an hour and login", ["role"]
)
LOOKS_OVER_BUDGET = Counter(
    "epass_gateway_looks_over_budget_total",
    "Logins that were warned for whom they had seen within an hour, and looks that were refused",
    ["role", "what"],
)
STAFF_REFUSED = Counter(
    "epass_gateway_staff_refused_total", "What staff asked for and may not, or too often", ["role"]
)
EXPORTS = Counter(
    "epass_gateway_exports_total", "Files of logins, of the directory or of the audit log", ["what"]
)
for role in get_args(Role):  # from the start, so that the first one is seen as an increase
    STAFF_REFUSED.labels(role)
    for what in ("warned", "refused"):
        LOOKS_OVER_BUDGET.labels(role, what)
for what in ("export_logins", "export_directory", "export_audit"):
    EXPORTS.labels(what)
