"""The settings of the verify service."""

from services.chassis.runtime.settings import CommitmentSettings, IssuerSettings, ServiceSettings


class VerifySettings(ServiceSettings, CommitmentSettings, IssuerSettings):
    """The settings of a service, and what it takes to check a pass."""

    rpc_workers: int = 40
    """A scan of a pass that is locked waits in a worker, so that many may wait."""
    database_pool: int = 50
