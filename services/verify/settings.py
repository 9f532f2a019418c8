"""The settings of the verify service."""

from services.chassis.runtime.settings import CommitmentSettings, IssuerSettings, ServiceSettings


class VerifySettings(ServiceSettings, CommitmentSettings, IssuerSettings):
    """The settings of a service, and what it takes to check a pass."""
