"""All metrics of all processes, by name. Labels never identify a person.

The chassis counts RPCs and events for all services; verify and notify count their own scans and messages.
"""

from prometheus_client import Counter, Gauge, Histogram

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

RPC_SECONDS = Histogram(
    "epass_rpc_seconds", "Time of an RPC inside its service", ["service", "method", "outcome"], buckets=_FAST
)
RPC_EXPIRED = Counter(
    "epass_rpc_expired_total", "RPCs dropped because their deadline had passed", ["service", "method"]
)
EVENT_SECONDS = Histogram(
    "epass_event_seconds", "Time of handling an event", ["consumer", "outcome"], buckets=_FAST
)
EVENT_AGE = Histogram(
    "epass_event_age_seconds",
    "From the event to its effect",
    ["consumer"],
    buckets=(*_FAST, 30, 60, 300, 1800),
)
EVENTS_REPEATED = Counter(
    "epass_events_repeated_total", "Deliveries that the inbox had seen before", ["consumer"]
)
EVENTS_EXPIRED = Counter(
    "epass_events_expired_total", "Events dropped because they had grown stale", ["consumer"]
)
RETRIES = Counter("epass_retries_total", "Deliveries sent to a delay queue", ["consumer"])
DEAD_LETTERED = Counter(
    "epass_dead_lettered_total", "Messages sent to the dead letters", ["consumer", "reason"]
)
RECONNECTS = Counter(
    "epass_reconnects_total", "Connections to the broker made again, the first one not counted", ["part"]
)
PAUSED = Gauge("epass_consumers_paused", "Consumers waiting for their database", ["service"])
OUTBOX_WAITING = Gauge("epass_outbox_waiting", "Events not yet sent", ["database"])
OUTBOX_LAG = Gauge(
    "epass_outbox_lag_seconds", "Age of the oldest event not yet sent; 0 where none waits", ["database"]
)
OUTBOX_SENT = Counter("epass_outbox_sent_total", "Events confirmed by the broker", ["database", "type"])
DEAD_LETTERS = Gauge("epass_dead_letters", "Messages in a consumer's dead letters", ["queue"])
QUEUE_MESSAGES = Gauge(
    "epass_queue_messages",
    "Messages ready for a consumer, or in a delay before they are tried again",
    ["queue"],
)
QUEUE_CONSUMERS = Gauge("epass_queue_consumers", "Connections that consume from a queue", ["queue"])
INVARIANT_HOLDS = Gauge(
    "epass_invariant_holds", "1 where an invariant of the whole system holds, 0 where it is broken", ["name"]
)
INVARIANT_NUMBER = Gauge(
    "epass_invariant_number", "The numbers that an invariant is made of", ["name", "term"]
)
OPS_LOOKED_AT = Gauge(
    "epass_ops_looked_at_timestamp_seconds", "When the exporter last succeeded in looking", ["at"]
)
HTTP_SECONDS = Histogram(
    "epass_http_seconds", "Time of an HTTP request", ["method", "route", "status"], buckets=_FAST
)
SCANS = Counter("epass_scans_total", "Recorded scans", ["site", "gate", "direction", "verdict"])
PREVIEWS = Counter(
    "epass_scan_previews_total",
    "Looks at a pass before its holder enters, recorded nowhere",
    ["site", "gate", "verdict"],
)
MESSAGES = Counter(
    "epass_messages_total", "Tries to send a message, by what became of it", ["purpose", "channel", "outcome"]
)
MESSAGE_AGE = Histogram(
    "epass_message_age_seconds",
    "From storing a message to its channel's yes",
    ["lane"],
    buckets=(*_FAST, 30, 60, 300, 1800),
)

_connected: set[str] = set()


def count_connection(part: str) -> None:
    """Count a connection of a part of this process to the broker. The first one is no reconnect."""
    counter = RECONNECTS.labels(part)
    if part in _connected:
        counter.inc()
    _connected.add(part)


def initialise_consumer(queue: str) -> None:
    """Export the counters of a consumer as 0 from the start, so that an alert sees their first increase."""
    RETRIES.labels(queue)
    EVENTS_REPEATED.labels(queue)
    EVENTS_EXPIRED.labels(queue)
    for reason in ("unreadable", "permanent", "attempts"):
        DEAD_LETTERED.labels(queue, reason)
