"""What wakes the sender's threads: a bell that the database rings whenever messages were stored."""

import threading
from collections.abc import Mapping, Sequence

import psycopg

from services.chassis.db.connection_timeouts import TCP, BoundedConnection
from services.chassis.runtime.logs import logger
from services.notify.domain import Lane

log = logger(__name__)
LISTEN_SECONDS = 1.0


class Bell:
    """Wakes one waiting thread a ring; who looks for work itself before waiting misses none."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self.rings = 0

    def ring(self) -> None:
        """There is work for one."""
        with self._condition:
            self.rings += 1
            self._condition.notify()

    def wake_all(self) -> None:
        """Everyone is to look: the process stops, or rings may have been missed."""
        with self._condition:
            self.rings += 1
            self._condition.notify_all()

    def wait(self, seen: int, seconds: float) -> None:
        """Waits for a ring after the ``seen``-th, at most so long."""
        with self._condition:
            if self.rings == seen:
                self._condition.wait(seconds)


class Listener:
    """LISTENs on a connection of its own, and connects again when that is lost.

    Args:
        url: of the database, as SQLAlchemy has it.
        bells: which to ring for a message of a lane.
        stop: ends it.
    """

    def __init__(self, url: str, bells: Mapping[Lane, Sequence[Bell]], stop: threading.Event) -> None:
        self._url = url.replace("postgresql+psycopg://", "postgresql://")
        self._bells = bells
        self._stop = stop

    def run(self) -> None:
        """Listens until the process stops; polling goes on without it while the database is away."""
        while not self._stop.is_set():
            try:
                self._listen()
            except psycopg.OperationalError as error:
                log.warning("listening was interrupted", error=type(error).__name__)
                self._stop.wait(1)

    def _listen(self) -> None:
        with BoundedConnection.connect(self._url, autocommit=True, connect_timeout=3, **TCP) as connection:
            connection.execute("listen messages")
            for bells in self._bells.values():
                for bell in bells:
                    bell.wake_all()
            while not self._stop.is_set():
                for notice in connection.notifies(timeout=LISTEN_SECONDS):
                    lane: Lane = "otp" if notice.payload == "otp" else "normal"
                    for bell in self._bells[lane]:
                        bell.ring()
                connection.execute("select")  # whether there is anybody to listen to
