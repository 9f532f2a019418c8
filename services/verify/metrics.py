"""Prometheus metrics of scans. Labels never identify a person."""

from typing import get_args

from prometheus_client import Counter, Gauge

from contracts.model import ConflictKind
from contracts.rpc.verify.offline_scans import SyncProblem
from services.chassis.runtime.metrics import DirectoryLabel

SCANS = Counter("epass_scans_total", "Scans that were recorded", ["site", "gate", "direction", "verdict"])
PREVIEWS = Counter(
    "epass_scan_previews_total",
    "Looks at a pass before its holder enters, recorded nowhere",
    ["site", "gate", "verdict"],
)
NOT_ISSUED = Gauge(
    "epass_passes_not_issued",
    "Passes of the last day that a gate knows by a genuine token, and that nobody has issued",
)
GATE_CONFLICTS = Counter(
    "epass_gate_conflicts_total",
    "Entries at gates without a network by which more persons came in than a pass allows",
    ["kind"],
)
for _kind in get_args(ConflictKind):
    GATE_CONFLICTS.labels(_kind)
"""Each kind begins at 0, so that the first conflict is an increase."""
OFFLINE_REFUSED = Counter(
    "epass_offline_scans_refused_total",
    "Scans of gates without a network that were refused for good, and are recorded nowhere",
    ["problem"],
)
for _problem in get_args(SyncProblem):
    OFFLINE_REFUSED.labels(_problem)
OFFLINE_DEFERRED = Counter(
    "epass_offline_scans_deferred_total",
    "Scans by number that a gate sent and that wait, because it has sent many unknown numbers",
)
GATE_EMPTIED = Counter(
    "epass_gate_apps_emptied_total",
    "Apps of gates that have deleted their list, since a guard's own PIN was typed wrong too often",
    ["site"],
)
SUPERVISORS_REFUSED = Counter(
    "epass_gate_supervisors_refused_total",
    "Entries to which a supervisor has to agree, and did not do so by their PIN",
    ["reason"],
)
for _reason in ("wrong_pin", "no_supervisor", "own_scan", "pin_locked", "missing", "unproven"):
    SUPERVISORS_REFUSED.labels(_reason)
"""``own_scan``: who scanned has agreed as well. ``missing``: nobody has agreed at all. ``unproven``: a gate
without a network has let them in."""
SITES_UNGUARDED = Gauge(
    "epass_sites_unguarded",
    "Sites where nobody can agree, where the gates do not ask although they may have to, or nobody decided",
    ["site", "problem"],
)
gate_label = DirectoryLabel()
"""A login without a gate of its own may name any gate of its site."""
