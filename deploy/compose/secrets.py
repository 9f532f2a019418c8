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
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from contracts.subscriptions import SERVICES
from deploy.local import logins
from deploy.local.access import PROCESSES, READERS, Credentials
from deploy.local.permissions import PERMISSIONS, definitions
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


def files(store: SecretStore) -> Iterator[tuple[str, str]]:
    """Yield the path and the content of each file, except the store itself.

    Each setting of a process is a file, as ``EPASS_SECRETS_DIR`` expects it.
    """

    def passwords(*roles: str) -> str:
        found = {role: store.password(f"database {role}") for role in roles}
        return json.dumps(found, indent=1) + "\n"

    credentials = Credentials.at(
        store, broker=BROKER, database_server=DATABASE_SERVER, limits_store=LIMITS_STORE
    )
    for process in PROCESSES:
        for name, value in credentials.of(process).items():
            yield f"{process}/{name}", value
    users = definitions({user: store.password(f"broker {user}") for user in PERMISSIONS})
    yield "rabbitmq/definitions.json", json.dumps(users, indent=1) + "\n"
    yield "postgres/password", store.password(f"database {SUPERUSER}")
    yield "databases/passwords.json", passwords(SUPERUSER, *SERVICES, *ROLES, *READERS)
    yield "migrations/passwords.json", passwords(*SERVICES)
    yield "valkey/valkey.conf", f"requirepass {store.password('valkey')}\n"
    yield "grafana/password", store.password("grafana")
    yield "demo/logins.json", logins.text(store)


def pack(known: bytes, out: BinaryIO) -> None:
    """Write the archive, with the secrets of ``known`` and new ones for those that it lacks."""
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=out, mode="w|") as archive:
        file = Path(folder, STORE)
        if known.strip():
            file.write_bytes(known)
        made = dict(files(SecretStore(file)))
        _add(archive, STORE, file.read_bytes(), 0o600)
        for name in sorted({CERTIFICATE, *(path.partition("/")[0] for path in made)}):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for path, text in made.items():
            _add(archive, path, text.encode(), 0o444)


def _add(archive: tarfile.TarFile, path: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


if __name__ == "__main__":
    pack(sys.stdin.buffer.read(), sys.stdout.buffer)
