"""The settings of the issuance service."""

from pydantic import Field

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
    """Secrets of passes, when a pass lets its holder in, and when its visitor is reminded."""

    remind_evening_hour: int = Field(18, ge=0, le=20)
    """The hour of the evening before a visit at which its visitor is reminded; 0 for never."""

    remind_hours_before: int = Field(2, ge=0, le=6)
    """So many hours before a visit its visitor is reminded; 0 for never."""
