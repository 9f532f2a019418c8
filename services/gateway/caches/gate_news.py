"""What gates of one site hear: who has passed, a newer list of revoked passes, and who comes to help."""

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Literal

from contracts import rpc
from contracts.rpc.call import Principal
from contracts.rpc.issuance import StatusList
from contracts.rpc.verify.incidents import HelpCall
from contracts.rpc.verify.presence import Movement, MovementQuestion
from services.chassis.runtime.clock import monotonic
from services.gateway.caches.polled_replies import PolledReplies
from services.gateway.caches.refreshing_cache import RefreshingCache
from services.gateway.rpc.client import RpcClient

POLL_SECONDS = 1.0
"""Between two looks at a site to whose gates somebody listens."""
KEPT = 2_000
"""Movements that are kept for gates that come back after a broken connection."""
OVERLAP = 200
"""So many places are told again after a break: a scan may be stored after one that has a later place."""
LONGEST_BREAK = 3_000.0
"""Seconds between two answers of verify, which tells no movement that is older than an hour."""
News = Movement | HelpCall | Literal["status", "reload"]
"""``reload``: the gate has missed movements that are not kept, and fetches a manifest."""


class GateNews:
    """The newest movements of each site to whose gates somebody listens."""

    def __init__(
        self, client: RpcClient, status_list: RefreshingCache[StatusList], every: float = POLL_SECONDS
    ) -> None:
        self._client = client
        self._status_list = status_list
        self._recent: dict[str, _Recent] = {}
        self._replies: PolledReplies[str, _Recent] = PolledReplies("movements of a site", self._ask, every)

    async def _ask(self, site: str, principal: Principal) -> "_Recent":
        known, asked_at = self._recent.get(site), monotonic()
        question = MovementQuestion(site=site, after=known.last if known else None)
        reply = await self._client.call(rpc.verify.presence.MOVEMENTS, question, principal=principal)
        if known is None:
            known = self._recent[site] = _Recent(reply.last)
        elif reply.last < known.last:  # a promotion has lost places, which are used again
            known.forget(known.last + 1)
        elif monotonic() - known.heard_at > LONGEST_BREAK:
            known.forget(reply.last)
        known.add(reply.items, reply.last)
        known.calls = reply.calls
        known.heard_at = asked_at
        return known

    def of(
        self, site: str, principal: Principal, seconds: float, since: int | None
    ) -> AsyncGenerator[News, None]:
        """Return an iterator over what is new.

        It ends after so many seconds, or when the gateway stops. While verify is down, nobody moves.

        Args:
            site: of the gate that listens.
            principal: its login.
            seconds: how long.
            since: the place of the last movement that the gate knows; None where it has a new manifest.

        Raises:
            TooManyAttempts: this login listens too often already.
        """
        return self._news(self._replies.of(site, principal, seconds), since)

    async def _news(
        self, replies: AsyncGenerator["_Recent | None", None], since: int | None
    ) -> AsyncGenerator[News, None]:
        seen, breaks, status = None, 0, self._status_list.value
        calls: tuple[HelpCall, ...] = ()
        async with aclosing(replies):
            async for recent in replies:
                if recent is not None:
                    if seen is None:
                        is_missing = since is not None and not recent.reaches_back_to(since)
                    else:
                        is_missing = recent.breaks > breaks
                    if is_missing:
                        yield "reload"
                    for movement in recent.after(seen, since):
                        yield movement
                    seen, breaks = recent.count, recent.breaks
                    for call in recent.calls:
                        if call not in calls:
                            yield call
                    calls = recent.calls
                if status is not None and status != self._status_list.value:
                    yield "status"
                status = self._status_list.value

    def end(self) -> None:
        """End all listening, because the gateway stops."""
        self._replies.end()


class _Recent:
    """The newest movements of a site, each once, in the order in which the gateway heard of them."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.count = 0
        """Of all that were ever added."""
        self.breaks = 0
        """How often movements may have been missed: verify was away for too long, or has lost some."""
        self.heard_at = 0.0
        self.calls: tuple[HelpCall, ...] = ()
        """Calls for help that ring or were just answered."""
        self._complete_from = last
        self._kept: deque[Movement] = deque(maxlen=KEPT)
        self._told: set[tuple[int, str]] = set()
        """Their places and nonces: after a promotion that has lost some, a place is used once more."""

    def add(self, movements: tuple[Movement, ...], last: int) -> None:
        """Add those that are not known yet."""
        for movement in movements:
            told = (movement.position, movement.nonce)
            if told in self._told:
                continue
            if len(self._kept) == KEPT:
                oldest = self._kept[0]
                self._told.discard((oldest.position, oldest.nonce))
                self._complete_from = max(self._complete_from, oldest.position)
            self._kept.append(movement)
            self._told.add(told)
            self.count += 1
        self.last = last

    def forget(self, last: int) -> None:
        """Remember that some up to this place may be missing."""
        self._complete_from = max(self._complete_from, last)
        self.breaks += 1

    def reaches_back_to(self, place: int) -> bool:
        """Return whether everything after a place is kept. A place above the last one was lost."""
        return self._complete_from <= place <= self.last

    def after(self, seen: int | None, since: int | None) -> list[Movement]:
        """Return what came after the first ``seen`` ones, or else with places after ``since``, or nothing.

        Those of a few places before ``since`` are told again: some of them may have been stored later.
        """
        if seen is not None:
            return list(self._kept)[-(self.count - seen) :] if seen < self.count else []
        return [one for one in self._kept if since is not None and one.position > since - OVERLAP]
