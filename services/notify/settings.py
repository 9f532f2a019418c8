"""The settings of the notify service and of its sender, which are two processes."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from datetime import time
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, FilePath, SecretStr
from pydantic_settings import NoDecode

from services.chassis.runtime.setting_types import CommaList, OptionalGeneratedSecret
from services.chassis.runtime.settings import (
    DatabaseSettings,
    EventSigningSettings,
    MailAccountSettings,
    PersonalDataSettings,
    ProcessSettings,
    PublicUrlSettings,
    RetrySettings,
    Section,
    ServiceSettings,
    is_given_empty,
)


class WebhookSettings(Section):
    """What the vendors' webhooks show. A vendor without its secret tells nothing, so nothing is expected."""

    whatsapp_app_secret: SecretStr = SecretStr("")
    """The secret of the app at Meta, which signs each request."""
    whatsapp_verify_token: OptionalGeneratedSecret = SecretStr("")
    """What Meta shows when the address of the webhook is entered in its panel."""
    sms_webhook_secret: OptionalGeneratedSecret = SecretStr("")
    """What MSG91 shows as the password in the address of the webhook."""
    sms_reply_secret: OptionalGeneratedSecret = SecretStr("")
    """What whoever hands on replies shows; another one, so that neither vendor can speak as the other."""
    sms_reply_to: str = ""
    """The number to which people reply by SMS, after the word with which they have to begin, if there is one:
    ``EPASS 9220012345``. Empty: nobody can."""
    sms_reply_fields: CommaList = ()
    """What calls itself otherwise in a reply that is handed on: ``from=mobileNumber,at=timeStamp``."""

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield what must not be: replies that people are asked for, and that nobody would hear."""
        yield from super().conflicts()
        if self.sms_reply_to and not re.fullmatch(r"(\w+ ){0,3}\+?[0-9]{3,13}", self.sms_reply_to):
            yield "sms_reply_to", "it is no number, or more than three words stand before it"
        if self.sms_reply_to and not self.sms_reply_secret:
            yield "sms_reply_to", "without EPASS_SMS_REPLY_SECRET no reply is heard"
        if self.sms_reply_secret and self.sms_reply_secret == self.sms_webhook_secret:
            yield "sms_reply_secret", "it is EPASS_SMS_WEBHOOK_SECRET"
        if unknown := ", ".join(sorted(self.fields_of_reply().keys() - REPLY_FIELDS)):
            yield "sms_reply_fields", f"there is no field {unknown}"

    def fields_of_reply(self) -> dict[str, str]:
        """Return the other name of each field of a reply that has one."""
        return _names(self.sms_reply_fields)


class VendorSettings(MailAccountSettings):
    """The vendors. A channel without an address is not offered."""

    sms_vendor: Literal["gateway", "mobile_seva", "msg91"] = "gateway"
    """Whose interface the address speaks; ``gateway`` is JSON with a bearer token."""
    sms_url: str = ""
    sms_token: SecretStr = SecretStr("")
    """The bearer token of a gateway, the secure key at Mobile Seva, the authkey at MSG91."""
    sms_user: str = ""
    sms_password: SecretStr = SecretStr("")
    """The account at Mobile Seva."""
    sms_reports_url: str = ""
    """Where Mobile Seva is asked what became of messages; without it no report is expected."""
    sms_registrations: FilePath | None = None
    """Which texts are registered with the operators, and under which IDs (TOML)."""
    sms_fields: CommaList = ()
    """What a gateway calls the fields of a request and the ID of its response: ``header=sender``."""
    whatsapp_url: str = ""
    whatsapp_token: SecretStr = SecretStr("")

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield what must not be: vendors that others could listen to, and texts that would be dropped."""
        yield from super().conflicts()
        if not self.local_mode:
            for name in ("sms_url", "sms_reports_url", "whatsapp_url"):
                if problem := _not_public(getattr(self, name)):
                    yield name, problem
            if _is_private(_host_of(self.smtp_url)):
                yield "smtp_url", _PRIVATE
        if self.sms_url and self.sms_vendor != "gateway" and self.sms_registrations is None:
            yield "sms_registrations", "this vendor sends registered texts only"
        if self.sms_reports_url and self.sms_vendor != "mobile_seva":
            yield "sms_reports_url", "this vendor is not asked for reports"
        if self.sms_fields and self.sms_vendor != "gateway":
            yield "sms_fields", "this vendor has an interface of its own"
        names = self.fields_of_sms()
        if unknown := ", ".join(sorted(names.keys() - SMS_FIELDS)):
            yield "sms_fields", f"there is no field {unknown}"
        if not all(names.get(name, name) for name in ("to", "text", "id")):
            yield "sms_fields", "to, text and id cannot be left out"
        if {"entity_id", "header"} & names.keys() and self.sms_registrations is None:
            yield "sms_registrations", "entity ID and header stand in this file"

    def fields_of_sms(self) -> dict[str, str]:
        """Return the gateway's name of each field that has another one; an empty name leaves it out."""
        return _names(self.sms_fields)


