"""Restore a backup into an empty stack, ready for ``make run``.

Everything is checked before anything is changed. The broker is a new, empty one: the events of the old one
are sent again from the outboxes (``services/ops/unseen_events.py``).

Usage: python -m deploy.local.restore BACKUP --identity FILE [--keys-identity FILE] [--keys FILE]
           [--folder FOLDER] [--replace]
"""

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from contracts.subscriptions import SERVICES
from deploy.local.backup import ENCRYPTED, MANIFEST, SECRETS, Url, age, describe, digest, run_program
from deploy.local.console import print_error, print_fact, print_heading
from deploy.local.errors import StackFailed
from deploy.local.postgres import SUPERUSER
from deploy.local.processes import ROOT
from deploy.local.secrets import write_private
from deploy.local.stack import Stack
from services.ops import unseen_events


@dataclass(frozen=True)
class Opening:
    """What opens a backup: files of keys of age, and where its secrets are.

    Args:
        data: the key that opens the dumps.
        secrets: the key that opens the secrets; the same by default.
        at: the file of the secrets; beside the dumps by default.
    """

    data: Path
    secrets: Path | None = None
    at: Path | None = None

    def secrets_of(self, backup: Path) -> tuple[Path, Path]:
        """Return the encrypted file of a backup's secrets, and that of the key that opens it."""
        return self.at or backup / f"{SECRETS}{ENCRYPTED}", self.secrets or self.data


@dataclass(frozen=True)
class Restored:
    """What a restore did: how many events are to be sent again, and how long it took."""

    to_send_again: int
    seconds: float


def check(backup: Path, opening: Opening) -> str:
    """Check that a backup is whole, undamaged and can be opened; return its secrets.

    Raises:
        StackFailed: with the first fault.
    """
    try:
        files: dict[str, Any] = json.loads((backup / MANIFEST).read_text())["files"]
    except (OSError, ValueError, KeyError) as error:
        raise StackFailed(f"{backup} is no backup: it has no {MANIFEST} that can be read") from error
    secrets, identity = opening.secrets_of(backup)
    if not secrets.is_file():
        raise StackFailed(f"the keys of this backup are not in {secrets}: name their file (--keys)")
    there = describe(backup) | {f"{SECRETS}{ENCRYPTED}": digest(secrets)}
    dumps = [f"{service}.dump{ENCRYPTED}" for service in SERVICES]
    for name in (f"{SECRETS}{ENCRYPTED}", *dumps):
        if name not in files or there.get(name) != files[name]:
            raise StackFailed(f"{backup / name} is missing or is not what was written: nothing was restored")
    for name in dumps:
        _opened(backup / name, opening.data, subprocess.DEVNULL)
    return _opened(secrets, identity, subprocess.PIPE).decode()


def _opened(file: Path, identity: Path, into: int) -> bytes:
    if identity.resolve().is_relative_to(file.resolve().parent):
        raise StackFailed(f"{identity} lies beside what it opens, and protects nothing there: move it away")
    command = [*_decrypting(file, identity)]
    done = subprocess.run(command, stdout=into, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise StackFailed(f"{identity} does not open {file}: {done.stderr.decode().strip()}")
    return done.stdout or b""


def _decrypting(file: Path, identity: Path) -> list[str]:
    return age("--decrypt", f"--identity={identity}", str(file))


def load(backup: Path, url: Url, identity: Path) -> Restored:
    """Fill the empty databases of a stack that has the backup's secrets, each in one transaction.

    Raises:
        StackFailed: a database is not empty, or does not take its dump.
    """
    began = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: _load(backup, name, url(name), identity), SERVICES))
    again = unseen_events.mark_unsent(
        lambda name: psycopg.connect(url(name), autocommit=True, connect_timeout=5)
    )
    return Restored(sum(again.values()), time.monotonic() - began)


def _load(backup: Path, name: str, url: str, identity: Path) -> None:
    file = _decrypting(backup / f"{name}.dump{ENCRYPTED}", identity)
    options = ["--exit-on-error", "--single-transaction", f"--dbname={name}"]
    run_program("pg_restore", options, url, reads=[file])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("analyze")


def has_data(folder: Path) -> bool:
    """Return whether a folder has the data of a stack."""
    return any((folder / name).exists() for name in (SECRETS, "postgres", "broker"))


def into_folder(backup: Path, folder: Path, opening: Opening, *, replace: bool = False) -> Restored:
    """Restore into a stack's folder.

    Raises:
        StackFailed: see ``check``; or there is data, and ``replace`` does not allow to delete it.
    """
    secrets = check(backup, opening)
    if has_data(folder):
        if not replace:
            raise StackFailed(f"{folder} has data: `make clean` deletes it, or use REPLACE=yes")
        Stack(folder).remove()
    folder.mkdir(parents=True, exist_ok=True)
    write_private(folder / SECRETS, secrets)
    with Stack(folder) as stack:
        return load(backup, lambda name: stack.postgres.url(SUPERUSER, name, "postgresql"), opening.data)


def main() -> int:
    """Restore; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backup", type=Path)
    parser.add_argument("--folder", type=Path, default=ROOT / ".local", help="of the stack")
    parser.add_argument("--identity", type=Path, required=True, help="the file of the key that opens it")
    parser.add_argument("--keys-identity", type=Path, help="of the key that opens its secrets, if another")
    parser.add_argument("--keys", type=Path, help="the file of its secrets, if it is elsewhere")
    parser.add_argument("--replace", action="store_true", help="delete the data that is there")
    options = parser.parse_args()
    try:
        opening = Opening(options.identity, options.keys_identity, options.keys)
        done = into_folder(options.backup, options.folder, opening, replace=options.replace)
    except StackFailed as error:
        print_error(str(error))
        return 1
    print_heading(f"Restored from {options.backup}")
    print_fact("databases", f"{len(SERVICES)} in {done.seconds:.1f} s")
    print_fact("to be sent again", f"{done.to_send_again} events")
    print_fact("next", "make run")
    return 0


if __name__ == "__main__":
    sys.exit(main())
