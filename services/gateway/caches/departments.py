"""Replies about a department that a page shows where they are known, and never waits long for."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

from contracts import rpc
from contracts.errors import ContractError
from contracts.events import OfficerRecord
from contracts.rpc.application import DepartmentCode, Durations
from contracts.rpc.approval.directory import OfficerList, OfficerQuestion
from services.gateway.caches.refreshing_cache import RefreshingCache
from services.gateway.rpc.client import RpcClient

T = TypeVar("T")
REFRESH_SECONDS = 60.0
PAGE_SECONDS = 1.0
"""A page waits no longer than this for response times."""
SCAN_SECONDS = 0.3
"""A scan waits no longer than this for a name, and only once a minute while approval is down."""


class _Copies(Generic[T]):
    """One cached reply for each department that was asked about."""

    def __init__(self, name: str, ask: Callable[[str], Awaitable[T]]) -> None:
        self._name = name
        self._ask = ask
        self._copies: dict[str, RefreshingCache[T]] = {}

    def _copy(self, department: str) -> RefreshingCache[T]:
        if department not in self._copies:
            self._copies[department] = RefreshingCache(
                f"{self._name} of {department}", lambda: self._ask(department), REFRESH_SECONDS
            )
        return self._copies[department]


class DepartmentOfficers(_Copies[OfficerList]):
    """The officers of each department, for pages that must not wait for the directory, such as the gate's."""

    def __init__(self, client: RpcClient) -> None:
        method = rpc.approval.directory.OFFICERS
        super().__init__("officers", lambda code: client.call(method, OfficerQuestion(department=code)))

    async def find(self, department: str, code: str) -> OfficerRecord | None:
        """Return an officer; None where the department has no such officer, or no copy has come yet."""
        officers = await self._copy(department).get_at_once(SCAN_SECONDS)
        return next((one for one in officers.items if one.code == code), None) if officers else None


class DepartmentResponseTimes(_Copies[Durations]):
    """How long each department takes to respond to applications."""

    def __init__(self, client: RpcClient) -> None:
        method = rpc.application.DURATIONS
        super().__init__("response times", lambda code: client.call(method, DepartmentCode(department=code)))

    async def of(self, department: str) -> Durations | None:
        """Return the response times of a department; while application is down, the last ones, or None."""
        copy = self._copy(department)
        with suppress(ContractError, TimeoutError):
            async with asyncio.timeout(PAGE_SECONDS):
                await copy.refresh(at_most_every=REFRESH_SECONDS)
        return copy.value
