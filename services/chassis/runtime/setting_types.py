"""Types of settings: lists, secrets, keys and addresses, and what makes a value of each wrong."""

import random
from typing import Annotated, Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from contracts.retention import KEPT
from contracts.subscriptions import SERVICES
from services.chassis.tokens.signing_key import SigningKey, public_key


def _split(value: object) -> object:
    """Split a text at its commas; leave everything else as it is."""
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


Commas = BeforeValidator(_split)


def _decide(value: object) -> object:
    """Return nothing for the word ``none``, and no decision for an empty list."""
    return () if value == ("none",) else value or None


OrNone = BeforeValidator(_decide)
"""Tells a list that was decided to be empty (``none``) from one that nobody decided. It stands before
`Commas`."""
CommaList = Annotated[tuple[str, ...], NoDecode, Commas]
"""An optional list, written with commas."""
RequiredCommaList = Annotated[tuple[str, ...], NoDecode, Commas, Field(min_length=1)]
"""A list of at least one."""


def _shuffle(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(random.sample(values, len(values)))


BrokerUrls = Annotated[RequiredCommaList, AfterValidator(_shuffle)]
"""All nodes of a cluster of brokers, in an order of this process."""
RequiredSecret = Annotated[SecretStr, Field(min_length=1)]
"""A secret that may not be empty."""
LEAST_CHARACTERS = 32


def _require_length(secret: SecretStr) -> SecretStr:
    if 0 < len(secret) < LEAST_CHARACTERS:
        raise ValueError(f"it has fewer than {LEAST_CHARACTERS} characters")
    return secret


OptionalGeneratedSecret = Annotated[SecretStr, AfterValidator(_require_length)]
GeneratedSecret = Annotated[OptionalGeneratedSecret, Field(min_length=1)]
"""A random secret of our own, too long to be guessed."""


def _require_fernet_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    for key in keys:
        try:
            Fernet(key)
        except ValueError:
            raise ValueError("it has something that is no Fernet key") from None
    return keys


FernetKeys = Annotated[RequiredCommaList, AfterValidator(_require_fernet_keys)]
"""Keys for `cryptography.fernet`; the first seals, all open."""


def _require_event_key(seed: SecretStr) -> SecretStr:
    try:
        SigningKey.from_seed(seed.get_secret_value())
    except ValueError:
        raise ValueError("it is not the base64url of 32 bytes") from None
    return seed


EventKey = Annotated[RequiredSecret, AfterValidator(_require_event_key)]
"""The seed of an Ed25519 key, base64url."""


def _require_event_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    for key in keys:
        service, _, x = key.partition(":")
        try:
            public_key(x)
        except ValueError:
            service = ""
        if service not in SERVICES:
            raise ValueError("it has something that is not service:key")
    return keys


PublicEventKeys = Annotated[RequiredCommaList, AfterValidator(_require_event_keys)]
"""``service:key``, the key as base64url."""


def _require_collector(address: str) -> str:
    """Refuse what cannot be the address of a collector, such as one without a scheme."""
    try:
        parts = urlsplit(address)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # its text quotes the value
        is_address = False
    if not is_address:
        raise ValueError("it is not http://host:port or https://host:port")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("it has more than scheme, host, port and path")
    return address


Collector = Annotated[str, AfterValidator(_require_collector)]


def kept(kind: str) -> Any:
    """Return the field of a setting of `KEPT`: its usual time, within its limits."""
    known = KEPT[kind]
    return Field(known.usual, ge=known.least, le=known.most)
