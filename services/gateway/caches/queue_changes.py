"""Notice when the queue of a department changes, for desks that are open in a browser."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from contracts import rpc
from contracts.rpc.approval.reviews import ReviewList, ReviewQuestion
from contracts.rpc.call import Principal
from services.gateway.caches.polled_replies import PolledReplies
from services.gateway.rpc.client import RpcClient

POLL_SECONDS = 3.0
"""Between two looks at the queue of a department to which somebody listens."""
_NEWEST = ReviewQuestion(status="pending", order="newest", limit=1, counts=True)
_Queue = tuple[str | None, str | None]
"""A department, and the site that a login is limited to."""


class QueueChanges:
    """Compares the counts of a queue and its newest application with those of the last look.

    Args:
        client: calls the services.
        every: seconds between two looks.
    """

    def __init__(self, client: RpcClient, every: float = POLL_SECONDS) -> None:
        self._client = client
        self._replies: PolledReplies[_Queue, ReviewList] = PolledReplies(
            "queue of a department", self._ask, every
        )

    async def _ask(self, _queue: _Queue, principal: Principal) -> ReviewList:
        return await self._client.call(rpc.approval.reviews.LIST_REVIEWS, _NEWEST, principal=principal)

    def of(self, principal: Principal, seconds: float) -> AsyncGenerator[None, None]:
        """Return an iterator that yields whenever the queue of an officer's department has changed.

        It ends after so many seconds, or when the gateway stops. While approval is down, nothing has changed.

        Raises:
            TooManyAttempts: this login listens too often already.
        """
        queue = principal.department, principal.site
        return self._differences(self._replies.of(queue, principal, seconds))

    async def _differences(
        self, replies: AsyncGenerator[ReviewList | None, None]
    ) -> AsyncGenerator[None, None]:
        seen = None
        async with aclosing(replies):
            async for reply in replies:
                now = reply and (reply.counts, [one.id for one in reply.items])
                if seen is not None and now != seen:
                    yield
                seen = now

    def end(self) -> None:
        """End all listening, because the gateway stops."""
        self._replies.end()
