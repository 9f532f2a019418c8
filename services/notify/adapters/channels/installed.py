"""The channels of this installation, chosen by its settings."""

from collections.abc import Mapping

from contracts.model import DeliverBy
from services.notify.adapters.channels import Channel, ReceiptSource
from services.notify.adapters.channels.http_gateway import gateway_client
from services.notify.adapters.channels.local import LocalChannel
from services.notify.adapters.channels.sms import SmsChannel
from services.notify.adapters.channels.whatsapp import WhatsAppChannel
from services.notify.settings import NotifySettings, SenderSettings

Channels = Mapping[DeliverBy, Channel]
ReceiptSources = Mapping[str, ReceiptSource]
"""By the name of the vendor in the path of its webhook, ``/hooks/<vendor>``."""


def channels_of(settings: SenderSettings) -> Channels:
    """Return a gateway for each channel with an address; in local mode the local phone serves the others."""
    client = gateway_client(settings.sender_threads + 1)
    channels: dict[DeliverBy, Channel] = {}
    if settings.local_mode:
        local = LocalChannel()
        channels = {"sms": local, "whatsapp": local, "email": local}
    if settings.sms_url:
        channels["sms"] = SmsChannel(client, settings.sms_url, settings.sms_token.get_secret_value())
    if settings.whatsapp_url:
        channels["whatsapp"] = WhatsAppChannel(
            client, settings.whatsapp_url, settings.whatsapp_token.get_secret_value()
        )
    return channels


def receipt_sources_of(settings: NotifySettings) -> ReceiptSources:  # noqa: ARG001  no vendor has one yet
    """Return the webhooks of the vendors whose secrets are set."""
    return {}
