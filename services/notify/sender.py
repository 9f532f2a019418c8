"""The sender (`epass sender`): a process of plain threads that carries stored messages to their channels.

One-time codes come first, and one thread takes nothing else. The threads are woken by the database, with polling as
the fallback. What is neither a channel's nor the database's fault ends the process: its supervisor starts another, and
the leases run out.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from time import monotonic

from services.chassis.db.database import Database
from services.chassis.runtime import logs
from services.chassis.runtime.health import health
from services.chassis.runtime.lifecycle import Stopping, stopping
from services.chassis.runtime.settings import Settings, settings
from services.notify.bell import Bell, Listener
from services.notify.channels.configured import channels_of
from services.notify.domain import Lane, Untried
from services.notify.sending import EVERY_LANE, Pace, Sender

log = logs.logger(__name__)
POLL_SECONDS = 1.0
STOP_SECONDS = 19.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Crew:
    """The threads of one sender.

    Args:
        sender: what they call.
        options: how many they are, and which database rings.
        stop: set, they finish what they hold and end.
        on_fault: called when a thread ends before its time.
    """

    def __init__(
        self, sender: Sender, options: Settings, stop: threading.Event, on_fault: Callable[[], None]
    ) -> None:
        self._sender = sender
        self._batch = options.sender_batch
        self._stop = stop
        self._on_fault = on_fault
        self._for_codes, self._for_any = Bell(), Bell()
        bells: dict[Lane, Sequence[Bell]] = {
            "otp": (self._for_codes, self._for_any),
            "normal": (self._for_any,),
        }
        tasks = [
            Listener(options.database_url.get_secret_value(), bells, stop).run,
            lambda: self._work(("otp",), self._for_codes),
        ]
        tasks += [lambda: self._work(EVERY_LANE, self._for_any)] * options.sender_threads
        self._threads = [threading.Thread(target=self._guard, args=(task,), daemon=True) for task in tasks]

    def start(self) -> None:
        """Begins."""
        for thread in self._threads:
            thread.start()

    def finish(self) -> bool:
        """Waits, once ``stop`` is set, until all have ended, but not for ever; whether they did."""
        self._for_codes.wake_all()
        self._for_any.wake_all()
        until = monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(until - monotonic(), 0))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self, lanes: Sequence[Lane], bell: Bell) -> None:
        pace = Pace(self._batch)
        while not self._stop.is_set():
            seen, began = bell.rings, monotonic()
            results = self._sender.send_due(lanes, pace.size)
            if results:
                pace.learn(
                    sum(not isinstance(outcome, Untried) for _, outcome in results), monotonic() - began
                )
            else:
                bell.wait(seen, POLL_SECONDS)

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
    """Sends until SIGTERM or SIGINT, then finishes what is in hand, within 20 s. Exit code 1 after a fault of its own."""
    options = settings()
    logs.configure("sender", options.log_level)
    threading.excepthook = _log_uncaught
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # for all threads: sigwait below takes them
    database = Database.of(options)
    health.checks["database"] = database.answers
    health.serve(options.health_host, options.health_port)
    broken = threading.Event()

    def on_fault() -> None:
        broken.set()
        os.kill(os.getpid(), signal.SIGTERM)

    crew = Crew(
        Sender(database, channels_of(options, database), options, stopping), options, stopping, on_fault
    )
    crew.start()
    log.info("sending", threads=options.sender_threads + 1)
    signal.sigwait(STOP_SIGNALS)
    stopping.set()
    log.info("stopped", finished=crew.finish())
    sys.exit(1 if broken.is_set() else 0)
