"""``make secrets``: the secrets of ``deploy/compose.yaml`` as files, one folder for each container.

Usage: python -m deploy.compose.secrets < secrets.json > secrets.tar

It reads the secrets that exist, as JSON (nothing at the first time), and writes an archive with all of them:
``secrets.json`` again, and a folder for each container with what that one needs. So it runs in the image,
which has no access to the folder, and the files belong to whoever unpacks them. A secret that exists stays as
it is.

A container sees its own folder alone, and not as the user who made it. The files are therefore readable for
all, inside a folder that only its owner may enter.
"""

import io
import json
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from contracts.subscriptions import SERVICES
from deploy.local import logins
from deploy.local.access import READERS, Credentials
from deploy.local.permissions import PERMISSIONS, VHOST, definitions
from deploy.local.secrets import SecretStore
from services.ops.grants import ROLES

BROKER = "rabbitmq:5672"
DATABASE_SERVER = "postgres:5432"
LIMITS_STORE = "valkey:6379"
"""Where the containers of the compose file find the servers."""
SUPERUSER = "postgres"
STORE = "secrets.json"
CERTIFICATE = "proxy"
"""The folder into which the site may write a certificate that it has bought."""
PROCESSES = (*SERVICES, "relay", "sender", "gateway", "exporter", "administrator", "import-logins")


class Secrets:
    """All secrets of one installation.

    Args:
        store: holds them.
    """

    def __init__(self, store: SecretStore) -> None:
        self._store = store
        limits_store = f"valkey://:{store.password('valkey')}@{LIMITS_STORE}"
        self._credentials = Credentials(
            self._broker_url, self._database_url, store, limits_store=limits_store
        )

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield the path and the content of each file, except the store itself."""
        for process in PROCESSES:
            yield from _settings(process, self._credentials.of(process))
        users = definitions({user: self._broker_password(user) for user in PERMISSIONS})
        yield "rabbitmq/definitions.json", json.dumps(users, indent=1) + "\n"
        yield "postgres/password", self._database_password(SUPERUSER)
        yield "databases/passwords.json", self._passwords(SUPERUSER, *SERVICES, *ROLES, *READERS)
        yield "migrations/passwords.json", self._passwords(*SERVICES)
        yield "valkey/valkey.conf", f"requirepass {self._store.password('valkey')}\n"
        yield "grafana/password", self._store.password("grafana")
        yield "demo/logins.json", logins.text(self._store)

    def _passwords(self, *roles: str) -> str:
        return json.dumps({role: self._database_password(role) for role in roles}, indent=1) + "\n"

    def _broker_url(self, user: str) -> str:
        return f"amqp://{user}:{self._broker_password(user)}@{BROKER}/{VHOST}"

    def _broker_password(self, user: str) -> str:
        return self._store.password(f"broker {user}")

    def _database_url(self, role: str, database: str | None = None) -> str:
        return database_url(role, self._database_password(role), database or role)

    def _database_password(self, role: str) -> str:
        return self._store.password(f"database {role}")


def database_url(role: str, password: str, database: str, scheme: str = "postgresql+psycopg") -> str:
    """Return the address of a database in the compose file's server."""
    return f"{scheme}://{role}:{password}@{DATABASE_SERVER}/{database}"


def _settings(folder: str, settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield a file for each setting, as ``EPASS_SECRETS_DIR`` expects it."""
    for name, value in settings.items():
        yield f"{folder}/{name}", value


def pack(known: bytes, out: BinaryIO) -> None:
    """Write the archive, with the secrets of ``known`` and new ones for those that it lacks."""
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=out, mode="w|") as archive:
        file = Path(folder, STORE)
        if known.strip():
            file.write_bytes(known)
        files = dict(Secrets(SecretStore(file)).files())
        _add(archive, STORE, file.read_bytes(), 0o600)
        for name in sorted({CERTIFICATE, *(path.partition("/")[0] for path in files)}):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for path, text in files.items():
            _add(archive, path, text.encode(), 0o444)


def _add(archive: tarfile.TarFile, path: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


if __name__ == "__main__":
    pack(sys.stdin.buffer.read(), sys.stdout.buffer)
