"""What all requests of one gateway process share: the RPC client, rate limits and caches.

The caches serve while a service is down.
"""

import asyncio
import hashlib
import hmac
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from math import inf
from typing import Any, TypeVar, cast
from uuid import UUID

import jwt
from fastapi import Request

from contracts import rpc
from contracts.model import Wire
from contracts.rpc.accounts.sessions import ActiveSessions, DeniedSessions
from contracts.rpc.approval.directory import DepartmentQuestion
from contracts.rpc.audit import AuditHeads, HeadQuestion
from contracts.rpc.call import Method, Nothing
from contracts.rpc.issuance import StatusList
from contracts.subscriptions import SERVICES
from services.chassis.messaging.signatures import EventKeys
from services.chassis.runtime import logs, metrics
from services.chassis.runtime.clock import is_ahead, monotonic, now
from services.gateway.caches.changes import HelpCallChanges, QueueChanges
from services.gateway.caches.departments import DepartmentOfficers, DepartmentResponseTimes
from services.gateway.caches.gate_news import GateNews
from services.gateway.caches.refreshing_cache import RefreshingCache
from services.gateway.caches.revoked_sessions import RevokedSessions
from services.gateway.caches.sessions import Keys, Sessions, public_keys
from services.gateway.edge.look_budgets import LookCounter
from services.gateway.edge.rate_limits import RateLimits
from services.gateway.rpc.client import RpcClient
from services.gateway.rpc.ops_client import OpsClient
from services.gateway.settings import GatewaySettings

log = logs.logger(__name__)
Q = TypeVar("Q", bound=Wire)
R = TypeVar("R", bound=Wire)
REFRESH_SECONDS = 60.0
REPORT_AT_MOST = 4_000
"""Sessions in one report; with more, accounts would refuse it for its size."""
COUNTS_SECONDS = 300.0
"""Between two fetches of what approval counts every ten minutes."""


def age_of(status_list: StatusList | None, now: datetime) -> float:
    """Return how old a list is, in seconds; infinite without one, or if it is from the future."""
    if status_list is None:
        return inf
    try:
        claims = jwt.decode(status_list.jws, options={"verify_signature": False})
        signed_at = datetime.fromtimestamp(claims["iat"], UTC)
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError, OSError):  # no instant
        return inf
    return inf if is_ahead(signed_at, now) else max((now - signed_at).total_seconds(), 0.0)


