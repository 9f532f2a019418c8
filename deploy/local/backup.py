"""All databases of a running stack as of one moment, and the secrets to read them, encrypted with age.

A backup is a folder: a dump of each database in PostgreSQL's custom format, ``secrets.json``, each encrypted
to a recipient, and last of all ``manifest.json``, without which the folder is no backup. What a program dumps
goes through age into the file, so that nothing is in clear on the disk.

Usage: python -m deploy.local.backup --to RECIPIENT [--keys-to RECIPIENT] [--folder FOLDER] [--into FOLDER]
"""

import argparse
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
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

MANIFEST, SECRETS, ENCRYPTED = "manifest.json", "secrets.json", ".age"
NO_RECIPIENT = (
    "nobody is named who could open the backup. Make a key with `age-keygen -o epass-backup.key`, keep that "
    "file on another machine, and name the public key that it prints: --to age1…"
)
Url = Callable[[str], str]
"""The address of a service's database for the superuser, ``postgresql://user:password@host:port/name``."""


def dump(into: Path, url: Url, secrets: Path, to: str, keys_to: str = "") -> dict[str, Any]:
    """Write a backup and return its manifest.

    Args:
        into: a folder that does not exist yet.
        url: see ``Url``.
        secrets: the file of the secret store.
        to: the recipient of age who can open the dumps, or the path of a file with several.
        keys_to: who can open the secrets; the same by default.

    Raises:
        StackFailed: no recipient, age is missing, the folder exists, a database does not answer, or a dump
            failed.
    """
    if not to:
        raise StackFailed(NO_RECIPIENT)
    for recipient in (to, keys_to or to):
        _encrypt(Path(os.devnull), recipient, b"")
    if into.exists():
        raise StackFailed(f"{into} exists already: a backup needs a folder of its own")
    try:
        with snapshots(url) as moment:
            at = datetime.now(UTC)
            into.mkdir(parents=True, mode=0o700)
            _encrypt(into / f"{SECRETS}{ENCRYPTED}", keys_to or to, secrets.read_bytes())
            exported = {
                name: connection.execute("select pg_export_snapshot()").fetchall()[0][0]
                for name, connection in moment.items()
            }

            def dump_one(name: str) -> None:
                options = ["--format=custom", f"--snapshot={exported[name]}"]
                into_file = _encrypting(into / f"{name}.dump{ENCRYPTED}", to)
                run_program("pg_dump", options, url(name), writes=[into_file])

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
    return {file.name: digest(file) for file in sorted(folder.iterdir()) if file.name != MANIFEST}


def digest(file: Path) -> dict[str, Any]:
    """Return size and SHA-256 of a file."""
    with file.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    return {"bytes": file.stat().st_size, "sha256": sha256}


def age(*arguments: str) -> list[str]:
    """Return a command of age.

    Raises:
        StackFailed: it is not installed.
    """
    if shutil.which("age") is None:
        raise StackFailed("age is missing, which encrypts backups: apt-get install age")
    return ["age", *arguments]


def _encrypting(file: Path, recipient: str) -> list[str]:
    named = "--recipients-file" if Path(recipient).is_file() else "--recipient"
    return age(f"{named}={recipient}", f"--output={file}")


def _encrypt(file: Path, recipient: str, content: bytes) -> None:
    command = _encrypting(file, recipient)
    done = subprocess.run(command, input=content, capture_output=True, check=False, umask=0o077)
    if done.returncode:
        raise StackFailed(f"age does not take the recipient {recipient}: {done.stderr.decode().strip()}")


def run_program(
    name: str,
    arguments: list[str],
    url: str,
    *,
    reads: Sequence[list[str]] = (),
    writes: Sequence[list[str]] = (),
) -> None:
    """Run one of PostgreSQL's own programs, of the server's version, on a database.

    Args:
        name: of the program.
        arguments: of it.
        url: see ``Url``.
        reads: a command whose output it reads.
        writes: a command that reads what it prints.

    Raises:
        StackFailed: it failed, or the other command did; the message has the last line.
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
    steps = [*reads, [str(binaries / name), *arguments], *writes]
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", " | ".join(map(shlex.join, steps))],
        env={**os.environ, **{key: value or "" for key, value in connection_settings.items()}},
        text=True,
        capture_output=True,
        check=False,
        umask=0o077,
    )
    if done.returncode:
        last_line = (done.stderr.strip() or "it printed nothing").splitlines()[-1]
        raise StackFailed(f"{name} of {connection_settings['PGDATABASE']} failed: {last_line}")


def back_up_folder(folder: Path, into: Path, to: str, keys_to: str = "") -> dict[str, Any]:
    """Back up the stack that runs in a folder.

    Raises:
        StackFailed: there is none, or see ``dump``.
    """
    if not (folder / SECRETS).exists():
        raise StackFailed(f"there is no stack in {folder}: `make run` makes one")
    stack = Stack(folder)
    secrets = folder / SECRETS
    return dump(into, lambda name: stack.postgres.url(SUPERUSER, name, "postgresql"), secrets, to, keys_to)


def main() -> int:
    """Back up; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / ".local", help="the running stack's")
    parser.add_argument(
        "--into", type=Path, default=ROOT / ".local-backups" / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}"
    )
    parser.add_argument("--to", default="", help="recipient of age who can open the data, or a file of them")
    parser.add_argument("--keys-to", default="", help="who can open the secrets; the same by default")
    options = parser.parse_args()
    try:
        manifest = back_up_folder(options.folder, options.into, options.to, options.keys_to)
    except StackFailed as error:
        print_error(str(error))
        return 1
    print_heading(f"A backup as of {manifest['at']}")
    print_fact("folder", os.path.relpath(options.into))
    print_fact("size", f"{sum(file['bytes'] for file in manifest['files'].values()) / 1e6:.1f} MB")
    print_fact("next", "copy it to another machine; the key that opens it is not in it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
