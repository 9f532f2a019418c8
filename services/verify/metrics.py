"""Prometheus metrics of scans. Labels never identify a person."""

from prometheus_client import Counter

from services.chassis.runtime.metrics import DirectoryLabel

SCANS = Counter("epass_scans_total", "Scans that were recorded", ["site", "gate", "direction", "verdict"])
PREVIEWS = Counter(
    "epass_scan_previews_total",
    "Looks at a pass before its holder enters, recorded nowhere",
    ["site", "gate", "verdict"],
)
gate_label = DirectoryLabel()
"""A login without a gate of its own may name any gate of its site."""
