"""A cache of one reply of a service, refreshed at intervals and served while that service is down."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Generic, TypeVar

from contracts.errors import ContractError
from services.chassis.runtime.background import BackgroundTask
from services.chassis.runtime.clock import monotonic
from services.chassis.runtime.jobs import Job
from services.chassis.runtime.logs import logger

log = logger(__name__)
T = TypeVar("T")
RETRY_SECONDS = 1.0
FIRST_RETRY_SECONDS = 0.2
"""While there is no copy yet."""
QUIET_TRIES = 10
"""After so many failures a warning says that there is no copy: no broker answers when a process starts."""


def _retrieve_failure(task: asyncio.Future[None]) -> None:
    """Retrieve what a fetch raised, so that asyncio does not warn where nobody waits for it."""
    if not task.cancelled():
        task.exception()


class RefreshingCache(Generic[T]):
    """A copy of one reply."""

    def __init__(self, name: str, fetch: Callable[[], Awaitable[T]], every: float) -> None:
        self.name = name
        self.value: T | None = None
        self._fetch = fetch
        self._every = every
        self._fetched_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        self._asked_at = float("-inf")
        self._woken = asyncio.Event()
        self.background = BackgroundTask(name, self._refresh_for_ever)

    async def refresh(self, at_most_every: float = 0.0) -> None:
        """Fetch a new copy, unless the last one is younger than ``at_most_every`` seconds.

        Concurrent callers share one fetch, and its failure.

        Raises:
            ContractError: the service does not answer; the old copy stays.
        """
        if self._fetched_at >= monotonic() - at_most_every:
            return
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._store())
            self._fetching.add_done_callback(self._on_fetched)
        await asyncio.shield(self._fetching)

    async def _store(self) -> None:
        self.value = await self._fetch()
        self._fetched_at = monotonic()

    def _on_fetched(self, task: asyncio.Task[None]) -> None:
        self._fetching = None
        _retrieve_failure(task)

    async def get(self) -> T:
        """Return the copy; fetch it now if there is none yet.

        Raises:
            ContractError: there is no copy and the service does not answer.
        """
        if self.value is None:
            await self.refresh()
        assert self.value is not None
        return self.value

    async def get_at_once(self, wait_seconds: float) -> T | None:
        """Return the copy without waiting for a refresh of it; None where there is none.

        Only for the first copy does it wait, up to ``wait_seconds``. After a failure it does not wait again
        for as long as a copy is kept.
        """
        if self._asked_at < monotonic() - self._every:
            self._asked_at = monotonic()
            first = asyncio.ensure_future(self.refresh())
            first.add_done_callback(_retrieve_failure)
            if self.value is None:
                await asyncio.wait({first}, timeout=wait_seconds)
        return self.value

    def wake(self) -> None:
        """Have the background task fetch at once."""
        self._woken.set()

    @cached_property
    def _job(self) -> Job:
        """Registered when the background task begins: other copies are fetched when somebody asks."""
        return Job(f"refresh:{self.name}", self._every)

    async def _refresh_for_ever(self) -> None:
        job, failures = self._job, 0
        while True:
            pause = self._every
            self._woken.clear()
            try:
                await self.refresh()
                job.succeed()
                self.background.backoff.reset()
            except ContractError as error:
                pause = min(pause, FIRST_RETRY_SECONDS if self.value is None else RETRY_SECONDS)
                log.debug("copy was not refreshed", copy=self.name, error=error.body.code)
                failures += 1
                if self.value is None and failures == QUIET_TRIES:
                    log.warning("there is no copy yet", copy=self.name, error=error.body.code)
            try:
                await asyncio.wait_for(self._woken.wait(), pause)
            except TimeoutError:
                continue
