"""The sender (`epass sender`): a process of plain threads that hand stored messages to their channels.

One-time codes come first, and one thread sends nothing else. The database notifies of codes, because somebody
waits for them; for all other messages the threads poll. One of them polls at a time, the others wait for
their turn. A fault that is neither a channel's nor the database's ends the process: its supervisor starts
another, and the leases run out.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from time import monotonic

from services.chassis.db.database import Database
from services.chassis.runtime import logs, tracing
from services.chassis.runtime.health import Health
from services.chassis.runtime.lifecycle import Stopping, stopping
from services.chassis.runtime.settings import read
from services.notify.adapters.channels.installed import channels_of
from services.notify.adapters.media_ids import StoredMediaIds
from services.notify.adapters.wakeup_listener import WakeUp, WakeupListener
from services.notify.domain.messages import Lane
from services.notify.domain.outcomes import Untried
from services.notify.handlers.deliveries import EVERY_LANE, BatchSize, Sender
from services.notify.handlers.leases import Leased
from services.notify.settings import SenderSettings

log = logs.logger(__name__)
POLL_SECONDS = 0.5
"""A message other than a code waits so long at most, if a thread is free."""
STOP_SECONDS = 19.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class SenderThreads:
    """The threads of one sender process.

    Args:
        sender: what each thread calls.
        options: the number of threads, and the database that wakes them.
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
        self._wakeup = WakeUp()
        turn = threading.Lock()
        tasks = [
            WakeupListener(options.database_url.get_secret_value(), self._wakeup, stop).run,
            lambda: self._work(("otp",), threading.Lock()),
        ]
        tasks += [lambda: self._work(EVERY_LANE, turn)] * options.sender_threads
        self._threads = [threading.Thread(target=self._guard, args=(task,), daemon=True) for task in tasks]

    def start(self) -> None:
        """Start all threads."""
        for thread in self._threads:
            thread.start()

    def finish(self) -> bool:
        """Wait for all threads once ``stop`` is set, at most ``STOP_SECONDS``; return whether they ended."""
        self._wakeup.signal_all()
        until = monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(until - monotonic(), 0))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self, lanes: Sequence[Lane], turn: threading.Lock) -> None:
        batch = BatchSize(self._batch)
        while not self._stop.is_set():
            with turn:
                leased = self._wait_for_messages(lanes, batch.size)
            began = monotonic()
            results = self._sender.send(leased)
            sent = sum(not isinstance(outcome, Untried) for _, outcome in results)
            batch.adapt(sent, monotonic() - began)

    def _wait_for_messages(self, lanes: Sequence[Lane], limit: int) -> list[Leased]:
        """Return messages once some are due, leased; none if the process stops."""
        while not self._stop.is_set():
            seen = self._wakeup.signals
            if leased := self._sender.lease(lanes, limit):
                return leased
            self._wakeup.wait(seen, POLL_SECONDS)
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
    health.serve(options.health_host, options.health_port)
    broken = threading.Event()

    def on_fault() -> None:
        broken.set()
        os.kill(os.getpid(), signal.SIGTERM)

    sender = Sender(database, channels_of(options, StoredMediaIds(database)), options, stopping)
    threads = SenderThreads(sender, options, stopping, on_fault)
    with tracing.exporting("sender", options.otlp_endpoint, options.otlp_ratio):
        threads.start()
        log.info("sending", threads=options.sender_threads + 1)
        signal.sigwait(STOP_SIGNALS)
        stopping.set()
        log.info("stopping")
        log.info("stopped", finished=threads.finish())
    sys.exit(1 if broken.is_set() else 0)
