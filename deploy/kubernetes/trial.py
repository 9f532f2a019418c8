"""The Secrets of ``overlays/trial``: those of ``secrets.py``, and what others make in an installation.

Usage: python -m deploy.kubernetes.trial FILE [NAMESPACE] | kubectl apply -f -

Instead of cert-manager and CloudNativePG it makes the certificates, of one authority, and the roles of the
databases; and the logins of the demonstration. All of it is kept in FILE. Nothing renews the certificates.
"""

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from contracts.subscriptions import SERVICES
from deploy.kubernetes.secrets import (
    BROKER,
    DATABASE_SERVER,
    LIMITS_STORE,
    NAMESPACE,
    in_namespace,
    manifests,
    opened,
    print_list,
    secret,
)
from deploy.local import logins
from deploy.local.access import READERS, WATCHED
from deploy.local.secrets import SecretStore
from services.chassis.runtime.clock import now
from services.ops.grants import ROLES

VALID = timedelta(days=365)
ALL_PROCESSES = "epass.epass.svc"
"""The name under which Prometheus asks each of them."""
NAMES: dict[str, tuple[str, ...]] = {
    **{process: (process, ALL_PROCESSES) for process in WATCHED},
    "gateway": ("gateway.epass.svc", "gateways", ALL_PROCESSES, "localhost"),
    "broker": (BROKER,),
    "limits": (LIMITS_STORE.split(":")[0],),
    "database": (DATABASE_SERVER.split(":")[0],),
}
"""What ``base/servers/certificates.yaml`` asks cert-manager for, and the name for `kubectl port-forward`."""


class Authority:
    """A certificate authority, whose key and certificates are in a file of secrets."""

    def __init__(self, store: SecretStore) -> None:
        self._store = store
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "e-Pass trial")])
        self._key = self._key_of("authority")
        self.certificate = store.made(
            "certificate authority", lambda: self._sign(self._name, self._key, ca=True)
        )

    def pair(self, name: str, *names: str) -> tuple[str, str]:
        """Return a certificate for some names and its key, both PEM."""
        key, subject = self._key_of(name), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._store.made(f"certificate {name}", lambda: self._sign(subject, key, *names))
        return certificate, _text_of(key)

    def _key_of(self, name: str) -> ec.EllipticCurvePrivateKey:
        text = self._store.made(
            f"certificate key {name}", lambda: _text_of(ec.generate_private_key(ec.SECP256R1()))
        )
        key = serialization.load_pem_private_key(text.encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *names: str, ca: bool = False
    ) -> str:
        own, above = key.public_key(), self._key.public_key()
        builder = (
            x509.CertificateBuilder(self._name, subject, own, x509.random_serial_number())
            .not_valid_before(now() - timedelta(hours=1))
            .not_valid_after(now() + VALID)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False)
            .add_extension(x509.BasicConstraints(ca, 0 if ca else None), critical=True)
        )
        if ca:
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            builder = builder.add_extension(usage, critical=True)
        else:
            alternatives = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
            builder = builder.add_extension(alternatives, critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _text_of(key: ec.EllipticCurvePrivateKey) -> str:
    kind = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, *kind).decode()


def additions(store: SecretStore, namespace: str = NAMESPACE) -> Iterator[dict[str, Any]]:
    """Yield the Secrets that others make in an installation."""
    authority = Authority(store)
    for name in ("inside-ca", "database-ca"):
        yield secret(name, "Opaque", {"ca.crt": authority.certificate})
    for name, names in NAMES.items():
        certificate, key = authority.pair(name, *(in_namespace(one, namespace) for one in names))
        own = {"tls.crt": certificate, "tls.key": key, "ca.crt": authority.certificate}
        yield secret(f"{name}-tls", "kubernetes.io/tls", own)
    yield secret("database-roles", "Opaque", {"roles.sql": _roles(store)})
    yield secret("demo", "Opaque", {"logins.json": logins.text(store)})


def _roles(store: SecretStore) -> str:
    """Return the SQL that makes the roles, and a database for each service; passwords have no quotes."""
    made = [
        f"CREATE ROLE {role} LOGIN PASSWORD '{store.password(f'database {role}')}';\n"
        for role in (*SERVICES, *ROLES, *READERS)
    ]
    return "".join([*made, *(f"CREATE DATABASE {service} OWNER {service};\n" for service in SERVICES)])


if __name__ == "__main__":
    secrets, cell = opened(Path(sys.argv[1]), *sys.argv[2:])
    print_list([*manifests(secrets, {}, cell), *additions(secrets, cell)], cell)
