"""Notice when the queue of a department changes, for desks that are open in a browser.

However many desks listen, the gateway asks approval once per department and interval.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from time import monotonic

from contracts import rpc
from contracts.errors import ContractError, TooManyAttempts
from contracts.rpc.approval import ReviewList, ReviewQuestion
from contracts.rpc.call import Principal
from services.gateway.refreshing_cache import RefreshingCache
from services.gateway.rpc.client import RpcClient

POLL_SECONDS = 3.0
"""Between two looks at the queue of a department to which somebody listens."""
MOST_LISTENERS = 12
"""Desks that one login may have open at once, in all browsers and tabs."""
_NEWEST = ReviewQuestion(status="pending", order="newest", limit=1, counts=True)


class QueueChanges:
    """One cached reply for each department, or site of it, to which somebody listens.

    The reply has the counts of the queue and its newest application.

    Args:
        client: calls the services.
        every: seconds between two looks.
    """

    def __init__(self, client: RpcClient, every: float = POLL_SECONDS) -> None:
        self._client = client
        self._every = every
        self._copies: dict[tuple[str | None, str | None], RefreshingCache[ReviewList]] = {}
        self._askers: dict[tuple[str | None, str | None], Principal] = {}
        self._leaving = asyncio.Event()
        self._listeners: Counter[str] = Counter()

    def of(self, principal: Principal, seconds: float) -> AsyncIterator[None]:
        """Return an iterator that yields whenever the queue of an officer's department has changed.

        It ends after so many seconds, or when the gateway stops. While approval is down, nothing has changed.

        Raises:
            TooManyAttempts: this login listens `MOST_LISTENERS` times already.
        """
        if self._listeners[principal.id] >= MOST_LISTENERS:
            raise TooManyAttempts("too many open desks", retry_after=int(seconds))
        return self._changes(principal, seconds)

    async def _changes(self, principal: Principal, seconds: float) -> AsyncIterator[None]:
        self._listeners[principal.id] += 1
        try:
            async for _ in self._differences(principal, seconds):
                yield
        finally:
            self._listeners[principal.id] -= 1

    async def _differences(self, principal: Principal, seconds: float) -> AsyncIterator[None]:
        queue = principal.department, principal.site
        copy = self._copies.setdefault(
            queue,
            RefreshingCache(
                "queue of a department",
                lambda: self._client.call(rpc.approval.LIST_REVIEWS, _NEWEST, principal=self._askers[queue]),
                self._every,
            ),
        )
        until, seen = monotonic() + seconds, None
        while monotonic() < until and not self._leaving.is_set():
            self._askers[queue] = principal  # one whose session has not ended
            with suppress(ContractError):
                await copy.refresh(at_most_every=self._every)
            now = copy.value and (copy.value.counts, [one.id for one in copy.value.items])
            if seen is not None and now != seen:
                yield
            seen = now
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), self._every)

    def end(self) -> None:
        """End all listening, because the gateway stops."""
        self._leaving.set()
