"""How long each department takes to respond to applications.

A page shows it where it is known, and never waits long for it.
"""

import asyncio
from contextlib import suppress

from contracts import rpc
from contracts.errors import ContractError
from contracts.rpc.application import DepartmentCode, Durations
from services.gateway.caches.refreshing_cache import RefreshingCache
from services.gateway.rpc.client import RpcClient

REFRESH_SECONDS = 60.0
WAIT_SECONDS = 1.0
"""A page waits no longer than this."""


class DepartmentResponseTimes:
    """One cached reply for each department that was asked about.

    Args:
        client: calls the services.
    """

    def __init__(self, client: RpcClient) -> None:
        self._client = client
        self._copies: dict[str, RefreshingCache[Durations]] = {}

    async def of(self, department: str) -> Durations | None:
        """Return the response times of a department of the directory.

        While application is down, this is the last copy, or None without one.
        """
        if department not in self._copies:
            self._copies[department] = RefreshingCache(
                f"response times of {department}",
                lambda: self._client.call(rpc.application.DURATIONS, DepartmentCode(department=department)),
                REFRESH_SECONDS,
            )
        copy = self._copies[department]
        with suppress(ContractError, TimeoutError):
            async with asyncio.timeout(WAIT_SECONDS):
                await copy.refresh(at_most_every=REFRESH_SECONDS)
        return copy.value
