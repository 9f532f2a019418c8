"""The settings of the gateway."""

import re
from typing import Annotated

from pydantic import AfterValidator, DirectoryPath, Field, SecretStr

from services.chassis.runtime.settings import (
    BrokerSettings,
    CommaList,
    EntrySettings,
    EventKeysSettings,
    FernetKeys,
    IdempotencySettings,
    IssuerSettings,
    OpsTokenSettings,
    ProcessSettings,
    PublicUrlSettings,
    RateLimitSettings,
    StatusListSettings,
    VisitSettings,
)


def _require_store(url: SecretStr) -> SecretStr:
    if url.get_secret_value() and not re.match(r"(valkey|redis)s?://[^/]", url.get_secret_value()):
        raise ValueError("it is not valkey://host:port")
    return url


class GatewaySettings(
    ProcessSettings,
    BrokerSettings,
    EventKeysSettings,
    IdempotencySettings,
    PublicUrlSettings,
    RateLimitSettings,
    IssuerSettings,
    VisitSettings,
    EntrySettings,
    StatusListSettings,
    OpsTokenSettings,
):
    """Where the gateway listens, whom it trusts, and the rules that pages show. The same for all replicas."""

    gateway_host: str = "127.0.0.1"
    gateway_port: int = 8080
    rpc_timeout: float = 3.0
    trusted_proxies: CommaList = ()
    """Addresses of proxies whose ``X-Forwarded-For``, ``X-Request-ID`` and ``traceparent`` are believed."""
    site_texts: DirectoryPath | None = None
    """Folder with the site's own help, privacy notice and other pages, in Markdown."""
    security_contact: Annotated[str, Field(pattern=r"^(mailto:|https://|tel:|$)")] = ""
    """Where a weakness can be reported: ``mailto:…`` or ``https://…``."""
    ops_url: str = ""
    """Where the exporter answers, for the pages of operations; without it they know this process only."""
    limits_store: Annotated[SecretStr, AfterValidator(_require_store)] = SecretStr("")
    """``valkey://:password@host:port`` where all replicas share the counters of rate limits; else none do."""
    answers_keys: FernetKeys
    """Fernet keys of the cookie with half-filled answers; the first seals, all open."""
