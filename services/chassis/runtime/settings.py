"""Settings, read once when a process starts, from environment variables with the prefix ``EPASS_``.

This module holds the sections that several kinds of process share. Each kind of process has a class of its
own, made of sections, beside its code (``services/<service>/settings.py``), and :func:`read` makes the one
object of it, which is handed to whatever needs it. A secret may also be a file of the same name in the folder
``EPASS_SECRETS_DIR`` (Docker and Kubernetes secrets). ``deploy/.env.example`` explains each setting; a test
compares it with the classes. Nothing else in services reads ``os.environ``; `span_exports` removes from it
what the SDK of OpenTelemetry would read. Durations are seconds unless the name says otherwise.
"""

import ipaddress
import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, FilePath, SecretStr, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contracts.events import StatusListSigned
from contracts.model import MOST_DAYS
from contracts.retention import KEPT
from services.chassis.runtime import metrics
from services.chassis.runtime.encryption import (
    Files,
    client_context,
    encrypted_broker,
    encrypted_database,
    server_context,
)
from services.chassis.runtime.setting_types import (
    BrokerUrls,
    Collector,
    Commas,
    EventKey,
    FernetKeys,
    GeneratedSecret,
    OptionalGeneratedSecret,
    PublicEventKeys,
    RequiredSecret,
    kept,
)
from services.chassis.tokens.signing_key import SigningKey

S = TypeVar("S", bound="Section")
PREFIX = "EPASS_"
SECRETS_DIR = "EPASS_SECRETS_DIR"
MAIL_SCHEMES = ("smtps", "smtp", "smtp-plain")


class WrongSettings(SystemExit):
    """The process cannot start.

    Python prints the message and exits with 1. The message names each wrong setting, and never a value.
    """


class Section(BaseSettings):
    """The base of all sections: where values come from, and that they cannot be changed."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        secrets_dir=os.environ.get(SECRETS_DIR) or None,
        hide_input_in_errors=True,
    )

    broker_ca: FilePath | None = None
    """With it every connection to a broker is encrypted, and the names in certificates are checked; PEM."""
    broker_certificate: FilePath | None = None
    broker_key: FilePath | None = None
    """The certificate that this process shows to the broker, and its key."""
    database_ca: FilePath | None = None
    """The same for every connection to a database."""
    database_certificate: FilePath | None = None
    database_key: FilePath | None = None

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield each setting that does not go with the others: its name, and why."""
        for server in ("broker", "database"):
            names = [f"{server}_{part}" for part in ("certificate", "key")]
            given = [name for name in names if getattr(self, name) is not None]
            if given and getattr(self, f"{server}_ca") is None:
                yield (f"{server}_ca", "it has to come with a certificate: without it nothing is encrypted")
            if len(given) == 1:
                yield given[0], "certificate and key belong together"
        files = _given_as_files(self.model_config.get("secrets_dir"))
        for name in type(self).model_fields:
            if _in_environment(name) in files and os.environ.get(_in_environment(name)):
                yield name, f"it is in the environment, too, and a file in {SECRETS_DIR}: keep one of them"

    @model_validator(mode="after")
    def _refuse_conflicts(self) -> Self:
        problems = sorted(f"{_in_environment(name)} is wrong: {why}" for name, why in self.conflicts())
        if problems:
            raise PydanticCustomError("conflict", "{problems}", {"problems": "; ".join(problems)})
        return self

    @model_validator(mode="after")
    def _encrypt_connections(self) -> Self:
        """Make every address of a broker or a database ask for TLS, where there is a CA for it."""
        if self.broker_ca:
            self._replace_addresses(
                encrypted_broker, Files(self.broker_ca, self.broker_certificate, self.broker_key)
            )
        if self.database_ca:
            self._replace_addresses(
                encrypted_database, Files(self.database_ca, self.database_certificate, self.database_key)
            )
        return self

    def _replace_addresses(self, encrypted: Callable[[str, Files], str], files: Files) -> None:
        for name, value in self:
            changed: object = value
            if isinstance(value, SecretStr):
                changed = SecretStr(encrypted(value.get_secret_value(), files))
            elif isinstance(value, tuple):
                changed = tuple(encrypted(one, files) if isinstance(one, str) else one for one in value)
            self.__dict__[name] = changed  # the model is frozen for everybody else


