"""Metrics of what the chassis does for all processes. Labels never identify a person.

Approval, the gateway, notify, ops and verify have a module ``metrics`` of their own for what only they
measure. The values of each label are a closed set (``tests/unit/deploy/metric_labels.py`` lists them). Where
a label's values are known beforehand, callers resolve its child once: `labels` costs a microsecond each time.
"""

from importlib.metadata import version
from urllib.parse import parse_qs

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from services.chassis.runtime.clock import now

disable_created_metrics()  # type: ignore[no-untyped-call]  # else each counter has a second series

FAST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Upper bounds in seconds, for what takes milliseconds."""


def exposition(query: str = "") -> bytes:
    """Return all metrics in Prometheus's text format, or only those that a query names (``name[]=...``)."""
    names = parse_qs(query).get("name[]")
    return generate_latest(REGISTRY.restricted_registry(names) if names else REGISTRY)


BUILD = Gauge("epass_build_info", "1, with the version of e-Pass that this process runs", ["version"])
BUILD.labels(version("epass")).set(1)
RETENTION = Gauge("epass_retention", "How long a kind of data is kept, in the unit of its setting", ["kind"])
RPC_SECONDS = Histogram(
    "epass_rpc_seconds",
    "Time of an RPC inside its service",
    ["service", "method", "outcome"],
    buckets=FAST_BUCKETS,
)
RPC_EXPIRED = Counter(
    "epass_rpc_expired_total", "RPCs refused because their deadline had passed", ["service", "method"]
)
RPC_FORGED = Counter(
    "epass_rpc_forged_total", "RPCs refused because no session token proves the principal that they name"
)
GROUP_SIZE = Histogram(
    "epass_group_calls", "Calls that were handled in one transaction", buckets=(1, 2, 4, 8, 16, 32, 64)
)
CLOCK = Gauge(
    "epass_clock_timestamp_seconds", "The time by the clock of this host, to compare with that of Prometheus"
)
CLOCK.set_function(lambda: now().timestamp())
WORKERS_BUSY = Gauge("epass_workers_busy", "Workers that have a call or a batch of events in hand", ["pool"])
WORKERS_WAITING = Gauge("epass_workers_waiting", "Calls and batches that wait for a worker", ["pool"])
WORKERS_MAX = Gauge("epass_workers_max", "Workers that a pool has", ["pool"])
DATABASE_CONNECTIONS = Gauge(
    "epass_database_connections", "Open connections to the database, in use or idle", ["state"]
)
DATABASE_CONNECTIONS_MAX = Gauge(
    "epass_database_connections_max", "Connections to the database that the pool opens at most"
)
DATABASE_POOL_TIMEOUTS = Counter(
    "epass_database_pool_timeouts_total", "Transactions refused because no connection became free in time"
)
CLOCK_SKEW = Gauge(
    "epass_clock_skew_seconds",
    "By how much this clock is ahead of the gateways', as calls show it",
    ["service"],
)
AUDIT_CHAIN_LOST = Gauge(
    "epass_audit_chain_lost",
    "1 where the chain of an audit log lacks what this process has seen of it: it was made anew or cut off",
    ["database"],
)
JOB_AGE = Gauge(
    "epass_job_success_age_seconds",
    "Time since a periodic job of this process succeeded last, or since it was registered",
    ["job_name"],
)
JOB_INTERVAL = Gauge(
    "epass_job_interval_seconds", "Time from one run of a periodic job to the next", ["job_name"]
)
PARTITIONS_UNTIL = Gauge(
    "epass_partitions_until_timestamp_seconds", "The end of the last month that a table has", ["table"]
)
CERTIFICATE_UNTIL = Gauge(
    "epass_certificate_until_timestamp_seconds",
    "The end of the certificate that this process shows to whoever asks it; 0 where it shows none",
)
EVENT_SECONDS = Histogram(
    "epass_event_seconds",
    "From when the batch of an event asks for a worker until the event is acknowledged or moved",
    ["consumer", "outcome"],
    buckets=FAST_BUCKETS,
)
EVENT_AGE = Histogram(
    "epass_event_age_seconds",
    "From the event to its effect",
    ["consumer"],
    buckets=(*FAST_BUCKETS, 30, 60, 300, 1800),
)
EVENTS_REPEATED = Counter(
    "epass_events_repeated_total", "Deliveries that the inbox had seen before", ["consumer"]
)
BATCHES_SPLIT = Counter(
    "epass_event_batches_split_total",
    "Batches of events that failed and were handled one by one",
    ["consumer"],
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
BACKGROUND_FAILURES = Counter(
    "epass_background_failures_total", "Times that long-lived work of a process had to begin again", ["task"]
)
PAUSED = Gauge("epass_consumers_paused", "Consumers waiting for their database", ["service"])
OUTBOX_WAITING = Gauge("epass_outbox_waiting", "Events not yet sent", ["database"])
OUTBOX_LAG = Gauge(
    "epass_outbox_lag_seconds", "Age of the oldest event not yet sent; 0 where none waits", ["database"]
)
OUTBOX_SENT = Counter("epass_outbox_sent_total", "Events confirmed by the broker", ["database", "type"])
OUTBOX_REFUSED = Gauge(
    "epass_outbox_refused",
    "1 while events wait because a queue does not take their type",
    ["database", "type"],
)
DEAD_LETTERS = Gauge("epass_dead_letters", "Messages in a consumer's dead letters", ["queue"])
QUEUE_MESSAGES = Gauge(
    "epass_queue_messages",
    "Messages ready for a consumer, or in a delay before they are tried again",
    ["queue"],
)
QUEUE_CONSUMERS = Gauge("epass_queue_consumers", "Connections that consume from a queue", ["queue"])
HTTP_SECONDS = Histogram(
    "epass_http_seconds", "Time of an HTTP request", ["method", "route", "status"], buckets=FAST_BUCKETS
)

_connected: set[str] = set()


def count_connection(part: str) -> None:
    """Count a connection of a part of this process to the broker. The first one is no reconnect."""
    counter = RECONNECTS.labels(part)
    if part in _connected:
        counter.inc()
    _connected.add(part)


REVOCATIONS_AGE = Gauge(
    "epass_revocations_age_seconds",
    "Age of the newest status list: signed by issuance, complete in verify, or served by a gateway",
    ["at"],
)
"""Infinite where there is none, or where it is from the future: then nobody knows."""


class DirectoryLabel:
    """The values of a label that come from the directory, such as gates: the first `limit`, then ``other``.

    The directory itself has fewer. The limit holds where one is not in the directory (any more), too.

    Args:
        limit: the number of values that are told apart.
    """

    def __init__(self, limit: int = 128) -> None:
        self._limit = limit
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        """Return the value, or ``other`` where so many others came before."""
        if value not in self._known:
            if len(self._known) >= self._limit:
                return "other"
            self._known.add(value)
        return value


def initialise_consumer(queue: str) -> None:
    """Export the counters of a consumer as 0 from the start, so that an alert sees their first increase."""
    RETRIES.labels(queue)
    EVENTS_REPEATED.labels(queue)
    EVENTS_EXPIRED.labels(queue)
    BATCHES_SPLIT.labels(queue)
    for reason in ("unreadable", "forged", "permanent", "attempts"):
        DEAD_LETTERED.labels(queue, reason)
