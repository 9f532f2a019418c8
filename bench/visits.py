"""What 1,000 visits cost: processor time, bytes in the databases, messages, bytes through the broker.

A visit is an application, its approval, its pass, its messages, an entry and an exit. Applications come so
slowly that little waits, so this is what a visit costs on a quiet day; a crowd shares work and costs less.
"""

import asyncio
import json
import time
import urllib.request
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg

from bench import journeys
from bench.load import paced, requests
from bench.meter import Meter
from bench.scans import Gate
from contracts.subscriptions import SERVICES
from deploy.local.permissions import VHOST
from deploy.local.services import Services
from deploy.local.stack import Stack

MOBILES = [f"+9198123003{number:02}" for number in range(24)]
A_SECOND = 5
"""Visits that begin in a second."""
SCANS_A_SECOND = 20
STATISTICS_SECONDS = 6.0
"""The broker's counters are so old at most."""
_TABLES = """
select coalesce(parent.relname, one.relname) as name, sum(pg_total_relation_size(one.oid))::bigint
from pg_class one
left join pg_inherits on pg_inherits.inhrelid = one.oid
left join pg_class parent on parent.oid = pg_inherits.inhparent
where one.relkind in ('r', 'p') and one.relnamespace = 'public'::regnamespace
group by 1
"""
_EVENTS = "select count(*) from outbox"
_WAL = "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"


async def settle(stack: Stack, gate: Gate, idle: Mapping[str, float]) -> None:
    """Return once nothing waits, and the processes take hardly more than while they are idle.

    Raises:
        TimeoutError: it was not so in time.
    """
    await gate.drained()
    for _ in range(60):
        with Meter(stack) as meter:
            await asyncio.sleep(0.4)
        if meter.used.total() / meter.seconds < 1.5 * sum(idle.values()) + 0.05:
            return
    raise TimeoutError("the system does not become quiet")


async def measure(
    stack: Stack, services: Services, gate: Gate, count: int, idle: Mapping[str, float]
) -> dict[str, Any]:
    """Return what so many visits cost, each as of 1,000, without what each part takes while it is idle.

    Args:
        stack: the servers.
        services: the processes.
        gate: whose officer scans.
        count: how many visits.
        idle: the processors that each part takes while nothing happens.
    """
    gateway, logins = services.address("gateway"), stack.folder / "logins.json"
    await settle(stack, gate, idle)
    before = _Counts.of(stack)
    with Meter(stack, units=count) as meter:
        journey = await journeys.run(gateway, logins, count, MOBILES, A_SECOND)
        both = list(requests(journey.tokens, gate.session))
        scans = await paced(gateway, both[0::2] + both[1::2], SCANS_A_SECOND)
        await settle(stack, gate, idle)
    if scans.refused or len(journey.tokens) != count:
        raise RuntimeError(f"{len(journey.tokens)} of {count} visits, scans refused: {scans.refused}")
    after = _Counts.of(stack)

    def each(name: str) -> dict[str, float]:
        """Return the counts of one kind that have grown, as of 1,000 visits."""
        then, now = getattr(before, name), getattr(after, name)
        return {
            key: round((now[key] - then[key]) * 1000 / count, 1)
            for key in sorted(now)
            if now[key] > then[key]
        }

    used = {part: max(took - idle.get(part, 0) * meter.seconds, 0) for part, took in meter.used.items()}
    return {
        "visits": count,
        "a_second": A_SECOND,
        "seconds": round(meter.seconds, 1),
        "processor_s": {part: round(used[part] * 1000 / count, 2) for part, _ in meter.used.most_common()},
        "table_bytes": each("tables"),
        "wal_bytes": each("wal")["wal"],
        "stream_bytes": each("stream")["stream"],
        "messages": each("messages"),
        "events": each("events"),
        "broker_bytes": each("traffic"),
        "approve_to_message_p50_ms": round(journey.quantile(0.5), 1),
        "approve_to_message_p99_ms": round(journey.quantile(0.99), 1),
        "scan_p50_ms": round(scans.quantile(0.5), 2),
    }


class _Counts:
    """Counters of broker and databases at one moment."""

    def __init__(self, **kinds: Counter[str]) -> None:
        self.tables, self.wal, self.stream = kinds["tables"], kinds["wal"], kinds["stream"]
        self.messages, self.traffic, self.events = kinds["messages"], kinds["traffic"], kinds["events"]

    @classmethod
    def of(cls, stack: Stack) -> "_Counts":
        """Read all counters, once the broker's are up to date."""
        time.sleep(STATISTICS_SECONDS)
        tables, events = Counter[str](), Counter[str]()
        for service in SERVICES:
            with stack.postgres.connect(service) as connection:
                for name, size in connection.execute(_TABLES).fetchall():
                    tables[f"{service}.{name}"] = int(str(size))
                events[service] = _number(connection, _EVENTS)
        with stack.postgres.connect("postgres") as connection:
            wal = _number(connection, _WAL)
        ask = management(stack)
        queues, connections = ask(f"queues/{VHOST}"), ask("connections")
        messages = Counter[str]()
        for one in queues:
            if not one["name"].startswith(("amq.", "gateway.")):
                messages[one["name"]] = one.get("message_stats", {}).get("publish", 0)
        traffic = Counter[str]()
        for one in connections:
            traffic["to the broker"] += one.get("recv_oct", 0)
            traffic["from the broker"] += one.get("send_oct", 0)
        return cls(
            tables=tables,
            wal=Counter(wal=wal),
            events=events,
            stream=Counter(stream=_stream_bytes(stack.folder / "broker")),
            messages=messages,
            traffic=traffic,
        )


def _number(connection: "psycopg.Connection[tuple[object, ...]]", query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(str(row[0]))


def management(stack: Stack) -> Callable[[str], Any]:
    """Return a function that asks the broker's management interface."""
    user, _, password = stack.broker.url("administrator").split("//")[1].split("@")[0].partition(":")
    authorization = {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}

    def ask(path: str) -> Any:
        address = f"http://127.0.0.1:{stack.ports['management']}/api/{path}"
        with urllib.request.urlopen(urllib.request.Request(address, headers=authorization)) as answer:
            return json.loads(answer.read())

    return ask


def _stream_bytes(folder: Path) -> int:
    """Return the bytes of the segments of streams."""
    return sum(file.stat().st_size for file in folder.rglob("*.segment") if "stream" in file.parts)
