"""What nameko injects into services, and the decorator of scheduled jobs.

`serve.run` puts one :class:`Process` into nameko's config; providers and other extensions take from it what
they need.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from eventlet import Timeout
from nameko import config
from nameko.extensions import DependencyProvider
from nameko.timer import Timer

from services.chassis.db import batches, destructive_jobs
from services.chassis.db.database import Database
from services.chassis.db.destructive_jobs import Portion
from services.chassis.runtime.clock import monotonic
from services.chassis.runtime.handlers import Injected
from services.chassis.runtime.health import Health
from services.chassis.runtime.jobs import Job
from services.chassis.runtime.logs import logger
from services.chassis.runtime.settings import ServiceSettings

log = logger(__name__)
Destroys = Callable[..., Portion | Sequence[Portion]]
"""Returns what a run takes."""
FIRST_SECONDS = 60.0
"""The first run of a job comes no later, so that an hourly one runs where no process lives for an hour."""
_KEY = "process"


@dataclass(frozen=True)
class Process:
    """What all containers of one nameko process share."""

    settings: ServiceSettings
    database: Database
    health: Health

    def provide(self) -> None:
        """Put this object where the extensions of this process find it."""
        config[_KEY] = self


def process() -> Process:
    """Return what this process shares. For extensions; handlers get what they need as arguments."""
    return cast(Process, config[_KEY])


class SettingsProvider(DependencyProvider):
    """Injects the settings of the process, an object of the service's own settings class."""

    def get_dependency(self, _worker_ctx: Any) -> Any:
        """Return the settings."""
        return process().settings


class DatabaseProvider(DependencyProvider):
    """Injects the service's :class:`Database`, one pool for the whole process."""

    def get_dependency(self, _worker_ctx: Any) -> Database:
        """Return the database."""
        return process().database


class Schedule(Timer):
    """A timer by the monotonic clock, whose interval may be the name of a setting.

    Nameko's own waits by the wall clock: set back, it stops; set forward, it catches up on all that it
    missed. This one makes up for nothing: after a long run the next comes at once, then the interval again.
    """

    interval: float | str

    def setup(self) -> None:
        """Look the interval up, and register the job in the process that runs it."""
        if isinstance(self.interval, str):
            self.interval = getattr(process().settings, self.interval)
        self._job = Job(self.method_name, float(self.interval))

    def handle_result(self, worker_ctx: Any, result: Any, exc_info: Any) -> Any:
        """Count the run if it succeeded."""
        if result is True:
            self._job.succeed()
        return super().handle_result(worker_ctx, result, exc_info)

    def _run(self) -> None:
        due = monotonic() + (0 if self.eager else min(self._job.interval, FIRST_SECONDS))
        while True:
            with Timeout(max(due - monotonic(), 0), exception=False):
                self.should_stop.wait()
                return
            self.handle_timer_tick()
            self.worker_complete.wait()
            self.worker_complete.reset()
            due = max(due + self._job.interval, monotonic())


def every(
    interval: float | str,
    handler: Callable[..., int | None],
    *,
    rows: int | str | None = None,
    eager: bool = False,
    destroys: Destroys | None = None,
) -> Callable[[Any], bool]:
    """Return the method of a nameko class that calls a handler at a fixed interval, in every replica.

    The class has a ``db``. The handler gets what it names (``handlers.py``); a ``session`` is a transaction.
    A call that fails is logged, by type and place, and the next one tries again; nameko itself would log
    nothing. It is no success, so a job that goes on failing is as late as one that never runs (``jobs.py``).

    Args:
        interval: seconds, or the name of a setting that holds them.
        rows: of a batch, or the name of a setting that holds them. The handler does at most one and returns
            how many rows it found; it is called again, in a new transaction, until it finds less than a whole
            batch (`batches.run`).
        eager: whether the first call comes at once, and not after one interval, or a minute if that is less.
        destroys: of a handler that erases, expires, drops or counts out: it then runs only while no clock is
            in doubt, and while it takes no more than a share of the portions that this returns, which names
            what it needs, too; its ``now`` is the database's (`destructive_jobs.run`).

    Raises:
        TypeError: the handler or ``destroys`` names what no job gets, or ``rows`` has no session to be of.
    """
    injected, portions = Injected(handler, ("session",)), destroys and Injected(destroys)
    if rows is not None and "session" not in injected.names:
        raise TypeError(f"{handler.__qualname__} works in batches and names no session")

    def work(self: Any) -> None:
        if "session" not in injected.names:
            injected(self)
        elif rows is None:
            with self.db.transaction() as session:
                injected(self, session=session)
        else:
            most = rows if isinstance(rows, int) else getattr(self.settings, rows)
            batches.run(self.db, lambda session: injected(self, session=session), most)

    @functools.wraps(handler)
    def tick(self: Any) -> bool:
        job = next(name for name in dir(type(self)) if getattr(type(self), name) is tick)
        try:
            if portions is None:
                work(self)
            else:
                doubt = destructive_jobs.doubt_portions(lambda at: portions(self, now=at))
                destructive_jobs.run(self.db.engine, job, functools.partial(work, self), doubt)
        except Exception as error:  # whatever it is, it must be seen, and the next tick tries again
            log.warning("scheduled job failed", job=job, exc_info=error)
            return False
        return True

    Schedule.decorator(interval=interval, eager=eager)(tick)
    return tick
