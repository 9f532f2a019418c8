"""Prometheus metrics of scans. Labels never identify a person."""

from prometheus_client import Counter

SCANS = Counter("epass_scans_total", "Recorded scans", ["site", "gate", "direction", "verdict"])
PREVIEWS = Counter(
    "epass_scan_previews_total",
    "Looks at a pass before its holder enters, recorded nowhere",
    ["site", "gate", "verdict"],
)
