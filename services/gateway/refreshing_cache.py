"""What a service said last, asked again every so many seconds, and kept while that service is down."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

from contracts.errors import ContractError
from services.chassis.runtime.logs import logger

log = logger(__name__)
T = TypeVar("T")
RETRY_SECONDS = 1.0
FIRST_RETRY_SECONDS = 0.2


class RefreshingCache(Generic[T]):
    """A copy of one answer.

    Args:
        name: for the log.
        fetch: asks the service.
        every: seconds between two fetches.
    """

    def __init__(self, name: str, fetch: Callable[[], Awaitable[T]], every: float) -> None:
        self.name = name
        self.value: T | None = None
        self._fetch = fetch
        self._every = every
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()

    async def refresh(self, at_most_every: float = 0.0) -> None:
        """Asks the service now, unless it was asked a moment ago; callers at the same moment share one answer, or its failure.

        Raises:
            ContractError: it did not answer; the copy stays.
        """
        if self._asked_at >= monotonic() - at_most_every:
            return
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(self._asked)
        await asyncio.shield(self._asking)

    async def _ask(self) -> None:
        self.value = await self._fetch()
        self._asked_at = monotonic()

    def _asked(self, task: asyncio.Task[None]) -> None:
        self._asking = None
        if not task.cancelled():
            task.exception()  # seen, so that asyncio does not complain when every caller has gone

    async def get(self) -> T:
        """The copy, fetched now if there is none yet.

        Raises:
            ContractError: there is no copy and the service does not answer.
        """
        if self.value is None:
            await self.refresh()
        assert self.value is not None
        return self.value

    def wake(self) -> None:
        """Lets :meth:`run` ask at once."""
        self._woken.set()

    async def run(self) -> None:
        """Keeps the copy fresh until cancelled."""
        while True:
            pause = self._every
            self._woken.clear()
            try:
                await self.refresh()
            except ContractError as error:
                pause = min(pause, FIRST_RETRY_SECONDS if self.value is None else RETRY_SECONDS)
                log.debug("copy was not refreshed", copy=self.name, error=error.body.code)
            try:
                await asyncio.wait_for(self._woken.wait(), pause)
            except TimeoutError:
                continue
