"""Prometheus metrics of the invariants and of the exporter's own work."""

from prometheus_client import Gauge

INVARIANT_HOLDS = Gauge(
    "epass_invariant_holds", "1 where an invariant of the whole system holds, 0 where it is broken", ["name"]
)
INVARIANT_NUMBER = Gauge(
    "epass_invariant_number", "The numbers that an invariant is made of", ["name", "term"]
)
PROCESSES = Gauge(
    "epass_processes", "Processes that the exporter asks, by what they answered last", ["kind", "state"]
)
QUEUES_MISSING = Gauge(
    "epass_queues_missing", "Queues and exchanges that are not there, or that the exporter may not see"
)
AUDIT_UNSEALED = Gauge(
    "epass_audit_unsealed_seconds",
    "Age of the oldest row of an audit log, or scan, that has no seal; 0 where each has one",
    ["database"],
)
AUDIT_WITNESS_AGE = Gauge(
    "epass_audit_witness_age_seconds",
    "Time since this process sent the head of an audit log, infinite before; `none`: to nobody",
    ["way", "database"],
)
AUDIT_BYTES = Gauge("epass_audit_log_bytes", "Size of an audit log on disk, with its indexes", ["database"])
JOB_REFUSED = Gauge(
    "epass_destructive_job_refused",
    "1 while a job that erases, expires, drops or counts out is refused, because a clock is in doubt",
    ["database", "job_name"],
)
MESSAGES_WAITING = Gauge(
    "epass_messages_waiting", "Messages that could be sent now, and that no sender has taken", ["lane"]
)
MESSAGE_WAIT = Gauge(
    "epass_message_wait_seconds",
    "How long the oldest of a lane has waited: a code since it was asked for, others since they are due",
    ["lane"],
)
DATABASE_WRITABLE = Gauge(
    "epass_database_writable",
    "1 where a database answers the exporter and takes changes, 0 where it does not",
    ["database"],
)
LOG_ARCHIVED = Gauge(
    "epass_database_log_archived_timestamp_seconds",
    "When a database's server archived a piece of its log last; 0: never; no number: it archives none",
    ["database"],
)
BACKUP_MADE = Gauge(
    "epass_backup_timestamp_seconds",
    "When the newest backup was finished; 0 where there is none, and no number where nobody watches it here",
)
BACKUP_MADE.set(float("nan"))
