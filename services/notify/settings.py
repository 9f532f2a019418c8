"""The settings of the notify service and of its sender, which are two processes."""

from pydantic import SecretStr

from services.chassis.runtime.settings import (
    DatabaseSettings,
    EventSigningSettings,
    PersonalDataSettings,
    PublicUrlSettings,
    RetrySettings,
    ServiceSettings,
)


class NotifySettings(ServiceSettings, PublicUrlSettings):
    """The settings of a service, and the address that messages link to."""


class SenderSettings(
    PublicUrlSettings, DatabaseSettings, RetrySettings, PersonalDataSettings, EventSigningSettings
):
    """The vendors' gateways, and the pace of the sender. A channel without an address is not offered."""

    sms_url: str = ""
    sms_token: SecretStr = SecretStr("")
    whatsapp_url: str = ""
    whatsapp_token: SecretStr = SecretStr("")
    """Bearer tokens of the two gateways."""
    sender_batch: int = 20
    sender_lease: float = 30.0
    sender_threads: int = 4
    """Threads for all messages, one-time codes first; one more thread is for one-time codes alone."""
