"""`epass ops-exporter`: what no single service can see, as metrics, and for the pages of operations.

Dead letters, queue depths, outboxes, invariants, gates, channels of messages, and the processes themselves.

It looks every 15 s (``EPASS_OPS_INTERVAL``), and once a minute at invariants while they hold. In a large
system these take longer; then it spends a tenth of its time on them, and half of it while one is broken,
because the person who repairs it waits for the next result. The outboxes are counted here and not by the
relay, which could not report that it is gone itself. Each look fails by itself. One that fails leaves the
last numbers; ``epass_job_success_age_seconds`` and the report show how old they are.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from math import isfinite, nan
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx

from contracts.model import Wire
from contracts.ops import (
    STATES,
    ChannelView,
    GateView,
    InvariantView,
    LaneView,
    OutboxView,
    Part,
    ProcessView,
    QueueView,
    ReceiptView,
    Report,
    RevocationsView,
)
from services.chassis.db.database import name_of
from services.chassis.messaging.broker import LOST, connect
from services.chassis.messaging.signatures import EventKeys
from services.chassis.messaging.topology import delay_name, missing_exchanges
from services.chassis.runtime import metrics
from services.chassis.runtime.background import BackgroundTask, run_until
from services.chassis.runtime.clock import monotonic, now
from services.chassis.runtime.health import Health
from services.chassis.runtime.jobs import Job
from services.chassis.runtime.logs import logger
from services.ops import interface, processes, queues
from services.ops.commands import invariants
from services.ops.databases import DatabaseAway
from services.ops.inspection import Inspected, inspect
from services.ops.invariants import GRACE_SECONDS
from services.ops.metrics import (
    AUDIT_BYTES,
    AUDIT_UNSEALED,
    BACKUP_MADE,
    DATABASE_WRITABLE,
    INVARIANT_HOLDS,
    INVARIANT_NUMBER,
    JOB_REFUSED,
    LOG_ARCHIVED,
    MESSAGE_WAIT,
    MESSAGES_WAITING,
    PROCESSES,
    QUEUES_MISSING,
)
from services.ops.settings import ExporterSettings
from services.ops.witness import Witness

log = logger(__name__)
T = TypeVar("T", bound=Wire)
Look = Callable[[], Awaitable[bool]]
"""Remembers what it finds, sets metrics, and returns whether everything is as it should be."""
LOOK_SECONDS = 10.0
"""A look at queues or outboxes that takes longer has failed."""
HOLDING = 4
"""Looks at everything else for each look at invariants that hold."""
THREADS = 16
"""One for each database, and for invariants that hang in all of them."""


class Observed(Generic[T]):
    """What the last look that succeeded has found."""

    def __init__(self) -> None:
        self.answers = False
        self.items: tuple[T, ...] = ()
        self._found_at: float | None = None
        """By the monotonic clock, so that a look does not become young when the wall clock is set back."""

    def found(self, items: Sequence[T]) -> None:
        """Remember the result of a look."""
        self.answers, self._found_at, self.items = True, monotonic(), tuple(items)

    def part(self) -> Part[T]:
        """Return it for the report."""
        return Part(answers=self.answers, looked_at=self.looked_at, items=self.items)

    @property
    def looked_at(self) -> datetime | None:
        """When it was found, as the wall clock is now; None if nothing was found yet."""
        if self._found_at is None:
            return None
        age = timedelta(seconds=monotonic() - self._found_at)
        return now() - age


class Exporter:
    """Everything that was seen, and the looks that see it."""

    def __init__(
        self, options: ExporterSettings, http: httpx.AsyncClient, outside: httpx.AsyncClient | None = None
    ) -> None:
        self._options = options
        self._http = http
        self._processes: Observed[ProcessView] = Observed()
        self._queues: Observed[QueueView] = Observed()
        self._invariants: Observed[InvariantView] = Observed()
        self._channels: Observed[ChannelView] = Observed()
        self._lanes: Observed[LaneView] = Observed()
        self._receipts: Observed[ReceiptView] = Observed()
        self._gates: Observed[GateView] = Observed()
        self._witness = Witness(
            options, EventKeys(options.event_keys), options.ops_database_urls, outside or http
        )
        self._revocations: dict[str, float] = {}
        """The age of the newest status list less the monotonic clock, by database."""
        self._outboxes: dict[str, Observed[OutboxView]] = {
            name: Observed() for name in map(name_of, options.ops_database_urls)
        }

    def tasks(self) -> list[BackgroundTask]:
        """Return the looks as work that is repeated for ever."""
        looks: dict[str, tuple[Look, Observed[Any] | None]] = {"queues": (self.count_queues, self._queues)}
        if self._options.ops_database_urls:
            looks |= {
                "outboxes": (self.look_into_databases, None),
                "audit_heads": (self._witness.look, None),
                "invariants": (self.count_invariants, self._invariants),
            }
        if self._options.ops_processes:
            looks["processes"] = (self.look_at_processes, self._processes)
        return [self._repeated(name, look, observed) for name, (look, observed) in looks.items()]

    def report(self) -> Report:
        """Return what is known now."""
        return Report(
            at=now(),
            processes=self._processes.part(),
            queues=self._queues.part(),
            outboxes=tuple(
                (one.items or (OutboxView(database=name),))[0].model_copy(
                    update={"answers": one.answers, "looked_at": one.looked_at}
                )
                for name, one in self._outboxes.items()
            ),
            channels=self._channels.part(),
            lanes=self._lanes.part(),
            receipts=self._receipts.part(),
            gates=self._gates.part(),
            revocations=tuple(self._revocations_now()),
            invariants=self._invariants.part(),
            backups=bool(self._options.ops_backup_stamp),
        )

    async def count_queues(self) -> bool:
        """Count dead letters, what waits for each consumer and for a retry, and queues that are missing."""
        options = self._options
        consumers = list(queues.consumer_queues())
        delays = [delay_name(step) for step in range(len(options.retry_delays))]
        async with (
            asyncio.timeout(LOOK_SECONDS),
            await connect(options.broker_urls, "exporter", options.broker_heartbeat) as connection,
        ):
            names = [*consumers, *map(queues.dead_queue, consumers), *delays]
            found = await queues.depths(connection, names)
            missing = [name for name in names if name not in found]
            missing += await missing_exchanges(connection, options.retry_delays)
        for name in missing:
            log.error("it is missing: run `epass topology apply`", name=name)
        QUEUES_MISSING.set(len(missing))
        for queue in consumers:
            if (dead := found.get(queues.dead_queue(queue))) is not None:
                metrics.DEAD_LETTERS.labels(queue).set(dead.messages)
            if (depth := found.get(queue)) is not None:
                metrics.QUEUE_MESSAGES.labels(queue).set(depth.messages)
                metrics.QUEUE_CONSUMERS.labels(queue).set(depth.consumers)
        for queue in delays:
            if (depth := found.get(queue)) is not None:
                metrics.QUEUE_MESSAGES.labels(queue).set(depth.messages)
        self._remember_queues(found, consumers, delays)
        return True

    def _remember_queues(
        self, found: dict[str, queues.Depth], consumers: Sequence[str], delays: Sequence[str]
    ) -> None:
        since = {one.queue: one.not_empty_since for one in self._queues.items}
        self._queues.found(
            [
                QueueView(
                    queue=queue,
                    messages=found[queue].messages,
                    consumers=None if queue in delays else found[queue].consumers,
                    not_empty_since=(since.get(queue) or now()) if found[queue].messages else None,
                    dead_letters=found.get(queues.dead_queue(queue), queues.NOTHING).messages,
                )
                for queue in (*consumers, *delays)
                if queue in found
            ]
        )

    async def look_into_databases(self) -> bool:
        """Look into each database: what waits in its outbox, and in two of them messages and gates.

        Raises:
            DatabaseAway: one cannot be read; the others were looked into.
        """
        urls = self._options.ops_database_urls
        looks = (asyncio.wait_for(asyncio.to_thread(inspect, url), LOOK_SECONDS) for url in urls)
        fault: BaseException | None = None
        for name, one in zip(
            map(name_of, urls), await asyncio.gather(*looks, return_exceptions=True), strict=True
        ):
            DATABASE_WRITABLE.labels(name).set(isinstance(one, Inspected) and one.outbox.writable)
            if isinstance(one, BaseException):
                fault = one
                for observed in (self._outboxes[name], *self._observed_in(name)):
                    observed.answers = False
            else:
                self._remember_database(one)
        if fault is not None:
            raise fault
        return True

    def _age_at(self, database: str) -> float:
        """Return how old the revocations of a database are now, whether it still answers or not."""
        return self._revocations[database] + monotonic()

    def _revocations_now(self) -> Iterator[RevocationsView]:
        ages = {database: self._age_at(database) for database in self._revocations}
        for one in self._processes.items:
            if one.revocations_seconds is not None:
                ages["gateway"] = max(one.revocations_seconds, ages.get("gateway", 0.0))
        for at, age in ages.items():
            yield RevocationsView(at=at, age_seconds=age if isfinite(age) else None)

    def _observed_in(self, database: str) -> Sequence[Observed[Any]]:
        of_notify = (self._channels, self._lanes, self._receipts)
        return {"notify": of_notify, "verify": (self._gates,)}.get(database, ())

    def _remember_database(self, one: Inspected) -> None:
        outbox = one.outbox
        metrics.OUTBOX_WAITING.labels(outbox.database).set(outbox.waiting)
        metrics.OUTBOX_LAG.labels(outbox.database).set(outbox.oldest_seconds)
        refused = tuple(refusal for _, refusal in one.refused or () if refusal)
        view = OutboxView.from_attributes(outbox, refused=refused)
        if one.revocations_seconds is not None:
            self._revocations[outbox.database] = one.revocations_seconds - monotonic()
            gauge = metrics.REVOCATIONS_AGE.labels(outbox.database)
            gauge.set_function(lambda: self._age_at(outbox.database))
        self._outboxes.setdefault(outbox.database, Observed()).found([view])
        for job, refusal in one.refused or ():
            JOB_REFUSED.labels(outbox.database, job).set(refusal is not None)
        archived_at = nan if one.log_archived_at is None else one.log_archived_at
        LOG_ARCHIVED.labels(outbox.database).set(archived_at)
        if one.audit_bytes is not None:
            AUDIT_BYTES.labels(outbox.database).set(one.audit_bytes)
        if one.unsealed_seconds is not None:
            AUDIT_UNSEALED.labels(outbox.database).set(one.unsealed_seconds)
        for observed in self._observed_in(outbox.database):
            observed.answers = False
        if one.channels is not None:
            self._channels.found(one.channels)
        if one.lanes is not None:
            self._lanes.found(one.lanes)
            for lane in one.lanes:
                MESSAGES_WAITING.labels(lane.lane).set(lane.waiting)
                MESSAGE_WAIT.labels(lane.lane).set(lane.oldest_seconds)
        if one.receipts is not None:
            self._receipts.found(one.receipts)
        if one.gates is not None:
            self._gates.found(one.gates)

    async def count_invariants(self) -> bool:
        """Check the invariants."""
        options = self._options
        async with await connect(options.broker_urls, "exporter", options.broker_heartbeat) as connection:
            found = await invariants.balances(connection, options, GRACE_SECONDS)
        for balance in found:
            INVARIANT_HOLDS.labels(balance.name).set(balance.holds)
            for term, number in {balance.whole: balance.number, **balance.parts, **balance.faults}.items():
                INVARIANT_NUMBER.labels(balance.name, term).set(number)
        self._invariants.found([InvariantView.from_attributes(balance) for balance in found])
        return all(balance.holds for balance in found)

    async def look_at_processes(self) -> bool:
        """Ask each process how it is."""
        found = await processes.look_at(self._http, self._options.ops_processes, self._processes.items)
        self._processes.found(found)
        states = Counter((one.name, one.state) for one in found)
        for kind in {one.name for one in found}:
            for state in STATES:
                PROCESSES.labels(kind, state).set(states[kind, state])
        return True

    def _repeated(self, name: str, look: Look, observed: Observed[Any] | None) -> BackgroundTask:
        job = Job(f"look_at_{name}", self._options.ops_interval)

        async def repeat() -> None:
            while True:
                began = monotonic()
                try:
                    well = await look()
                    background.working = True
                    background.backoff.reset()
                    job.succeed()
                except BaseException as error:  # after whatever it is, the report knows this part no longer
                    background.working = well = False
                    if observed is not None:
                        observed.answers = False
                    if not isinstance(error, (DatabaseAway, *LOST)):
                        raise
                    log.warning(
                        "exporter check failed",
                        what=name,
                        error=type(error).__name__,
                        why=str(error) if isinstance(error, DatabaseAway) else "",
                    )
                took = monotonic() - began
                looks = HOLDING if well and name == "invariants" else 1
                pause = max(looks * self._options.ops_interval, (9 if well else 1) * took)
                job.interval = pause + took
                await asyncio.sleep(pause)

        background = BackgroundTask(name, repeat)
        return background


def watch_backups(options: ExporterSettings) -> None:
    """Show when the file of the newest backup was touched, 0 while there is none."""
    stamp = Path(options.ops_backup_stamp)

    def touched_at() -> float:
        return stamp.stat().st_mtime if stamp.exists() else 0.0

    if options.ops_backup_stamp:
        BACKUP_MADE.set_function(touched_at)


async def run(options: ExporterSettings, health: Health, stop: asyncio.Event) -> None:
    """Repeat all looks, and answer the gateways, until ``stop`` is set.

    Raises:
        BackgroundTaskEnded: one of them ended although nobody stopped it.
    """
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    watch_backups(options)
    # The store of the witness is none of ours: an authority of this system has signed its certificate.
    async with (
        httpx.AsyncClient(trust_env=False, timeout=processes.SECONDS, verify=options.asks_with()) as http,
        httpx.AsyncClient(trust_env=False, verify=ssl.create_default_context()) as outside,
    ):
        exporter = Exporter(options, http, outside)
        background = exporter.tasks()
        if options.ops_port and options.ops_token.get_secret_value():
            background.append(interface.serving(options, exporter.report))
        for one in background:
            health.checks[one.name] = lambda one=one: one.working  # type: ignore[misc]  # mypy cannot infer a lambda's default
        await run_until(stop, background)
