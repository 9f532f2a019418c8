"""Prometheus metrics of approval. Labels never identify a person."""

from prometheus_client import Counter, Gauge, Histogram

from services.chassis.runtime.metrics import DirectoryLabel

MINUTE, HOUR, DAY = 60, 3600, 86400

WATCHLIST_UNREADABLE = Counter(
    "epass_watchlist_unreadable_total",
    "Times that an entry of the watchlist, or the note on a match, did not open under any key",
)
SITE_OPEN = Gauge("epass_site_open", "1 during the opening hours of a site, 0 outside of them", ["site"])
DEPARTMENTS_UNSTAFFED = Gauge(
    "epass_departments_unstaffed",
    "1 for a department that is not closed, and for which no login can decide",
    ["department"],
)
CORRECTION_WAITS = Gauge(
    "epass_correction_wait_seconds",
    "For how long the oldest correction of an approved visit to come waits for its department; 0 for none",
)
DECISION_SECONDS = Histogram(
    "epass_decision_seconds",
    "From when an application, or its amendment, came until its department decided",
    ["department", "decision"],
    buckets=(
        5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR,
        DAY, 2 * DAY, 3 * DAY, 5 * DAY, 7 * DAY, 14 * DAY, 30 * DAY,
    ),
)  # fmt: skip
department_label = DirectoryLabel()
site_label = DirectoryLabel()
