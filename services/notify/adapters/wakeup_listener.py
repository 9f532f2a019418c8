"""How the sender's threads wake up: the database notifies a listener when messages were stored."""

import threading
from collections.abc import Sequence

import psycopg

from contracts.model import DeliverBy
from services.chassis.db.connection_timeouts import TCP_OPTIONS, TimeoutConnection
from services.chassis.db.database import WRITABLE
from services.chassis.runtime.backoff import Backoff
from services.chassis.runtime.logs import logger
from services.notify.domain.messages import Lane

log = logger(__name__)
CHANNEL = "messages"
LISTEN_SECONDS = 1.0


def topic(lane: Lane, channel: DeliverBy) -> str:
    """Return what is told of a message that was stored: who may send it."""
    return f"{lane} {channel}"


class WakeUp:
    """A counter that waiting threads watch: each signal wakes one of them.

    A thread that reads ``signals`` before it looks for work, and waits with that value, misses no signal.
    They send messages of these lanes and channels.
    """

    def __init__(self, lanes: Sequence[Lane], channels: Sequence[DeliverBy]) -> None:
        self._topics = {topic(lane, channel) for lane in lanes for channel in channels}
        self._condition = threading.Condition()
        self.signals = 0
        self.quiet_until = 0.0
        """Until when nobody looks for messages again, though there may be some; of the monotonic clock."""

    def signal(self, told: str) -> None:
        """Wake one thread if a message of theirs was stored."""
        if told not in self._topics:
            return
        with self._condition:
            self.signals += 1
            self._condition.notify()

    def signal_all(self) -> None:
        """Wake all threads: the process stops, or signals may have been missed."""
        with self._condition:
            self.signals += 1
            self._condition.notify_all()

    def wait(self, seen: int, seconds: float) -> None:
        """Wait for a signal after the ``seen``-th, at most so many seconds."""
        with self._condition:
            if self.signals == seen:
                self._condition.wait(seconds)


class WakeupListener:
    """Client of PostgreSQL's LISTEN on a connection of its own, which reconnects when the connection is lost.

    Args:
        url: of the database, in SQLAlchemy's form.
        wakeups: what to signal.
        stop: ends the listener when it is set.
    """

    def __init__(self, url: str, wakeups: Sequence[WakeUp], stop: threading.Event) -> None:
        self._url = url.replace("postgresql+psycopg://", "postgresql://")
        self._wakeups = wakeups
        self._stop = stop

    def run(self) -> None:
        """Listen until the process stops. Threads go on polling while the database is away."""
        backoff = Backoff()
        while not self._stop.is_set():
            try:
                self._listen(backoff)
            except psycopg.OperationalError as error:
                log.warning("listening was interrupted", error=type(error).__name__)
                self._stop.wait(backoff.next_pause())

    def _listen(self, backoff: Backoff) -> None:
        with TimeoutConnection.connect(
            self._url, autocommit=True, connect_timeout=3, **TCP_OPTIONS, **WRITABLE
        ) as connection:
            connection.execute(f"listen {CHANNEL}")
            backoff.reset()
            for wakeup in self._wakeups:
                wakeup.signal_all()
            while not self._stop.is_set():
                for told in connection.notifies(timeout=LISTEN_SECONDS):
                    for wakeup in self._wakeups:
                        wakeup.signal(told.payload)
                connection.execute("select")  # raises if the server is gone
