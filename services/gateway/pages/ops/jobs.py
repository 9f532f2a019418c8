"""Periodic jobs, as operations see them: of several replicas, the one whose last success is oldest."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.ops import Report


@dataclass(frozen=True)
class PeriodicJob:
    """One job of one kind of process."""

    process: str
    name: str
    interval: float
    """Seconds from one run to the next."""
    is_late: bool
    last_success_at: datetime
    """Before the first success: when the process began to run the job."""


def jobs_of(report: Report | None) -> list[PeriodicJob]:
    """Return the jobs of a report, late ones first; none where no process answers."""
    if report is None or not report.processes.answers:
        return []
    found: dict[tuple[str, str], PeriodicJob] = {}
    for process in report.processes.items:
        for job in process.jobs:
            at = (process.answered_at or report.at) - timedelta(seconds=job.age)
            known = found.get((process.name, job.name))
            if known is None or at < known.last_success_at:
                one = PeriodicJob(process.name, job.name, job.interval, job.is_late, at)
                found[process.name, job.name] = one
    return sorted(found.values(), key=lambda one: (not one.is_late, one.process, one.name))