def _names(fields: Iterable[str]) -> dict[str, str]:
    pairs = (one.partition("=") for one in fields)
    return {name.strip(): given.strip() for name, _, given in pairs}


_PRIVATE = "it leads to a private address"
REPLY_FIELDS = {"from", "text", "at", "id"}
SMS_FIELDS = {"to", "text", "template_id", "language", "encoding", "parts", "entity_id", "header", "id"}


def _not_public(url: str) -> str | None:
    """Return what is wrong with the address of a vendor, or None."""
    if not url:
        return None
    host = _host_of(url)
    if host is None:
        return "it is no address"
    if not url.lower().startswith("https:"):
        return "outside local mode it begins with https://"
    return _PRIVATE if _is_private(host) else None


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return None


def _is_private(host: str | None) -> bool:
    """Return whether a host is one of our own network by its name alone; the sender looks up the others."""
    if not host:
        return False
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))


NO_STEPS = "none"


def _read_steps(value: object) -> object:
    """Return the steps of a text; ``none`` is a chain without any, an empty text is a mistake."""
    if not isinstance(value, str):
        return value
    steps = tuple(part.strip() for part in value.split(",") if part.strip())
    if not steps:
        raise ValueError(f"it has no step; {NO_STEPS} sends on the chosen channel alone")
    return () if steps == (NO_STEPS,) else steps


def _require_steps(chain: tuple[str, ...]) -> tuple[str, ...]:
    for step in chain:
        channel, _, seconds = step.partition(":")
        if channel not in ("sms", "whatsapp", "email") or not seconds.isdigit():
            raise ValueError(f"{step!r} is not like whatsapp:120")
    if len({step.partition(":")[0] for step in chain}) < len(chain):
        raise ValueError("a channel stands there twice")
    return chain


Chain = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_read_steps), AfterValidator(_require_steps)]
"""Steps, each a channel and the seconds to wait on it: ``whatsapp:120,sms:600``; or ``none``."""


class NotifySettings(ServiceSettings, PublicUrlSettings, WebhookSettings):
    """The settings of a service, the address that messages link to, and the secrets of webhooks."""


class DeliverySettings(ProcessSettings):
    """On which channels a message goes out, when, and how many a vendor may be given."""

    chain_code: Chain = ("sms:45", "whatsapp:45")
    chain_pass: Chain = ("whatsapp:120", "sms:600", "email:3600")
    chain_status: Chain = ("whatsapp:600", "sms:3600")
    """The other channels on which a message goes out that has not arrived after so many seconds."""
    quiet_from: time = time(22)
    quiet_until: time = time(7)
    quiet_purposes: CommaList = (
        "application_expired", "day_reopened", "place_offered", "visit_question", "visit_reminder",
    )  # fmt: skip
    """What waits for the morning, Indian time."""
    whatsapp_per_second: int | None = 80
    whatsapp_per_recipient: float | None = 6.0
    """Seconds between two messages to one person."""
    whatsapp_per_day: int | None = None
    """Meta's limit of the business account, 250 at the start; none where it is empty."""
    sms_per_second: int | None = 30
    """Three times what the busiest hour of a secretariat needs. One in ten is for one-time codes alone."""

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield chains that are given empty: that would be the default, and looks like no chain at all."""
        yield from super().conflicts()
        for name in ("chain_code", "chain_pass", "chain_status"):
            if is_given_empty(name):
                yield name, f"it is empty; {NO_STEPS} sends on the chosen channel alone"


class SenderSettings(
    DeliverySettings,
    PublicUrlSettings,
    VendorSettings,
    WebhookSettings,
    DatabaseSettings,
    RetrySettings,
    PersonalDataSettings,
    EventSigningSettings,
):
    """The vendors, and the pace of the sender."""

    sender_batch: int = 20
    sender_lease: float = 30.0
    """Seconds for which a sender has a message; a send takes half of it at most, and never more than 15 s."""
    sender_threads: int = 4
    """Threads of each vendor for all messages, one-time codes first; one more is for one-time codes alone."""
