"""The settings of the accounts service."""

from pydantic import Field

from services.chassis.runtime.settings import (
    GeneratedSecret,
    IssuerSettings,
    KeyEncryptionSettings,
    RateLimitSettings,
    ServiceSettings,
)


class AccountsSettings(ServiceSettings, KeyEncryptionSettings, IssuerSettings, RateLimitSettings):
    """Secrets of one-time codes and passwords, and how long codes and sessions last."""

    otp_secret: GeneratedSecret
    password_secret: GeneratedSecret
    """Derives the one-time initial password of a login, so that a repeated command returns the same one."""
    initial_password_hours: int = Field(72, ge=1)
    """For so long the initial password of a login, or the token of a kiosk, can be used."""
    idle_minutes: int = Field(30, ge=1)
    """A session of staff ends when nobody has used it for so long."""
    gate_idle_minutes: int = Field(480, ge=1)
    """The same for security: a shift, because a tablet at a gate is passed on."""
    applicant_idle_minutes: int = Field(120, ge=1)
    otp_minutes: int = 10
    session_minutes: int = 480
    applicant_session_minutes: int = 120
