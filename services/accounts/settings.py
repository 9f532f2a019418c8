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
    otp_minutes: int = 10
    session_minutes: int = 480
    applicant_session_minutes: int = 120
