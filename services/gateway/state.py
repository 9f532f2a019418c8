"""What all requests of one gateway process share: the way to the services, and what is kept while they are down."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, cast

from fastapi import Request

from contracts import rpc
from contracts.rpc.accounts import DeniedSessions
from contracts.rpc.approval import DepartmentList, DepartmentQuestion, SiteList
from contracts.rpc.call import Nothing
from contracts.rpc.issuance import Jwks, StatusList
from services.chassis.runtime import logs
from services.chassis.runtime.settings import Settings
from services.gateway.rate_limits import RateLimits
from services.gateway.refreshing_cache import RefreshingCache
from services.gateway.response_times import DepartmentResponseTimes
from services.gateway.revoked_sessions import RevokedSessions
from services.gateway.rpc.client import RpcClient
from services.gateway.sessions import Keys, Sessions, public_keys

log = logs.logger(__name__)
EVERY_MINUTE = 60.0


class GatewayState:
    """One gateway.

    Args:
        settings: of this process.
        client: calls the services.
    """

    def __init__(self, settings: Settings, client: RpcClient) -> None:
        self.settings = settings
        self.client = client
        self.rate_limits = RateLimits(settings.rate_limits)
        self.revoked_sessions = RevokedSessions()
        self.keys: RefreshingCache[Keys] = RefreshingCache("session keys", self._fetch_keys, EVERY_MINUTE)
        self.denied: RefreshingCache[DeniedSessions] = RefreshingCache(
            "denied sessions", self._fetch_denied, EVERY_MINUTE
        )
        self.jwks: RefreshingCache[Jwks] = RefreshingCache(
            "jwks", lambda: client.call(rpc.issuance.JWKS, Nothing()), EVERY_MINUTE
        )
        self.sites: RefreshingCache[SiteList] = RefreshingCache(
            "sites", lambda: client.call(rpc.approval.SITES, Nothing()), EVERY_MINUTE
        )
        self.departments: RefreshingCache[DepartmentList] = RefreshingCache(
            "departments", lambda: client.call(rpc.approval.DEPARTMENTS, DepartmentQuestion()), EVERY_MINUTE
        )
        self.status_list: RefreshingCache[StatusList] = RefreshingCache(
            "status list",
            lambda: client.call(rpc.issuance.STATUS_LIST, Nothing()),
            settings.status_list_seconds,
        )
        self.response_times = DepartmentResponseTimes(client)
        self.sessions = Sessions(settings.issuer, self.keys, self.revoked_sessions)
        self.address_secret = settings.idempotency_secret.get_secret_value().encode() or secrets.token_bytes(
            32
        )
        self._tasks: list[asyncio.Task[None]] = []
        client.on_connect.append(self.revoked_sessions.subscribe)
        client.on_ready.append(self._wake)

    async def _fetch_keys(self) -> Keys:
        return public_keys(await self.client.call(rpc.accounts.SESSION_KEYS, Nothing()))

    async def _fetch_denied(self) -> DeniedSessions:
        denied = await self.client.call(rpc.accounts.DENIED_SESSIONS, Nothing())
        self.revoked_sessions.merge(denied)
        return denied

    @property
    def _copies(self) -> tuple[RefreshingCache[Any], ...]:
        return self.keys, self.denied, self.jwks, self.sites, self.departments, self.status_list

    def _wake(self) -> None:
        for copy in self._copies:
            copy.wake()

    def checks(self) -> dict[str, bool]:
        """What readiness asks for."""
        return {
            "broker": self.client.connected,
            "session_keys": self.keys.value is not None,
            "denied_sessions": self.denied.value is not None,
        }

    async def wait_ready(self, seconds: float) -> None:
        """Until requests can be served, or the time is over."""
        until = monotonic() + seconds
        while not all(self.checks().values()) and monotonic() < until:  # noqa: ASYNC110  what is checked is no event
            await asyncio.sleep(0.02)

    def alive(self) -> bool:
        """Whether everything that runs in the background still runs; if not, only a new process helps."""
        return not any(task.done() for task in self._tasks)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keeps the connection and the copies while the block lasts."""
        work = [self.client.run(), *(copy.run() for copy in self._copies)]
        self._tasks = [asyncio.create_task(one) for one in work]
        for task in self._tasks:
            task.add_done_callback(_report)
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.critical("background work ended", exc_info=task.exception())


def state_of(request: Request) -> GatewayState:
    """The replica that serves a request."""
    return cast(GatewayState, request.app.state.gateway)
