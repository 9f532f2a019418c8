"""Prometheus metrics of messages. Labels never identify a person."""

from prometheus_client import Counter, Histogram

from services.chassis.runtime.metrics import FAST_BUCKETS

MESSAGES = Counter(
    "epass_messages_total", "Tries to send a message, by what became of it", ["purpose", "channel", "outcome"]
)
MESSAGE_AGE = Histogram(
    "epass_message_age_seconds",
    "From storing a message to its channel's yes",
    ["lane"],
    buckets=(*FAST_BUCKETS, 30, 60, 300, 1800),
)
PROVIDER_SECONDS = Histogram(
    "epass_provider_seconds",
    "Time of one call to a provider, by its result",
    ["channel", "result"],
    buckets=FAST_BUCKETS,
)