class GatewayState:
    """The state of one gateway process."""

    def __init__(self, settings: GatewaySettings, client: RpcClient) -> None:
        self.settings = settings
        self.public_url = settings.public_url.rstrip("/")
        self.client = client
        self.ops = OpsClient(settings.ops_url, settings.ops_token, settings.asks_with())
        self.rate_limits = RateLimits(
            settings.rate_limits, settings.limits_store.get_secret_value(), settings.limits_ca
        )
        self.look_budgets = self._cache(rpc.accounts.look_budgets.LOOK_BUDGETS, Nothing())
        self.looks = LookCounter(self.rate_limits, lambda: self.look_budgets.value, self.keyed_hash)
        self.revoked_sessions = RevokedSessions(EventKeys(settings.event_keys))
        self.keys: RefreshingCache[Keys] = RefreshingCache("session keys", self._fetch_keys, REFRESH_SECONDS)
        self.denied = RefreshingCache("denied sessions", self._fetch_denied, REFRESH_SECONDS)
        self.jwks = self._cache(rpc.issuance.JWKS, Nothing())
        self.sites = self._cache(rpc.approval.directory.SITES, Nothing())
        self.departments = self._cache(rpc.approval.directory.DEPARTMENTS, DepartmentQuestion())
        self.site_texts = self._cache(rpc.approval.site_texts.SITE_TEXTS, Nothing())
        self.record_notice: Callable[[], Awaitable[str]] | None = None
        """Has application store the privacy notice that is in force; the pages know it (`app.py`)."""
        self.notice = RefreshingCache("notice", self._record_notice, REFRESH_SECONDS)
        self.notice.value = ""  # nobody waits for it: tried again each second, not five times
        self.emblem = self._cache(rpc.approval.site_texts.EMBLEM, Nothing())
        self.transparency = self._cache(rpc.approval.numbers.TRANSPARENCY, Nothing(), COUNTS_SECONDS)
        self.status_list = self._cache(rpc.issuance.STATUS_LIST, Nothing(), settings.status_list_seconds / 5)
        metrics.REVOCATIONS_AGE.labels("gateway").set_function(lambda: age_of(self.status_list.value, now()))
        self.audit_heads: dict[str, RefreshingCache[AuditHeads]] = {
            service: self._cache(getattr(rpc, service).AUDIT_HEADS, HeadQuestion()) for service in SERVICES
        }
        """Fetched when somebody asks, at most once within `REFRESH_SECONDS`."""
        self.response_times = DepartmentResponseTimes(client)
        self.officers = DepartmentOfficers(client)
        self.queue_changes = QueueChanges(client)
        self.gate_news = GateNews(client, self.status_list)
        self.help_calls = HelpCallChanges(client)
        self.sessions = Sessions(settings.issuer, self.keys, self.revoked_sessions)
        self.active_sessions: set[UUID] = set()
        """Sessions that people have used here, until accounts was told of them."""
        self.proved_vendors: set[tuple[str, str]] = set()
        """Vendors, and the addresses from which a webhook came that they have signed."""
        self._address_secret = settings.idempotency_secret.get_secret_value().encode()
        self._tasks: list[asyncio.Task[Any]] = []
        client.on_connect.append(self.revoked_sessions.subscribe)
        client.on_ready.extend(cache.wake for cache in self._caches)

    def _cache(
        self, method: Method[Q, R], request: Q, seconds: float = REFRESH_SECONDS
    ) -> RefreshingCache[R]:
        return RefreshingCache(method.name, lambda: self.client.call(method, request, ahead=True), seconds)

    async def _fetch_keys(self) -> Keys:
        return public_keys(await self.client.call(rpc.accounts.sessions.SESSION_KEYS, Nothing(), ahead=True))

    async def _record_notice(self) -> str:
        return await self.record_notice() if self.record_notice else ""

    async def _fetch_denied(self) -> DeniedSessions:
        """Fetch the denied sessions, and tell accounts which ones people use.

        After an outage of accounts there may be more of them than one message holds; the rest goes next time.
        """
        used = {self.active_sessions.pop() for _ in range(min(len(self.active_sessions), REPORT_AT_MOST))}
        try:
            report = ActiveSessions(active=tuple(used))
            denied = await self.client.call(rpc.accounts.sessions.DENIED_SESSIONS, report, ahead=True)
        except BaseException:
            self.active_sessions |= used
            raise
        self.revoked_sessions.merge(denied)
        return denied

    @property
    def _caches(self) -> tuple[RefreshingCache[Any], ...]:
        return (
            self.keys,
            self.denied,
            self.look_budgets,
            self.jwks,
            self.sites,
            self.departments,
            self.site_texts,
            self.notice,
            self.emblem,
            self.transparency,
            self.status_list,
        )

    def end_streams(self) -> None:
        """End the streams that browsers hold open, because the gateway stops."""
        self.queue_changes.end()
        self.gate_news.end()
        self.help_calls.end()

    def keyed_hash(self, text: str) -> str:
        """Return 32 hex digits that reveal nothing without the secret, which all replicas share."""
        return hmac.new(self._address_secret, text.encode(), hashlib.sha256).hexdigest()[:32]

    def checks(self) -> dict[str, bool]:
        """Return each condition of readiness, and whether it holds."""
        return {
            "broker": self.client.connected,
            "session_keys": self.keys.value is not None,
            "denied_sessions": self.denied.value is not None,
        }

    async def wait_ready(self, seconds: float) -> None:
        """Return when requests can be served, or when the time is over."""
        until = monotonic() + seconds
        while not all(self.checks().values()) and monotonic() < until:  # noqa: ASYNC110  there is no event to await
            await asyncio.sleep(0.02)

    def alive(self) -> bool:
        """Return whether all background tasks still run; if not, only a new process helps."""
        return not any(task.done() for task in self._tasks)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the connection and the caches in the background while the block lasts."""
        log.info("rate limits", counted_in=self.rate_limits.counted_in)
        work = [self.client.background, *(cache.background for cache in self._caches)]
        self._tasks = [asyncio.create_task(one.run(), name=one.name) for one in work]
        for task in self._tasks:
            task.add_done_callback(_end_process)
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self.ops.close()
            await self.rate_limits.close()


def _end_process(task: asyncio.Task[Any]) -> None:
    """End a process whose background work ended by itself: whoever supervises it starts another."""
    if not task.cancelled():
        log.critical("background work ended", task=task.get_name(), exc_info=task.exception())
        os.kill(os.getpid(), signal.SIGTERM)


def state_of(request: Request) -> GatewayState:
    """Return the state of the process that serves a request."""
    return cast(GatewayState, request.app.state.gateway)
