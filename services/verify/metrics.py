"""Prometheus metrics of scans. Labels never identify a person."""

from prometheus_client import Counter, Gauge

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
gate_label = DirectoryLabel()
"""A login without a gate of its own may name any gate of its site."""
