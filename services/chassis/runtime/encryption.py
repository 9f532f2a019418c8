"""TLS: addresses of broker and databases that ask for it, and the contexts of what goes over HTTP.

An address carries CA, names to verify and a client certificate, so everything that connects does it by the
address alone. PostgreSQL's own library reads ``sslmode`` and its companions. aio-pika reads ``cafile``,
``certfile`` and ``keyfile``; `messaging.broker` hands the same three to kombu. All of them read their files
at each connection; a context here does so, too, when they have changed.
"""

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from cryptography.x509 import load_pem_x509_certificate

from services.chassis.runtime.logs import logger
from services.chassis.runtime.metrics import CERTIFICATE_UNTIL

log = logger(__name__)


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


class RenewedContext(ssl.SSLContext):
    """A TLS context that follows its files: a renewed certificate is shown from the next connection on."""

    files: tuple[Path, ...]
    read: Callable[..., None]
    """Reads ``files``."""
    _seen: tuple[int, ...] = ()

    def renew(self) -> None:
        """Read the files if they have changed.

        Raises:
            OSError: one cannot be read, or they do not belong together; it is tried again.
        """
        found = tuple(file.stat().st_mtime_ns for file in self.files)
        if found != self._seen:
            self.read(*self.files)
            self._seen = found

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Begin a connection of asyncio."""
        self._try_to_renew()
        return super().wrap_bio(*arguments, **options)

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        """Begin a connection of a thread."""
        self._try_to_renew()
        return super().wrap_socket(*arguments, **options)

    def _try_to_renew(self) -> None:
        try:
            self.renew()
        except OSError as error:  # certificate and key are replaced one after the other
            log.warning("a renewed certificate cannot be read yet", error=type(error).__name__)


def server_context(certificate: Path, key: Path) -> RenewedContext:
    """Return the context of a server that shows this certificate."""
    context = RenewedContext(ssl.PROTOCOL_TLS_SERVER)

    def show(certificate: Path, key: Path) -> None:
        context.load_cert_chain(certificate, key)
        ends = load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
        CERTIFICATE_UNTIL.set(ends.timestamp())

    context.files, context.read = (certificate, key), show
    context.renew()
    return context


def client_context(ca: Path) -> RenewedContext:
    """Return the context of a client that believes this CA alone, and checks names."""
    context = RenewedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.files, context.read = (ca,), context.load_verify_locations
    context.renew()
    return context
