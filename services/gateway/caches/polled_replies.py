"""Replies of a service that are asked for again and again, for browsers that hold a stream open.

However many browsers listen, the gateway asks once per key (a department, a site) and interval. While the
service is down, the last reply stays.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Generic, TypeVar

from contracts.errors import ContractError, TooManyAttempts
from contracts.rpc.call import Principal
from services.chassis.runtime.clock import monotonic
from services.gateway.caches.refreshing_cache import RefreshingCache

MOST_LISTENERS = 12
"""Streams that one login may have open at once, in all browsers and tabs."""
STREAM_SECONDS = 60.0
"""After so long a stream ends, so that a session that has ended loses it soon; the browser opens the next."""
NOT_BUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Headers of a stream: no cache and no proxy (nginx) keeps its events."""
K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class PolledReplies(Generic[K, T]):
    """One cached reply for each key to which somebody listens.

    Args:
        name: for the log.
        ask: asks the service about a key, for a principal whose session has not ended.
        every: seconds between two looks.
    """

    def __init__(self, name: str, ask: Callable[[K, Principal], Awaitable[T]], every: float) -> None:
        self._name = name
        self._ask = ask
        self._every = every
        self._copies: dict[K, RefreshingCache[T]] = {}
        self._askers: dict[K, Principal] = {}
        self._leaving = asyncio.Event()
        self._listeners: Counter[str] = Counter()

    def of(self, key: K, principal: Principal, seconds: float) -> AsyncGenerator[T | None, None]:
        """Return an iterator that yields the reply after each look; None while there is none.

        It ends after so many seconds, or when the gateway stops.

        Raises:
            TooManyAttempts: this login listens `MOST_LISTENERS` times already.
        """
        if self._listeners[principal.id] >= MOST_LISTENERS:
            raise TooManyAttempts("too many open streams", retry_after=int(seconds))
        return self._listen(key, principal, seconds)

    async def _listen(self, key: K, principal: Principal, seconds: float) -> AsyncGenerator[T | None, None]:
        self._listeners[principal.id] += 1
        try:
            async for reply in self._replies(key, principal, seconds):
                yield reply
        finally:
            self._listeners[principal.id] -= 1

    async def _replies(self, key: K, principal: Principal, seconds: float) -> AsyncGenerator[T | None, None]:
        copy = self._copies.setdefault(
            key, RefreshingCache(self._name, lambda: self._ask(key, self._askers[key]), self._every)
        )
        until = monotonic() + seconds
        while monotonic() < until and not self._leaving.is_set():
            self._askers[key] = principal
            with suppress(ContractError):
                await copy.refresh(at_most_every=self._every)
            yield copy.value
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), self._every)

    def end(self) -> None:
        """End all listening, because the gateway stops."""
        self._leaving.set()
