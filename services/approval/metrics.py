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
CORRECTIONS_URGENT = Gauge(
    "epass_corrections_urgent",
    "Corrections of approved visits that wait, while the visit is nearer than when a stand-in is asked",
)
VISITS_ESCALATED = Counter(
    "epass_visits_escalated_total",
    "Times that others were asked to answer a visitor who waits inside, by who was asked",
    ["department", "step"],
)
WORDS_WITHOUT_VISIT = Counter(
    "epass_visitor_words_without_visit_total",
    "Words of visitors whether they were met of a visit from before visits were stored",
)
PLACE_OFFER_LATE = Gauge(
    "epass_place_offer_late_seconds",
    "For how long the oldest offer of a place should have ended and has not; 0 for none",
)
REPLIES_WITHOUT_EFFECT = Counter(
    "epass_offer_replies_without_effect_total",
    "Plain replies that would take a place and did not, since its offer was over when they were heard",
)
PLACES_UNDISTRIBUTED = Gauge(
    "epass_places_undistributed",
    "Parties on a waiting list for whom there are free places, and to whom none was offered yet",
)
STANDING_WAITS = Gauge(
    "epass_standing_wait_seconds",
    "For how long the oldest standing pass waits for the ADO Branch; 0 for none",
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
