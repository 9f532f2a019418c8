"""The settings of the issuance service."""

from services.chassis.runtime.settings import (
    CommitmentSettings,
    EntrySettings,
    IssuerSettings,
    KeyEncryptionSettings,
    RateLimitSettings,
    ServiceSettings,
    StatusListSettings,
)


class IssuanceSettings(
    ServiceSettings,
    KeyEncryptionSettings,
    CommitmentSettings,
    IssuerSettings,
    StatusListSettings,
    EntrySettings,
    RateLimitSettings,
):
    """Secrets of passes, and when a pass lets its holder in."""
