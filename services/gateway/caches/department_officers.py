"""The officers of each department, for pages that must not wait for the directory, such as the gate's."""

from contracts import rpc
from contracts.events import OfficerRecord
from contracts.rpc.approval.directory import OfficerList, OfficerQuestion
from services.gateway.caches.refreshing_cache import RefreshingCache
from services.gateway.rpc.client import RpcClient

REFRESH_SECONDS = 60.0
WAIT_SECONDS = 0.3
"""A scan waits no longer than this for a name, and only once a minute while approval is down."""


class DepartmentOfficers:
    """One cached list of officers for each department that was asked about.

    Args:
        client: calls the services.
    """

    def __init__(self, client: RpcClient) -> None:
        self._client = client
        self._copies: dict[str, RefreshingCache[OfficerList]] = {}

    async def find(self, department: str, code: str) -> OfficerRecord | None:
        """Return an officer; None where the department has no such officer, or no copy has come yet."""
        if department not in self._copies:
            self._copies[department] = RefreshingCache(
                f"officers of {department}",
                lambda: self._client.call(
                    rpc.approval.directory.OFFICERS, OfficerQuestion(department=department)
                ),
                REFRESH_SECONDS,
            )
        officers = await self._copies[department].get_at_once(WAIT_SECONDS)
        return next((one for one in officers.items if one.code == code), None) if officers else None
