"""The sender (`epass sender`): a process of plain threads that hand stored messages to their channels.

Each vendor has threads of its own, so that one that is slow takes no thread from another. One-time codes come
first, and one thread of each vendor sends nothing else. The database notifies of new messages; for those that
are tried again the threads poll. One of a vendor's polls at a time, the others wait for their turn. One more
thread matches what vendors report, and takes the next steps of chains. A vendor that calls no webhook is
asked by threads of its own.

A fault that is neither a channel's nor the database's ends the process: its supervisor starts another, and
the leases run out.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial

from services.chassis.db.database import Database
from services.chassis.runtime import logs, tracing
from services.chassis.runtime.clock import monotonic
from services.chassis.runtime.health import Health
from services.chassis.runtime.jobs import Job
from services.chassis.runtime.lifecycle import Stopping, stopping
from services.chassis.runtime.settings import read
from services.notify.adapters.channels import ReportService
from services.notify.adapters.channels.installed import channels_of, report_services_of
from services.notify.adapters.media_ids import StoredMediaIds
from services.notify.adapters.wakeup_listener import WakeUp, WakeupListener
from services.notify.domain.messages import Lane
from services.notify.domain.outcomes import Postponed, Untried
from services.notify.handlers.deliveries import EVERY_LANE, BatchSize, Provider, Sender
from services.notify.handlers.leases import Leased
from services.notify.handlers.status_polls import PAUSE_SECONDS
from services.notify.settings import SenderSettings

log = logs.logger(__name__)
CODES: Sequence[Lane] = ("otp",)
BUSY_PAUSE = 0.05
"""Seconds between two leases if the first has found all that was due: in a crowd the next finds several."""
POLL_SECONDS = 1.0
"""A message of which nobody has told waits so long at most, if a thread is free."""
ADVANCE_SECONDS = 1.0
"""So often the sender looks for reports of vendors and for next steps of chains."""
STOP_SECONDS = 19.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class SenderThreads:
    """The threads of one sender process.

    Args:
        sender: what each thread calls.
        options: the number of threads of each vendor, and the database that wakes them.
        stop: when it is set, threads finish the messages that they have leased, and end.
        on_fault: called when a thread ends too early.
    """

    def __init__(
        self, sender: Sender, options: SenderSettings, stop: threading.Event, on_fault: Callable[[], None]
    ) -> None:
        self._sender = sender
        self._batch = options.sender_batch
        self._stop = stop
        self._on_fault = on_fault
        self._wakeups: list[WakeUp] = []
        url = options.database_url.get_secret_value()
        tasks = [WakeupListener(url, self._wakeups, stop).run, self._advance]
        for service in sender.reports.values():
            job = Job(f"ask:{service.name}", PAUSE_SECONDS)
            tasks += [partial(self._ask, service, job)] * options.sender_threads
        for provider in sender.providers.values():
            job = Job(f"lease_messages:{provider.name}", POLL_SECONDS)
            for lanes, threads in ((CODES, 1), (EVERY_LANE, options.sender_threads)):
                self._wakeups.append(wakeup := WakeUp(lanes, provider.channels))
                tasks += [partial(self._work, lanes, threading.Lock(), wakeup, provider, job)] * threads
        self._threads = [threading.Thread(target=self._guard, args=(task,), daemon=True) for task in tasks]

    def start(self) -> None:
        """Start all threads."""
        for thread in self._threads:
            thread.start()

    def finish(self) -> bool:
        """Wait for all threads once ``stop`` is set, at most ``STOP_SECONDS``; return whether they ended."""
        for wakeup in self._wakeups:
            wakeup.signal_all()
        until = monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(until - monotonic(), 0))
        return not any(thread.is_alive() for thread in self._threads)

    def _advance(self) -> None:
        job = Job("advance_chains", ADVANCE_SECONDS)
        while not self._stop.is_set():
            if not self._sender.advance():
                self._stop.wait(ADVANCE_SECONDS)
            job.succeed()

    def _ask(self, service: ReportService, job: Job) -> None:
        while not self._stop.is_set():
            self._stop.wait(self._sender.ask(service))
            job.succeed()

    def _work(
        self, lanes: Sequence[Lane], turn: threading.Lock, wakeup: WakeUp, provider: Provider, job: Job
    ) -> None:
        batch = BatchSize(self._batch)
        while not self._stop.is_set():
            with turn:
                leased = self._wait_for_messages(lanes, batch.size, wakeup, provider, job)
            began = monotonic()
            results = self._sender.send(leased)
            sent = sum(not isinstance(outcome, Postponed | Untried) for _, outcome in results)
            batch.adapt(sent, monotonic() - began)

    def _wait_for_messages(
        self, lanes: Sequence[Lane], limit: int, wakeup: WakeUp, provider: Provider, job: Job
    ) -> list[Leased]:
        """Return messages once some are due, leased; none if the process stops."""
        while not self._stop.is_set():
            if lanes != CODES:
                self._stop.wait(max(wakeup.quiet_until - monotonic(), 0))
            seen = wakeup.signals
            leased = self._sender.lease(lanes, limit, provider)
            job.succeed()
            if leased:
                wakeup.quiet_until = monotonic() + (BUSY_PAUSE if len(leased) < limit else 0)
                return leased
            wakeup.wait(seen, POLL_SECONDS)
        return []

    def _guard(self, task: Callable[[], None]) -> None:
        try:
            task()
        except Stopping:
            log.info("stopped while the database was away")
        finally:
            if not self._stop.is_set():
                self._on_fault()


def _log_uncaught(arguments: threading.ExceptHookArgs) -> None:
    log.critical("a thread of the sender ended", exc_info=arguments.exc_value)


def main() -> None:
    """Send until SIGTERM or SIGINT, then finish the leased messages within 20 s.

    The exit code is 1 after a fault of its own.
    """
    options = read(SenderSettings)
    logs.configure("sender", options.log_level)
    threading.excepthook = _log_uncaught
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # for all threads: sigwait below takes them
    database, health = Database.of(options), Health()
    health.checks["database"] = database.is_available
    database.export_metrics()
    health.serve(options.health_host, options.health_port, options.served_with())
    broken = threading.Event()

    def on_fault() -> None:
        broken.set()
        os.kill(os.getpid(), signal.SIGTERM)

    channels = channels_of(options, StoredMediaIds(database))
    sender = Sender(database, channels, options, stopping, reports=report_services_of(options))
    threads = SenderThreads(sender, options, stopping, on_fault)
    with tracing.exporting("sender", options.otlp_endpoint, options.otlp_ratio):
        threads.start()
        log.info("sending", providers=sorted(sender.providers), threads_each=options.sender_threads + 1)
        signal.sigwait(STOP_SIGNALS)
        stopping.set()
        log.info("stopping")
        log.info("stopped", finished=threads.finish())
    sys.exit(1 if broken.is_set() else 0)
