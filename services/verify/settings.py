"""The settings of the verify service."""

from datetime import timedelta
from typing import Literal

from services.chassis.runtime.settings import CommitmentSettings, IssuerSettings, ServiceSettings


class VerifySettings(ServiceSettings, CommitmentSettings, IssuerSettings):
    """The settings of a service, and what it takes to check a pass."""

    rpc_workers: int = 40
    """A scan of a pass that is locked waits in a worker, so that many may wait."""
    database_pool: int = 50
    not_issued_minutes: int = 30
    """For so long a pass may be known by its token alone; after that nobody has issued it.

    It is longer than all retries of an event together (EPASS_RETRY_DELAYS, EPASS_ATTEMPTS).
    """

    offline_then: Literal["refuse", "supervisor"] = "refuse"
    """What a gate without a network does once its list is too old: refuse, or ask a supervisor."""

    @property
    def not_issued_after(self) -> timedelta:
        """The same as a length of time."""
        return timedelta(minutes=self.not_issued_minutes)
