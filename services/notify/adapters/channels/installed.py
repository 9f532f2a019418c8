"""The channels of this installation, chosen by its settings."""

from collections.abc import Mapping

from contracts.model import DeliverBy
from services.chassis.runtime.settings import WrongSettings
from services.notify.adapters import pass_card
from services.notify.adapters.channels import Channel, ReceiptSource, ReportService
from services.notify.adapters.channels.email import EmailChannel, MailServer
from services.notify.adapters.channels.http_gateway import GatewayClient, gateway_client
from services.notify.adapters.channels.local import LocalChannel
from services.notify.adapters.channels.mobile_seva import MobileSevaChannel, MobileSevaReports
from services.notify.adapters.channels.msg91 import Msg91Channel, Msg91Reports
from services.notify.adapters.channels.sms import SmsChannel, SmsReplies
from services.notify.adapters.channels.whatsapp import WhatsAppChannel, WhatsAppReports
from services.notify.adapters.media_ids import StoredMediaIds
from services.notify.domain.registrations import (
    UNREGISTERED,
    BadRegistrations,
    Registrations,
    read_registrations,
)
from services.notify.settings import SenderSettings, WebhookSettings

Channels = Mapping[DeliverBy, Channel]
ReceiptSources = Mapping[str, ReceiptSource]
"""By the name of the vendor in the path of its webhook, ``/hooks/<vendor>``."""
ReportServices = Mapping[str, ReportService]
"""By the name of the channel."""


def channels_of(settings: SenderSettings, media: StoredMediaIds | None = None) -> Channels:
    """Return the channel of each vendor with an address; in local mode the local phone serves the others.

    Raises:
        NoShaping: a channel shows pictures, and they cannot be drawn.
        WrongSettings: as for `_registrations`.
    """
    channels: dict[DeliverBy, Channel] = {}
    if settings.local_mode:
        local = LocalChannel()
        channels = {"sms": local, "whatsapp": local, "email": local}
    if settings.whatsapp_url or settings.smtp_url:
        pass_card.require_shaping()
    if settings.sms_url:
        channels["sms"] = _sms(settings, _client(settings))
    if settings.whatsapp_url:
        channels["whatsapp"] = WhatsAppChannel(
            _client(settings),
            settings.whatsapp_url,
            settings.whatsapp_token.get_secret_value(),
            draw=pass_card.draw,
            media=media,
            gives_receipts=bool(settings.whatsapp_app_secret),
        )
    if settings.smtp_url:
        password = settings.smtp_password.get_secret_value()
        server = MailServer.at(settings.smtp_url, settings.smtp_sender, settings.smtp_user, password)
        channels["email"] = EmailChannel(server, pass_card.draw, public_only=not settings.local_mode)
    return channels


def _client(settings: SenderSettings) -> GatewayClient:
    """Return the client of one vendor.

    Two vendors share none. Open connections are found by their address alone, and behind one address, such as
    that of a content delivery network, the certificate was checked for the name of the other vendor.
    """
    return gateway_client(settings.sender_threads + 1, public_only=not settings.local_mode)


def _sms(settings: SenderSettings, client: GatewayClient) -> Channel:
    """Return the channel of the vendor whose interface the address speaks."""
    url, token = settings.sms_url, settings.sms_token.get_secret_value()
    registrations = _registrations(settings)
    match settings.sms_vendor:
        case "mobile_seva":
            password = settings.sms_password.get_secret_value()
            user, asks = settings.sms_user, bool(settings.sms_reports_url)
            return MobileSevaChannel(client, url, user, password, token, registrations, gives_receipts=asks)
        case "msg91":
            reports = bool(settings.sms_webhook_secret)
            return Msg91Channel(client, url, token, registrations, gives_receipts=reports)
        case "gateway":
            return SmsChannel(client, url, token, registrations, settings.fields_of_sms())


def _registrations(settings: SenderSettings) -> Registrations:
    """Return what is registered with the operators.

    Raises:
        WrongSettings: the file cannot be used, or says nothing of a text as it is now. No message is sent
            then, because the operators would drop it without a word.
    """
    if settings.sms_registrations is None:
        return UNREGISTERED
    try:
        found = read_registrations(settings.sms_registrations, settings.sms_reply_to)
    except BadRegistrations as error:
        raise WrongSettings(f"EPASS_SMS_REGISTRATIONS is wrong: {error}") from None
    if not found.header or not found.entity_id:
        raise WrongSettings("EPASS_SMS_REGISTRATIONS is wrong: entity_id and header are missing")
    if missing := ", ".join(found.missing()):
        raise WrongSettings(f"EPASS_SMS_REGISTRATIONS is wrong: texts that are not registered: {missing}")
    return found


def report_services_of(settings: SenderSettings) -> ReportServices:
    """Return the vendors that are asked what became of their messages."""
    if not settings.sms_url or not settings.sms_reports_url:
        return {}
    user, password = settings.sms_user, settings.sms_password.get_secret_value()
    service = MobileSevaReports(_client(settings), settings.sms_reports_url, user, password)
    return {service.name: service}


def receipt_sources_of(settings: WebhookSettings) -> ReceiptSources:
    """Return the webhooks of the vendors whose secrets are set."""
    sources: dict[str, ReceiptSource] = {}
    if secret := settings.whatsapp_app_secret.get_secret_value():
        sources["whatsapp"] = WhatsAppReports(secret, settings.whatsapp_verify_token.get_secret_value())
    if secret := settings.sms_webhook_secret.get_secret_value():
        sources["sms"] = Msg91Reports(secret)
    if settings.sms_reply_to and (secret := settings.sms_reply_secret.get_secret_value()):
        sources["sms_replies"] = SmsReplies(secret, settings.sms_reply_to, settings.fields_of_reply())
    return sources