def _in_environment(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


def _given_as_files(folder: object) -> set[str]:
    """Return the names of the settings of which the folder of secrets, if there is one, has a value."""
    files = Path(str(folder)).glob(f"{PREFIX}*") if folder else ()
    return {file.name for file in files if file.is_file() and file.read_text().strip()}


def is_given_empty(name: str) -> bool:
    """Return whether a setting stands in the environment without a value, which counts as left out."""
    return not os.environ.get(_in_environment(name), "given").strip()


def read(kind: type[S]) -> S:
    """Return the settings of this process.

    Raises:
        WrongSettings: a setting is missing or empty, its value does not parse, or it does not go with others.
    """
    try:
        found = kind()
    except ValidationError as error:
        problems = sorted(
            f"{_in_environment(str(item['loc'][0]))} "
            + ("is missing" if item["type"] in _MISSING else f"is wrong: {item['msg']}")
            if item["loc"]
            else item["msg"]
            for item in error.errors(include_input=False, include_context=False)
        )
        raise WrongSettings("; ".join(problems)) from None
    for name in KEPT:  # the processes that read one have to agree: an alert compares them
        if (value := getattr(found, name, None)) is not None:
            metrics.RETENTION.labels(name).set(value)
        if (basis := getattr(found, "basis", None)) is not None:
            metrics.RETENTION.labels("basis_is_consent").set(basis == "consent")
    return found


_MISSING = {"missing", "too_short"}


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches what listens on this address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class ProcessSettings(Section):
    """What every process has."""

    local_mode: bool = False
    local_mode_in_container: bool = False
    """Local mode may listen on any address, because a container hands on to this machine's loopback alone."""
    log_level: str = "INFO"
    health_host: str = "127.0.0.1"
    health_port: int = 0
    """Where /healthz, /readyz and /metrics are served; 0 means nowhere."""
    http_ca: FilePath | None = None
    """With it processes ask each other over TLS alone, and check names; PEM."""
    http_certificate: FilePath | None = None
    http_key: FilePath | None = None
    """The certificate that this process shows to whoever asks it, and its key: it takes TLS alone."""
    otlp_endpoint: Collector | None = None
    """The collector that gets the traces, by OTLP over HTTP; without one there are none."""
    otlp_ratio: float = Field(1.0, ge=0, le=1)
    """The part of the traces that begin in this process which is exported."""

    def served_with(self) -> ssl.SSLContext | None:
        """Return the TLS of what this process serves; without a certificate it serves in clear."""
        if self.http_certificate is None or self.http_key is None:
            return None
        return server_context(self.http_certificate, self.http_key)

    def asks_with(self) -> ssl.SSLContext | bool:
        """Return whom this process believes whom it asks over HTTP, as `httpx` takes it."""
        return client_context(self.http_ca) if self.http_ca else True

    def asked_in_clear(self) -> Iterator[str]:
        """Yield the settings whose addresses would be asked without TLS."""
        return iter(())

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield what must not be: local mode, which shows every message, on an address that others reach."""
        yield from super().conflicts()
        if (self.http_certificate is None) is not (self.http_key is None):
            yield "http_key", "certificate and key belong together"
        if self.http_ca:
            yield from (
                (name, "with EPASS_HTTP_CA nothing is asked in clear") for name in self.asked_in_clear()
            )
        if self.local_mode and not self.local_mode_in_container:
            for name in type(self).model_fields:
                if name.endswith("_host") and not is_loopback(getattr(self, name)):
                    yield name, "in local mode a process listens on loopback addresses alone"


class DatabaseSettings(Section):
    """The database of a service."""

    database_url: RequiredSecret
    database_pool: int = 20
    """One connection for each worker of RPC and events, so that no worker waits for another's."""


class BrokerSettings(Section):
    """The broker."""

    broker_urls: BrokerUrls
    """All nodes of the cluster, amqp://user:password@host:port/vhost, tried in turn.

    Each process tries them in an order of its own, so that connections are spread over the nodes.
    """
    broker_heartbeat: int = 20


class RetryDelaySettings(Section):
    """The delays after which an event is tried again. The topology has a delay queue for each."""

    retry_delays: Annotated[tuple[float, ...], NoDecode, Commas] = (1.0, 5.0, 30.0, 300.0)


class RetrySettings(RetryDelaySettings):
    """Trying again."""

    attempts: int = 8
    """Deliveries of an event to a consumer before it is a dead letter.

    For the sender: tries of a message that may each have reached the recipient.
    """


class PersonalDataSettings(Section):
    """The keys of the sealed personal block of an event."""

    personal_keys: FernetKeys


class EventSigningSettings(Section):
    """The key with which a service signs its events. Each has its own, and no other process has it."""

    event_key: EventKey
    """32 random bytes, base64url: an Ed25519 private key."""

    @property
    def signing_key(self) -> SigningKey:
        """Return the key in the form that signs."""
        return SigningKey.from_seed(self.event_key.get_secret_value())


class EventKeysSettings(Section):
    """The public keys of all producers of events."""

    event_keys: PublicEventKeys
    """``service:key``, the key as base64url; several of a service while it changes its key."""


class IdempotencySettings(Section):
    """The secret of digests that must not be guessed back."""

    idempotency_secret: GeneratedSecret


class KeyEncryptionSettings(Section):
    """The keys under which a service keeps its private signing keys in its own database."""

    key_encryption_keys: FernetKeys


class CommitmentSettings(Section):
    """The master of the ID commitment in a pass; only issuance and verify have it."""

    commitment_master: GeneratedSecret


class IssuerSettings(Section):
    """Who signs tokens: the ``iss`` of sessions and passes."""

    issuer: str = "epass.punjab.gov.in"


class VisitSettings(Section):
    """Rules for visits that several processes apply."""

    furthest_days: int = Field(30, le=StatusListSigned.live_for.days - MOST_DAYS - 1)
    """How many days ahead a visit may be. What is revoked is compared until the last of its days is over."""
    standing_passes: int = Field(0, ge=0, le=2_000)
    """How many standing passes a site may have at once, as each gate holds them; with 0 there are none."""


class EntrySettings(Section):
    """When a pass lets its holder in, which issuance signs and the pages explain."""

    entry_margin_minutes: int = 30
    """Entry is open from so long before the window to so long after it."""


class PublicUrlSettings(ProcessSettings):
    """The address under which people reach the gateway."""

    public_url: str = "http://127.0.0.1:8080"

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield what must not be: sessions and links over plain HTTP for others than a developer."""
        yield from super().conflicts()
        if not self.local_mode and not self.public_url.startswith("https://"):
            yield "public_url", "outside local mode it begins with https://"


class MailServerSettings(ProcessSettings):
    """The mail server: the sender connects to it, and the gateway offers email only where there is one."""

    smtp_url: str = ""
    """``smtps://host:465`` is encrypted from the first byte, ``smtp://host:587`` has to offer STARTTLS.

    ``smtp-plain://`` is for local mode.
    """

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield what is no address of a mail server, or has a password in it: several processes read it."""
        yield from super().conflicts()
        if self.smtp_url and (problem := _no_mail_server(self.smtp_url)):
            yield "smtp_url", problem
        elif self.smtp_url.lower().startswith("smtp-plain:") and not self.local_mode:
            yield "smtp_url", "outside local mode emails are sent encrypted"

    @property
    def sends_email(self) -> bool:
        """Whether this installation sends email. In local mode the phone page shows it."""
        return self.local_mode or bool(self.smtp_url)


class MailAccountSettings(MailServerSettings):
    """Our account at the mail server, for the processes that send: the sender and the exporter."""

    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_sender: str = ""
    """The address from which emails come."""

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield that there is a mail server, and no address from which emails come."""
        yield from super().conflicts()
        if self.smtp_url and "@" not in self.smtp_sender:
            yield "smtp_sender", "it has to be an email address, since there is a mail server"


def _no_mail_server(url: str) -> str | None:
    """Return what is wrong with the address of a mail server, or None."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in MAIL_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:  # its text quotes the value
        is_address = False
    if not is_address:
        return "it is not smtps://host:port or smtp://host:port"
    if "@" in parts.netloc:
        return "user and password are settings of their own, EPASS_SMTP_USER and EPASS_SMTP_PASSWORD"
    return None


class RateLimitSettings(ProcessSettings):
    """Whether rate limits apply; only tests and measurements switch them off."""

    rate_limits: bool = True

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield what must not be: an installation in which codes and passwords can be guessed."""
        yield from super().conflicts()
        if not self.rate_limits and not self.local_mode:
            yield "rate_limits", "outside local mode they apply"


class StatusListSettings(Section):
    """How often the status list is signed, and fetched, again."""

    status_list_seconds: float = 10.0


class RetentionSettings(Section):
    """How long records stay after the people in them are erased."""

    records_kept_months: int = kept("records_kept_months")
    """Whole months before the present one. The numbers of departments need thirteen."""


class OpsTokenSettings(Section):
    """What the gateways show to the exporter, so that it answers them and nobody else."""

    ops_token: OptionalGeneratedSecret = SecretStr("")


class ServiceSettings(
    ProcessSettings,
    DatabaseSettings,
    BrokerSettings,
    RetrySettings,
    PersonalDataSettings,
    EventSigningSettings,
    EventKeysSettings,
    IdempotencySettings,
    RetentionSettings,
):
    """What every service that runs on nameko has."""

    rpc_workers: int = 10
    event_workers: int = 8
    urgent_workers: int = 2
    """For the events that somebody waits for: one-time codes."""
    clock_skew: float = 15.0
    """Seconds of difference between the clocks of gateway and service that are corrected.

    Beyond them calls are refused as late if the service's clock is ahead. If it is behind, calls are accepted
    after their deadline.
    """
    prefetch: int = 64
    """Unacknowledged messages that a consumer holds, for each of its queues.

    With some 110 kB in each, sixteen full queues take 110 MB.
    """
