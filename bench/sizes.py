"""From what 1,000 visits cost to the machines of a secretariat, a state and a country.

Everything is counted from the figures of one `python -m bench.scale`, and from the assumptions here.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]

WINDOW_SECONDS = 3 * 3600
"""All visitors of a day arrive within so long."""
PEAK = 1.5
"""The fullest minutes of the window have so many times its mean."""
OPEN_DAYS = 250
"""A year."""
UTILISATION = 0.5
"""Of a processor at the peak, at most: a replica may be lost, and clocks of machines differ."""
LEAST_REPLICAS = 2
STREAM_DAYS = 7
FOLLOWERS = 3
"""Nodes of the broker that each store every message."""
RECORDS = 25 * 30
"""Days of `EPASS_RECORDS_KEPT_MONTHS`, and the present month."""
KEPT_DAYS: Mapping[str, int] = {
    "outbox": 7,
    "inbox": 37,
    "suspects": 37,
    "idempotency_keys": 1,
    "event_sequences": RECORDS,
    "timeline": RECORDS,
    "reviews": RECORDS,
    "decisions": RECORDS,
    "bookings": RECORDS,
    "messages": RECORDS,
    "scans": RECORDS,
    "scan_nonces": 40,
    "sessions": 1,
    "otp_codes": 2,
    "otp_requests": 2,
}
"""Tables whose rows are deleted (docs/reference.md, Retention); those of all others stay for ever."""
MESSAGES = 3
"""To the phone of each visitor: the code, the reference, the pass."""
PROVIDER_S = 0.2
"""Seconds until an SMS gateway has taken a message. Nobody measured it; yours differs."""
SENDER_THREADS = 4
"""EPASS_SENDER_THREADS: so many messages does a sender hand over at once."""
ONLY_LOCAL = "local_phone"
PROCESSES = (
    "gateway", "accounts", "application", "approval", "issuance", "notify", "verify", "relay", "sender",
)  # fmt: skip
SERVERS = ("broker", "postgres")


@dataclass(frozen=True)
class Case:
    """An installation: its name, and the visitors of a busy day."""

    name: str
    visitors: int

    @property
    def visits_per_s(self) -> float:
        """Visits a second at the peak."""
        return self.visitors * PEAK / WINDOW_SECONDS


SECRETARIAT = 15_000
DISTRICT = 3_500
DISTRICTS = 23
COUNTRY, STATES = 5_000_000, 28
LARGEST = 3
"""The largest state has so many times the visitors of the average one."""
CASES = (
    Case("one secretariat", SECRETARIAT),
    Case("a state of 23 districts", SECRETARIAT + (DISTRICTS - 1) * DISTRICT),
    Case("a cell of the country, average", COUNTRY // STATES),
    Case("a cell of the country, largest", LARGEST * COUNTRY // STATES),
)


def processor_s(found: Figures) -> Mapping[str, float]:
    """Return the processor seconds of a visit, by part. Each applicant signs in with a code once."""
    used = Counter[str](found["visits"]["processor_s"])
    used.update(found["sign_in"]["processor_ms"])  # of one, in ms, so of 1,000, in s
    return {part: seconds / 1000 for part, seconds in used.most_common()}


def processors(found: Figures, visits_per_s: float, *parts: str) -> float:
    """Return how many processors these parts keep busy, all parts if none is named."""
    cost = processor_s(found)
    return visits_per_s * sum(cost.get(part, 0) for part in parts or cost)


def replicas(found: Figures, part: str, visits_per_s: float) -> int:
    """Return how many replicas of a process there must be. Each uses one processor at most."""
    needed = processors(found, visits_per_s, part) / UTILISATION
    if part == "sender":
        needed = visits_per_s / sender_limit()
    return max(LEAST_REPLICAS, math.ceil(needed))


def sender_limit() -> float:
    """Return how many visits a second one sender has messages for. It waits for the provider."""
    return SENDER_THREADS / PROVIDER_S * UTILISATION / MESSAGES


def messages(found: Figures) -> float:
    """Return how many messages a visit puts into queues and the stream."""
    return float(sum(found["visits"]["messages"].values())) / 1000


def table_bytes(found: Figures) -> Mapping[str, float]:
    """Return the bytes of a visit in each table, indexes included."""
    grown: Mapping[str, float] = found["visits"]["table_bytes"]
    return {name: size / 1000 for name, size in grown.items() if name.partition(".")[2] != ONLY_LOCAL}


def database_bytes(found: Figures, visits_a_day: float, years: float) -> float:
    """Return how large all databases are after so many years."""
    days = years * OPEN_DAYS
    kept = {name: min(_kept(name) * OPEN_DAYS / 365, days) for name in table_bytes(found)}
    return sum(size * visits_a_day * kept[name] for name, size in table_bytes(found).items())


def _kept(name: str) -> float:
    return KEPT_DAYS.get(name.partition(".")[2], math.inf)


def stream_bytes(found: Figures, visits_a_day: float) -> float:
    """Return how large the stream of events is on each node of the broker."""
    return float(found["visits"]["stream_bytes"]) / 1000 * visits_a_day * STREAM_DAYS


def wal_bytes(found: Figures, visits_a_day: float) -> float:
    """Return the write-ahead log of a day: what a standby receives, and an archive keeps."""
    return float(found["visits"]["wal_bytes"]) / 1000 * visits_a_day


@dataclass(frozen=True)
class Limit:
    """Up to where something suffices: visits a second, what comes then."""

    what: str
    visits_per_s: float
    then: str

    @property
    def visitors(self) -> float:
        """Visitors of a busy day."""
        return self.visits_per_s * WINDOW_SECONDS / PEAK


REFERENCE_MESSAGES, NODE = 12_000, 8
"""A second, by three nodes of 8 processors and 16 GB: what a vendor of RabbitMQ plans with (see the page)."""
MACHINE = 2
LARGE_SERVER = 32
"""Processors of a large database server."""


def limits(found: Figures) -> list[Limit]:
    """Return what suffices up to which load, the lowest first."""
    cost = processor_s(found)
    all_parts, idle = sum(cost.values()), sum(found["idle"]["busy"].values())
    busiest = max(PROCESSES, key=lambda part: cost.get(part, 0))
    return sorted(
        (
            Limit(
                f"one machine of {MACHINE} processors",
                (MACHINE * UTILISATION - idle) / all_parts,
                "a machine of more processors, or the servers on machines of their own",
            ),
            Limit(
                f"one replica of each process (the busiest is {busiest})",
                UTILISATION / cost[busiest],
                "replicas, of the busiest first",
            ),
            Limit(
                f"one sender of {SENDER_THREADS} threads, with an SMS gateway that takes {PROVIDER_S} s",
                sender_limit(),
                "senders, or EPASS_SENDER_THREADS",
            ),
            Limit(
                "one machine of 16 processors",
                (16 * UTILISATION - idle) / all_parts,
                "a cluster, with more replicas than `large` has",
            ),
            Limit(
                "one relay for all databases",
                UTILISATION / cost["relay"],
                "a relay for each database (EPASS_RELAY_DATABASE_URLS)",
            ),
            Limit(
                f"one broker of {FOLLOWERS} nodes of {NODE} processors",
                NODE * UTILISATION / cost["broker"],
                "nodes of more processors, then cells",
            ),
            Limit(
                f"one broker of {FOLLOWERS} nodes with {REFERENCE_MESSAGES:,} messages a second",
                REFERENCE_MESSAGES * UTILISATION / messages(found),
                "cells",
            ),
            Limit(
                f"one PostgreSQL primary of {LARGE_SERVER} processors for all databases",
                LARGE_SERVER * UTILISATION / cost["postgres"],
                "a server for each database, then cells",
            ),
        ),
        key=lambda limit: limit.visits_per_s,
    )
