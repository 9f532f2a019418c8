"""Metrics of issuance."""

from prometheus_client import Counter

REMINDERS = Counter(
    "epass_visit_reminders_total",
    "Reminders of visits: published in time, or late, which nobody got",
    ["result"],
)
for result in ("published", "late"):
    REMINDERS.labels(result)
