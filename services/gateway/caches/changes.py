"""Notice changes for pages that are open in a browser: of a queue, and of gates' calls for help."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import TypeVar

from fastapi.responses import StreamingResponse

from contracts import rpc
from contracts.rpc.approval.reviews import ReviewList, ReviewQuestion
from contracts.rpc.call import Principal
from contracts.rpc.verify.incidents import HelpCalls, HelpQuestion
from services.gateway.caches.polled_replies import NOT_BUFFERED, STREAM_SECONDS, PolledReplies
from services.gateway.rpc.client import RpcClient

T = TypeVar("T")
_Queue = tuple[str | None, str | None]
"""A department, and the site that a login is limited to."""
_NEWEST = ReviewQuestion(status="pending", order="newest", limit=1, counts=True)


class QueueChanges:
    """Compares the counts of a queue and its newest application with those of the last look."""

    def __init__(self, client: RpcClient, every: float = 3.0) -> None:
        self._replies: PolledReplies[_Queue, ReviewList] = PolledReplies(
            "queue of a department",
            lambda _queue, officer: client.call(
                rpc.approval.reviews.LIST_REVIEWS, _NEWEST, principal=officer, by_itself=True
            ),
            every,
        )
        self.end = self._replies.end

    def of(self, principal: Principal, seconds: float = STREAM_SECONDS) -> AsyncGenerator[None, None]:
        """Return an iterator that yields whenever the queue of an officer's department has changed.

        It ends after so many seconds, or when the gateway stops. While approval is down, nothing has changed.

        Raises:
            TooManyAttempts: this login listens too often already.
        """
        replies = self._replies.of((principal.department, principal.site), principal, seconds)
        return _changes(replies, lambda reply: (reply.counts, [one.id for one in reply.items]))


class HelpCallChanges:
    """Compares the calls of a site with those of the last look."""

    def __init__(self, client: RpcClient, every: float = 1.0) -> None:
        self._replies: PolledReplies[str | None, HelpCalls] = PolledReplies(
            "calls for help of a site",
            lambda site, login: client.call(
                rpc.verify.incidents.HELP_CALLS, HelpQuestion(site=site), principal=login, ahead=True
            ),
            every,
        )
        self.end = self._replies.end

    def of(self, principal: Principal, seconds: float = STREAM_SECONDS) -> AsyncGenerator[None, None]:
        """Return the same for the calls to a login; it yields at once where something rings."""
        replies = self._replies.of(principal.site, principal, seconds)
        return _changes(replies, lambda reply: reply, HelpCalls())


async def _changes(
    replies: AsyncGenerator[T | None, None], shown: Callable[[T], object], seen: object = None
) -> AsyncGenerator[None, None]:
    """Yield whenever something else is shown of a reply than was seen before."""
    async with aclosing(replies):
        async for reply in replies:
            now = seen if reply is None else shown(reply)
            if seen is not None and now != seen:
                yield
            seen = now


def event_stream(changes: AsyncGenerator[None, None]) -> StreamingResponse:
    """Return an event for each change (Server-sent events, HTML 9.2); it holds no data.

    The stream ends after a minute, and a browser whose session is still valid opens the next one.
    """

    async def events() -> AsyncIterator[str]:
        yield "retry: 1000\n\n"
        async for _ in changes:
            yield "event: changed\ndata:\n\n"

    return StreamingResponse(events(), headers=NOT_BUFFERED, media_type="text/event-stream")
