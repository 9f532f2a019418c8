"""Prometheus metrics of accounts. Labels never identify a person."""

from prometheus_client import Counter, Gauge

from contracts.model import Role
from contracts.rpc.accounts.look_budgets import DEFAULTS
from services.chassis.runtime.metrics import DirectoryLabel

GATE_DEVICES = Gauge(
    "epass_gate_devices_worrying",
    "Enrolled gate devices that have not reported (lost: with somebody signed in), or not sent, for too long",
    ["site", "worry"],
)
GATE_LIST_AGE = Gauge(
    "epass_gate_list_age_seconds",
    "Oldest list of revoked passes of the devices of a gate that report, by what they said last",
    ["site", "gate"],
)
"""Infinite where one of them has no list."""
site_label = DirectoryLabel()
gate_label = DirectoryLabel()
CODES_HELD_BACK = Counter(
    "epass_codes_held_back",
    "Requests for a code that a brake refused: country, work (no proof of it), address, ceiling",
    ["brake"],
)
for _brake in ("country", "work", "address", "ceiling"):
    CODES_HELD_BACK.labels(_brake)
UNPROVED_CODES = Gauge(
    "epass_unproved_codes_ratio",
    "Codes of the last hour to numbers that nobody has ever proved, and not typed yet, by the ceiling",
)
ADO_ACCESS = Counter(
    "epass_ado_access_given_total",
    "Logins of the ADO Branch that were issued, or got another first password or another app",
    ["what"],
)
for what in ("issued", "password_reset", "factor_reset"):
    ADO_ACCESS.labels(what)  # from the start, so that the first one is seen as an increase
OFFICER_ACCESS = Counter(
    "epass_officer_access_given_total",
    "Logins that read people's complaints or all their data, and were issued, or got another password or app",
    ["role", "what"],
)
OFFICERS: frozenset[Role] = frozenset({"grievance", "privacy"})
for role in sorted(OFFICERS):
    for what in ("issued", "password_reset", "factor_reset"):
        OFFICER_ACCESS.labels(role, what)
LOOK_BUDGETS_RAISED = Counter(
    "epass_look_budgets_raised_total",
    "Raised budgets of looks of a role, above what it has by default",
    ["role"],
)
for role in DEFAULTS:
    LOOK_BUDGETS_RAISED.labels(role)
SIGN_IN_FAILURES = Counter(
    "epass_sign_in_failures_total", "Wrong passwords and wrong codes of an app that somebody typed"
)
