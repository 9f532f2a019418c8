"""Periodic work of a process: when each job succeeded last, as metrics and for the pages of operations.

A job is registered where it is declared, in the process that runs it. Only a run without an error counts; a
job that has not succeeded yet counts from when it was registered, at the start of the process. All of it is
by the monotonic clock, and the age is computed when somebody asks.
"""

from services.chassis.runtime.clock import monotonic
from services.chassis.runtime.metrics import JOB_AGE, JOB_INTERVAL


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
