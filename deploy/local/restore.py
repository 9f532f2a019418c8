"""Restore a backup into an empty stack, ready for ``make run``.

Everything is checked before anything is changed. The broker is a new, empty one: the events of the old one
are sent again from the outboxes (``services/ops/unseen_events.py``).

Usage: python -m deploy.local.restore BACKUP [--folder FOLDER] [--replace]
"""

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from contracts.subscriptions import SERVICES
from deploy.local.backup import MANIFEST, SECRETS, Url, describe, run_program
from deploy.local.console import print_error, print_fact, print_heading
from deploy.local.errors import StackFailed
from deploy.local.postgres import SUPERUSER
from deploy.local.processes import ROOT
from deploy.local.secrets import write_private
from deploy.local.stack import Stack
from services.ops import unseen_events


@dataclass(frozen=True)
class Restored:
    """What a restore did: how many events are to be sent again, and how long it took."""

    to_send_again: int
    seconds: float


def check(backup: Path) -> dict[str, Any]:
    """Check that all files of a backup are there and undamaged; return its manifest.

    Raises:
        StackFailed: with the first fault.
    """
    try:
        manifest: dict[str, Any] = json.loads((backup / MANIFEST).read_text())
        files: dict[str, Any] = manifest["files"]
    except (OSError, ValueError, KeyError) as error:
        raise StackFailed(f"{backup} is no backup: it has no {MANIFEST} that can be read") from error
    there = describe(backup)
    for name in (SECRETS, *(f"{service}.dump" for service in SERVICES)):
        if name not in files or there.get(name) != files[name]:
            raise StackFailed(f"{backup / name} is missing or is not what was written: nothing was restored")
    return manifest


def load(backup: Path, url: Url) -> Restored:
    """Fill the empty databases of a stack that has the backup's secrets, each in one transaction.

    Raises:
        StackFailed: a database is not empty, or does not take its dump.
    """
    began = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: _load(backup / f"{name}.dump", url(name)), SERVICES))
    again = unseen_events.mark_unsent(
        lambda name: psycopg.connect(url(name), autocommit=True, connect_timeout=5)
    )
    return Restored(sum(again.values()), time.monotonic() - began)


def _load(file: Path, url: str) -> None:
    run_program(
        "pg_restore", ["--exit-on-error", "--single-transaction", f"--dbname={file.stem}", str(file)], url
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("analyze")


def has_data(folder: Path) -> bool:
    """Return whether a folder has the data of a stack."""
    return any((folder / name).exists() for name in (SECRETS, "postgres", "broker"))


def into_folder(backup: Path, folder: Path, *, replace: bool = False) -> Restored:
    """Restore into a stack's folder.

    Raises:
        StackFailed: see ``check``; or there is data, and ``replace`` does not allow to delete it.
    """
    check(backup)
    if has_data(folder):
        if not replace:
            raise StackFailed(f"{folder} has data: `make clean` deletes it, or use REPLACE=yes")
        Stack(folder).remove()
    folder.mkdir(parents=True, exist_ok=True)
    write_private(folder / SECRETS, (backup / SECRETS).read_text())
    with Stack(folder) as stack:
        return load(backup, lambda name: stack.postgres.url(SUPERUSER, name, "postgresql"))


def main() -> int:
    """Restore; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backup", type=Path)
    parser.add_argument("--folder", type=Path, default=ROOT / ".local", help="of the stack")
    parser.add_argument("--replace", action="store_true", help="delete the data that is there")
    options = parser.parse_args()
    try:
        done = into_folder(options.backup, options.folder, replace=options.replace)
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
