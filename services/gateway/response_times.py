"""How long each department takes: asked at most once a minute, and never worth a page that does not come."""

import asyncio
from contextlib import suppress

from contracts import rpc
from contracts.errors import ContractError
from contracts.rpc.application import DepartmentCode, Durations
from services.gateway.refreshing_cache import RefreshingCache
from services.gateway.rpc.client import RpcClient

ASK_EVERY = 60.0
WAIT_SECONDS = 1.0
"""A page waits no longer for it."""


class DepartmentResponseTimes:
    """A copy for each department that was asked about.

    Args:
        client: calls the services.
    """

    def __init__(self, client: RpcClient) -> None:
        self._client = client
        self._copies: dict[str, RefreshingCache[Durations]] = {}

    async def of(self, department: str) -> Durations | None:
        """What is known of a department of the directory; the last copy while the service is down, or None without one."""
        copy = self._copies.setdefault(
            department,
            RefreshingCache(f"durations of {department}", lambda: self._fetch(department), ASK_EVERY),
        )
        with suppress(ContractError, TimeoutError):
            async with asyncio.timeout(WAIT_SECONDS):
                await copy.refresh(at_most_every=ASK_EVERY)
        return copy.value

    async def _fetch(self, department: str) -> Durations:
        return await self._client.call(rpc.application.DURATIONS, DepartmentCode(department=department))
