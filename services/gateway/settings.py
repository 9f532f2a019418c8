"""The settings of the gateway."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import AfterValidator, DirectoryPath, Field, FilePath, SecretStr
from pydantic_settings import NoDecode

from services.chassis.runtime.retention_settings import (
    BackupRetentionSettings,
    PeopleRetentionSettings,
    WatchlistRetentionSettings,
)
from services.chassis.runtime.setting_types import Commas, FernetKeys, OrNone
from services.chassis.runtime.settings import (
    BrokerSettings,
    EntrySettings,
    EventKeysSettings,
    IdempotencySettings,
    IssuerSettings,
    MailServerSettings,
    OpsTokenSettings,
    PublicUrlSettings,
    RateLimitSettings,
    RetentionSettings,
    StatusListSettings,
    VisitSettings,
)


def _require_store(url: SecretStr) -> SecretStr:
    if url.get_secret_value() and not re.match(r"(valkey|redis)s?://[^/]", url.get_secret_value()):
        raise ValueError("it is not valkey://host:port")
    return url


class GatewaySettings(
    PublicUrlSettings,
    BrokerSettings,
    EventKeysSettings,
    IdempotencySettings,
    RateLimitSettings,
    IssuerSettings,
    VisitSettings,
    EntrySettings,
    StatusListSettings,
    OpsTokenSettings,
    MailServerSettings,
    PeopleRetentionSettings,
    BackupRetentionSettings,
    WatchlistRetentionSettings,
    RetentionSettings,
):
    """Where the gateway listens, whom it trusts, and the rules that pages show. The same for all replicas."""

    gateway_host: str = "127.0.0.1"
    gateway_port: int = 8080
    rpc_timeout: float = 3.0
    trusted_proxies: Annotated[tuple[str, ...] | None, NoDecode, OrNone, Commas] = None
    """Addresses of proxies whose ``X-Forwarded-For``, ``X-Request-ID`` and ``traceparent`` are believed.

    ``none`` if there is no proxy; outside local mode one or the other has to be said.
    """
    staff_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, Commas] = ()
    """Networks from which staff may sign in and work, in CIDR notation; empty for any.

    Guards may also use the enrolled device of a gate anywhere, and visitors are not concerned.
    """
    api_docs: bool | None = None
    """Whether /docs and /openapi.json are served; without a value, in local mode only."""
    gate_devices: Literal["required", "optional"] = "required"
    """Whether the app of a gate works on enrolled devices only. The page for gates needs none."""
    gate_lock_minutes: int = Field(10, ge=0, le=60)
    """Minutes untouched after which the app of a gate locks and asks for the guard's PIN; 0: never."""
    gate_keep_hours: int = Field(6, ge=1, le=72)
    """Hours without the server after which the app deletes the names of visitors."""
    site_texts: DirectoryPath | None = None
    """Folder with the site's own help, privacy notice and other pages, in Markdown."""
    security_contact: Annotated[str, Field(pattern=r"^(mailto:|https://|tel:|$)")] = ""
    """Where a weakness can be reported: ``mailto:…`` or ``https://…``."""
    ops_url: str = ""
    """Where the exporter answers, for the pages of operations; without it they know this process only."""
    limits_store: Annotated[SecretStr, AfterValidator(_require_store)] = SecretStr("")
    """``valkey://:password@host:port`` where all replicas share the counters of rate limits; else none do.

    ``valkeys://`` over TLS.
    """
    limits_ca: FilePath | None = None
    """Who may have signed the store's certificate, in which its name has to stand; PEM."""
    answers_keys: FernetKeys
    """Fernet keys of the cookie with half-filled answers; the first seals, all open."""

    def asked_in_clear(self) -> Iterator[str]:
        """Yield the setting with the address of the exporter, if it is plain HTTP."""
        if self.ops_url.startswith("http://"):
            yield "ops_url"

    @property
    def shows_docs(self) -> bool:
        """Whether the documentation of the interface is open."""
        return self.local_mode if self.api_docs is None else self.api_docs

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield what must not be: a gateway that nobody told whose word about addresses it may take.

        Behind a proxy that is not named, all callers would share one address and its limits.
        """
        yield from super().conflicts()
        if self.limits_ca and not self.limits_store.get_secret_value().startswith(("valkeys:", "rediss:")):
            yield "limits_store", "with EPASS_LIMITS_CA it is asked over TLS: it begins with valkeys://"
        if not self.local_mode and self.trusted_proxies is None:
            yield "trusted_proxies", "name the proxies before this gateway, or none"
