"""Notice when a gate calls for help, for pages of the reception that are open in a browser."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from contracts import rpc
from contracts.rpc.call import Principal
from contracts.rpc.verify.incidents import HelpCalls, HelpQuestion
from services.gateway.caches.polled_replies import PolledReplies
from services.gateway.rpc.client import RpcClient

POLL_SECONDS = 1.0
"""Between two looks at the calls of a site whose reception listens."""


class HelpCallChanges:
    """Compares the calls of a site with those of the last look.

    Args:
        client: calls the services.
        every: seconds between two looks.
    """

    def __init__(self, client: RpcClient, every: float = POLL_SECONDS) -> None:
        self._client = client
        self._replies: PolledReplies[str | None, HelpCalls] = PolledReplies(
            "calls for help of a site", self._ask, every
        )

    async def _ask(self, site: str | None, principal: Principal) -> HelpCalls:
        return await self._client.call(
            rpc.verify.incidents.HELP_CALLS, HelpQuestion(site=site), principal=principal, ahead=True
        )

    def of(self, principal: Principal, seconds: float) -> AsyncGenerator[None, None]:
        """Return an iterator that yields whenever the calls for the principal have changed.

        It yields at once where something rings. It ends after so many seconds, or when the gateway stops.

        Raises:
            TooManyAttempts: this login listens too often already.
        """
        return self._differences(self._replies.of(principal.site, principal, seconds))

    async def _differences(
        self, replies: AsyncGenerator[HelpCalls | None, None]
    ) -> AsyncGenerator[None, None]:
        seen = HelpCalls()
        async with aclosing(replies):
            async for reply in replies:
                if reply is not None and reply != seen:
                    yield
                    seen = reply

    def end(self) -> None:
        """End all listening, because the gateway stops."""
        self._replies.end()
