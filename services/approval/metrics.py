"""Prometheus metrics of approval. Labels never identify a person."""

from prometheus_client import Counter

WATCHLIST_UNREADABLE = Counter(
    "epass_watchlist_unreadable_total",
    "Times that an entry of the watchlist, or the note on a match, did not open under any key",
)
