"""A broker and a database server that take clients over TLS alone, with certificates of a CA of the test."""

import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from deploy.local import postgres
from deploy.local.broker import Broker
from services.chassis.runtime.clock import now
from tests.support.stack.backends import LocalProcesses
from tests.support.stack.running import free_port

NAMED, UNNAMED = "127.0.0.1", "127.0.0.2"
"""The servers listen on both addresses, and only the first is in their certificates."""


class Authority:
    """A CA, which writes certificates and keys into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = generate_private_key(SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, folder.name)])
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        certificate = self._sign(self._name, self._key, (constraints, usage))
        folder.mkdir()
        self.file = folder / "ca.pem"
        self.file.write_bytes(certificate.public_bytes(Encoding.PEM))

    def issue(self, name: str, *addresses: str, owner: str | None = None) -> tuple[Path, Path]:
        """Return the files of a new certificate and of its key, which nobody but its owner can read."""
        key = generate_private_key(SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName(
            [x509.DNSName(name), *(x509.IPAddress(IPv4Address(one)) for one in addresses)]
        )
        certificate = self._sign(subject, key, (names,))
        files = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
        files[1].touch(0o600)
        files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        if owner:
            os.chown(files[1], pwd.getpwnam(owner).pw_uid, -1)
        return files

    def _sign(
        self, subject: x509.Name, key: EllipticCurvePrivateKey, extensions: tuple[x509.ExtensionType, ...]
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now() - timedelta(hours=1))
            .not_valid_after(now() + timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self._key, hashes.SHA256())


class EncryptedBroker(Broker):
    """A broker whose users come over TLS; the stack itself looks at it on the plain port."""

    tls_port = 0
    options = ""

    def url(self, user: str) -> str:
        return super().url(user).replace(f":{self.port}/", f":{self.tls_port}/")

    def answers(self) -> bool:
        """Return whether it accepts its administrator and listens for TLS, which it begins a moment later."""
        with socket.socket() as probe:
            return super().answers() and not probe.connect_ex((NAMED, self.tls_port))

    def _configure(self) -> None:
        super()._configure()
        with self._folder.joinpath("rabbitmq.conf").open("a") as out:
            out.write(self.options)


class EncryptedServers(LocalProcesses):
    """The two servers, with what their clients need.

    Args:
        folder: of the stack.
        certificates: a folder that the user of the database server can reach.
    """

    def __init__(self, folder: Path, certificates: Path) -> None:
        super().__init__(folder)
        self.authority, self.stranger = (Authority(certificates / name) for name in ("ours", "theirs"))
        self.client = self.authority.issue("client")
        self.stranger_client = self.stranger.issue("client")
        self._server = self.authority.issue("servers", NAMED)
        owner = "postgres" if os.geteuid() == 0 else None
        self._database_server = self.authority.issue("database", NAMED, owner=owner)
        self._hba = certificates / "pg_hba.conf"
        self._hba.write_text(
            "host all postgres 127.0.0.1/32 scram-sha-256\n"
            "hostssl all all 127.0.0.0/8 scram-sha-256 clientcert=verify-ca\n"
        )
        broker = self.stack.broker
        broker.__class__ = EncryptedBroker
        assert isinstance(broker, EncryptedBroker)
        broker.tls_port = free_port()
        certificate, key = self._server
        broker.options = (
            f"listeners.ssl.1 = {NAMED}:{broker.tls_port}\n"
            f"listeners.ssl.2 = {UNNAMED}:{broker.tls_port}\n"
            f"ssl_options.cacertfile = {self.authority.file}\n"
            f"ssl_options.certfile = {certificate}\n"
            f"ssl_options.keyfile = {key}\n"
            "ssl_options.verify = verify_peer\n"
            "ssl_options.fail_if_no_peer_cert = true\n"
        )

    @property
    def database_settings(self) -> dict[str, str]:
        """Return what the database server adds to `postgres.SETTINGS`."""
        certificate, key = self._database_server
        return {
            "listen_addresses": f"{NAMED},{UNNAMED}",
            "hba_file": str(self._hba),
            "ssl": "on",
            "ssl_ca_file": str(self.authority.file),
            "ssl_cert_file": str(certificate),
            "ssl_key_file": str(key),
        }

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings by which every process comes over TLS."""
        certificate, key = map(str, self.client)
        return {
            f"EPASS_{server}_{part}": value
            for server in ("BROKER", "DATABASE")
            for part, value in {
                "CA": str(self.authority.file),
                "CERTIFICATE": certificate,
                "KEY": key,
            }.items()
        }


@contextmanager
def start_encrypted_servers(folder: Path) -> Iterator[EncryptedServers]:
    """Start the two servers, and stop them afterwards."""
    certificates = Path(tempfile.mkdtemp(prefix="epass-tls-"))
    certificates.chmod(0o755)
    servers = EncryptedServers(folder, certificates)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(postgres, "SETTINGS", postgres.SETTINGS | servers.database_settings)
            servers.stack.start()
        yield servers
    finally:
        servers.stack.stop()
        servers.stack.remove()
        shutil.rmtree(certificates)
