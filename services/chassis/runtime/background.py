"""Long-lived work of an asyncio process: begun again after every failure, until the process stops it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from services.chassis.runtime import metrics
from services.chassis.runtime.backoff import Backoff
from services.chassis.runtime.logs import logger

log = logger(__name__)


class BackgroundTaskEnded(Exception):
    """Work that must never end has ended. Only a new process helps."""


class BackgroundTask:
    """One piece of long-lived work, such as the relay of one database.

    Anything but a cancellation of its own task is logged, counted and waited out, and the work begins again.
    That includes a `CancelledError` that nobody asked for: aiormq raises one, or a bare `Exception`, in
    whatever waits while it tears down a connection.

    Args:
        name: for the log and the metric.
        work: runs until it fails or is cancelled; it sets ``working`` while it does what it is for.
        expected: errors of its surroundings, logged as a warning without a traceback.
    """

    def __init__(
        self, name: str, work: Callable[[], Awaitable[None]], expected: tuple[type[Exception], ...] = ()
    ) -> None:
        self.name = name
        self.working = False
        self.backoff = Backoff()
        """The work resets it once it does what it is for."""
        self._work = work
        self._expected = expected

    async def run(self) -> NoReturn:
        """Do the work until this task is cancelled."""
        failures = metrics.BACKGROUND_FAILURES.labels(self.name)
        while True:
            try:
                await self._work()
                log.error("background work ended", task=self.name)
            except self._expected as error:
                log.warning("background work waits", task=self.name, error=type(error).__name__)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                log.warning("background work was cancelled by a library", task=self.name)
            except Exception as error:  # whatever it is, the work must not end in silence
                log.error("background work failed", task=self.name, exc_info=error)  # noqa: TRY400  exception() would log the text, too
            finally:
                self.working = False
            failures.inc()
            await asyncio.sleep(self.backoff.next_pause())


async def run_until(stop: asyncio.Event, background: Sequence[BackgroundTask]) -> None:
    """Run long-lived work until ``stop`` is set, then cancel it and wait for its end.

    Raises:
        BackgroundTaskEnded: a task ended although nobody stopped it.
    """
    tasks = [asyncio.create_task(one.run(), name=one.name) for one in background]
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        ended = [task.get_name() for task in tasks if task.done()]
    finally:
        for task in (stopped, *tasks):
            task.cancel()
        await asyncio.gather(stopped, *tasks, return_exceptions=True)
    if ended and not stop.is_set():
        raise BackgroundTaskEnded(", ".join(ended))
