"""Periodic work of a process: when each job succeeded last, as metrics and for the pages of operations.

A job is registered where it is declared, in the process that runs it. Only a run without an error counts; a
job that has not succeeded yet counts from when it was registered, at the start of the process. All of it is
by the monotonic clock, and the age is computed when somebody asks.
"""

from collections.abc import Callable

from services.chassis.runtime.clock import monotonic
from services.chassis.runtime.lifecycle import Stopping, pause
from services.chassis.runtime.logs import logger
from services.chassis.runtime.metrics import JOB_AGE, JOB_INTERVAL

log = logger(__name__)


class Job:
    """One periodic job of this process.

    Args:
        name: the job's, unique in the process; it becomes a label.
        interval: seconds from one run to the next. It may be changed where that varies.
    """

    def __init__(self, name: str, interval: float) -> None:
        self.name = name
        self.interval = interval
        self._succeeded_at = monotonic()
        JOB_AGE.labels(name).set_function(lambda: monotonic() - self._succeeded_at)
        JOB_INTERVAL.labels(name).set_function(lambda: self.interval)

    def succeed(self) -> None:
        """Record that the job has just done its work. Several threads may share a job."""
        self._succeeded_at = monotonic()

    def run(self, work: Callable[[], object]) -> bool:
        """Do the work once and return whether it succeeded. An error is logged, by type and place.

        Raises:
            Stopping: the process stops.
        """
        try:
            work()
        except Stopping:
            raise
        except Exception as error:  # whatever it is, it must be seen, and the next run tries again
            log.warning("scheduled job failed", job=self.name, exc_info=error)
            return False
        self.succeed()
        return True

    def repeat(self, work: Callable[[], object], first: float) -> None:
        """Do the work at each interval, first after ``first`` seconds, until the process stops."""
        seconds = first
        try:
            while True:
                pause(seconds)
                seconds = self.interval
                self.run(work)
        except Stopping:
            return
