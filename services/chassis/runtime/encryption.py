"""Addresses of broker and databases that ask for TLS: with one CA, verified names and a client certificate.

An address carries all of it, so everything that connects does it by the address alone. PostgreSQL's own
library reads ``sslmode`` and its companions. aio-pika reads ``cafile``, ``certfile`` and ``keyfile``;
`messaging.broker` hands the same three to kombu.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit


class Files(NamedTuple):
    """What a process needs to know its server, and to be known by it; PEM."""

    ca: Path
    """Certificates of those who may have signed the server's."""
    certificate: Path | None = None
    key: Path | None = None


def encrypted_broker(address: str, files: Files) -> str:
    """Return the address of a broker for TLS; one that is none stays as it is."""
    parts = urlsplit(address)
    if parts.scheme not in {"amqp", "amqps"}:
        return address
    asked = {"cafile": files.ca, "certfile": files.certificate, "keyfile": files.key}
    return parts._replace(scheme="amqps", query=_query(parts.query, asked)).geturl()


def encrypted_database(address: str, files: Files) -> str:
    """Return the address of a database for TLS, which no weaker mode in it can undo."""
    parts = urlsplit(address)
    if not parts.scheme.startswith("postgresql"):
        return address
    asked = {
        "sslmode": "verify-full",
        "sslrootcert": files.ca,
        "sslcert": files.certificate,
        "sslkey": files.key,
    }
    return parts._replace(query=_query(parts.query, asked)).geturl()


def _query(query: str, asked: Mapping[str, object]) -> str:
    kept = {name: value for name, value in parse_qsl(query) if name != "no_verify_ssl"}
    known = kept | {name: str(value) for name, value in asked.items() if value is not None}
    return urlencode(known, quote_via=quote, safe="/")
