"""The settings of the issuance service."""

from services.chassis.runtime.settings import (
    CommitmentSettings,
    IssuerSettings,
    KeyEncryptionSettings,
    ServiceSettings,
    StatusListSettings,
)


class IssuanceSettings(
    ServiceSettings, KeyEncryptionSettings, CommitmentSettings, IssuerSettings, StatusListSettings
):
    """Secrets of passes, and when a pass lets its holder in."""

    entry_margin_minutes: int = 30
    """Entry is open from so long before the window to so long after it."""
