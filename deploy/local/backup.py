"""All databases of a running stack as of one moment, and the secrets to read them.

A backup is a folder: a dump of each database in PostgreSQL's custom format, ``secrets.json``, and last of all
``manifest.json``, without which the folder is no backup. It opens everything, so only its owner may read it.

Usage: python -m deploy.local.backup [--folder FOLDER] [--into FOLDER]
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from deploy.local.console import print_error, print_fact, print_heading
from deploy.local.errors import StackFailed
from deploy.local.postgres import SUPERUSER, programs
from deploy.local.processes import ROOT
from deploy.local.secrets import write_private
from deploy.local.snapshots import snapshots
from deploy.local.stack import Stack

MANIFEST, SECRETS = "manifest.json", "secrets.json"
Url = Callable[[str], str]
"""The address of a service's database for the superuser, ``postgresql://user:password@host:port/name``."""


def dump(into: Path, url: Url, secrets: Path) -> dict[str, Any]:
    """Write a backup and return its manifest.

    Args:
        into: a folder that does not exist yet.
        url: see ``Url``.
        secrets: the file of the secret store.

    Raises:
        StackFailed: the folder exists, a database does not answer, or a dump failed.
    """
    if into.exists():
        raise StackFailed(f"{into} exists already: a backup needs a folder of its own")
    try:
        with snapshots(url) as moment:
            at = datetime.now(UTC)
            into.mkdir(parents=True, mode=0o700)
            write_private(into / SECRETS, secrets.read_text())
            exported = {
                name: connection.execute("select pg_export_snapshot()").fetchall()[0][0]
                for name, connection in moment.items()
            }

            def dump_one(name: str) -> None:
                options = ["--format=custom", f"--snapshot={exported[name]}", f"--file={into / name}.dump"]
                run_program("pg_dump", options, url(name))

            with ThreadPoolExecutor(2) as pool:
                list(pool.map(dump_one, exported))
            server = next(iter(moment.values())).info.server_version
    except psycopg.OperationalError as error:
        raise StackFailed(
            "the databases do not answer: a backup is made of a running stack (`make run`)"
        ) from error
    manifest = {
        "at": at.isoformat(timespec="milliseconds"),
        "epass": version("epass"),
        "postgresql": server // 10_000,
        "files": describe(into),
    }
    write_private(into / MANIFEST, json.dumps(manifest, indent=1) + "\n")
    return manifest


def describe(folder: Path) -> dict[str, dict[str, Any]]:
    """Return size and SHA-256 of each file except the manifest."""
    files = sorted(file for file in folder.iterdir() if file.name != MANIFEST)
    return {file.name: {"bytes": file.stat().st_size, "sha256": _digest(file)} for file in files}


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def run_program(name: str, arguments: list[str], url: str) -> None:
    """Run one of PostgreSQL's own programs, of the server's version, on a database.

    Raises:
        StackFailed: it failed; the message has its last line.
    """
    with psycopg.connect(url, connect_timeout=5) as connection:
        binaries = programs(str(connection.info.server_version // 10_000))
    at = urlsplit(url)
    connection_settings = {
        "PGHOST": at.hostname,
        "PGPORT": str(at.port),
        "PGUSER": at.username,
        "PGPASSWORD": at.password,
        "PGDATABASE": at.path[1:],
    }
    done = subprocess.run(
        [str(binaries / name), *arguments],
        env={**os.environ, **{key: value or "" for key, value in connection_settings.items()}},
        text=True,
        capture_output=True,
        check=False,
        umask=0o077,
    )
    if done.returncode:
        last_line = (done.stderr.strip() or "it printed nothing").splitlines()[-1]
        raise StackFailed(f"{name} of {connection_settings['PGDATABASE']} failed: {last_line}")


def back_up_folder(folder: Path, into: Path) -> dict[str, Any]:
    """Back up the stack that runs in a folder.

    Raises:
        StackFailed: there is none, or see ``dump``.
    """
    if not (folder / SECRETS).exists():
        raise StackFailed(f"there is no stack in {folder}: `make run` makes one")
    stack = Stack(folder)
    return dump(into, lambda name: stack.postgres.url(SUPERUSER, name, "postgresql"), folder / SECRETS)


def main() -> int:
    """Back up; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / ".local", help="the running stack's")
    parser.add_argument(
        "--into", type=Path, default=ROOT / ".local-backups" / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}"
    )
    options = parser.parse_args()
    try:
        manifest = back_up_folder(options.folder, options.into)
    except StackFailed as error:
        print_error(str(error))
        return 1
    print_heading(f"A backup as of {manifest['at']}")
    print_fact("folder", os.path.relpath(options.into))
    print_fact("size", f"{sum(file['bytes'] for file in manifest['files'].values()) / 1e6:.1f} MB")
    print_fact(
        "sensitive", "it holds every secret and all personal data: keep it encrypted, away from this machine"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
