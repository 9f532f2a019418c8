"""A database server that was initialised and migrated once, of which each stack of the tests gets a copy.

Both take seconds of a processor, for each of the many stacks of `make test`. What is copied is kept in the
cache of pytest, and made anew when the source of migrations, or of what creates databases, has changed.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from contracts.subscriptions import SERVICES
from deploy.local import access
from deploy.local.postgres import Postgres, programs
from deploy.local.stack import Stack
from services.chassis.runtime.clock import now
from services.ops.migrations import upgrade
from tests.support.stack.paths import ROOT

CACHE = ROOT / ".pytest_cache" / "migrated"
SOURCE = (
    "deploy/local/*.py",
    "services/chassis/db/*.py",
    "services/ops/*.py",
    "services/*/migrations/**/*.py",
)
PASSWORD = "database "
"""With the name of a role: the name of its secret."""


@contextmanager
def server() -> Iterator[tuple[dict[str, str], Path]]:
    """Yield the passwords and the data folder of a migrated server, which is made if it is not there."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = CACHE / _version()
        if not folder.exists():
            for old in CACHE.glob("*-*"):
                shutil.rmtree(old)
            _make(folder)
        fcntl.flock(lock, fcntl.LOCK_SH)  # all may copy at once
        yield json.loads((folder / "secrets.json").read_text()), folder / "data"


def copy(data: Path, server: Postgres) -> None:
    """Let a server that was never started begin with the data of one that was stopped."""
    own = server.data_folder()
    owner = own.stat().st_uid
    shutil.copytree(data, own, dirs_exist_ok=True)
    for path in own.rglob("*"):
        os.chown(path, owner, -1)


def _version() -> str:
    """Return a name of what is copied: by its source, PostgreSQL, and the month, which has tables."""
    digest = hashlib.sha256(str(programs()).encode())
    for pattern in SOURCE:
        for file in sorted(ROOT.glob(pattern)):
            digest.update(file.read_bytes())
    return f"{now():%Y%m}-{digest.hexdigest()[:16]}"


def _make(folder: Path) -> None:
    fresh = folder.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    with TemporaryDirectory(prefix="epass-migrated-") as name:
        stack = Stack(Path(name), durable=False)
        try:
            stack.postgres.start()
            for service in SERVICES:
                upgrade(service, stack.postgres.create_database(service, *access.READERS))
            stack.postgres.stop(30)
            shutil.copytree(stack.postgres.data_folder(), fresh / "data")
            secrets = json.loads((stack.folder / "secrets.json").read_text())
        finally:
            stack.remove()
    ours = {name: value for name, value in secrets.items() if name.startswith(PASSWORD)}
    (fresh / "secrets.json").write_text(json.dumps(ours))
    fresh.rename(folder)
