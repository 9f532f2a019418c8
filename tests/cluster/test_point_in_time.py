"""A database server is lost, and comes back as it was at a moment that somebody chooses.

Barman Cloud archives the log and makes the copy, as CloudNativePG's plugin runs it on Kubernetes, into a
store that speaks S3. Both are in ``build/barman`` (`make chaos` installs them). ``DRILL_MEGABYTES=500``
measures it with more data.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from uuid import uuid4

import httpx
import psycopg
import pytest

from contracts.subscriptions import SERVICES
from deploy.local import processes
from deploy.local.postgres import SUPERUSER, Postgres
from deploy.local.secrets import SecretStore
from tests.support.stack.paths import ROOT
from tests.support.stack.running import eventually, free_port

TOOLS = ROOT / "build" / "barman" / "bin"
pytestmark = pytest.mark.skipif(
    not (TOOLS / "moto_server").exists(), reason="Barman and a stand-in of S3 are not in build/barman"
)
BUCKET, SERVER = "s3://epass-backups", "database"
MEGABYTES = int(os.environ.get("DRILL_MEGABYTES", "20"))


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """The address of an object store with a bucket."""
    port = free_port()
    with subprocess.Popen([TOOLS / "moto_server", "--port", str(port)], stderr=subprocess.DEVNULL) as server:
        address = f"http://127.0.0.1:{port}"

        def made() -> bool:
            try:
                return httpx.put(f"{address}/{BUCKET[5:]}", trust_env=False).is_success
            except httpx.TransportError:
                return False

        eventually(made, "the store has a bucket", 60)
        yield address
        server.terminate()


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of the site")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the site")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@contextmanager
def server_in(folder: Path, secrets: SecretStore) -> Iterator[Postgres]:
    mark = f"in-time-{uuid4().hex[:8]}"
    server = Postgres(folder, free_port(), secrets, folder.with_suffix(".log"), mark, durable=False)
    try:
        yield server
    finally:
        server.stop()
        server.remove()


def barman(name: str, store: str, *arguments: str, server: Postgres | None = None) -> str:
    """Run one of Barman's commands and return its output."""
    password = server.url(SUPERUSER).split(":")[2].split("@")[0] if server else ""
    done = subprocess.run(
        [TOOLS / f"barman-cloud-{name}", f"--endpoint-url={store}", *arguments],
        env={**os.environ, "PGPASSWORD": password},
        timeout=240,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr[-2000:]
    return done.stdout


def in_each(server: Postgres, do: Callable[[psycopg.Connection[tuple[object, ...]]], object]) -> list[object]:
    """Return what something yields in the database of each service."""
    found = []
    for name in SERVICES:
        with server.connect(name) as connection:
            found.append(do(connection))
    return found


def archive(server: Postgres, store: str) -> None:
    """Start a server that archives its log, and make a copy of it while it runs."""
    reached = processes.run_as("postgres", [str(TOOLS / "barman-cloud-wal-archive"), "--version"])
    if not os.geteuid() and reached.returncode:
        pytest.skip(f"the database server's user cannot run what is in {TOOLS}")
    server.start()
    command = f"{TOOLS}/barman-cloud-wal-archive --endpoint-url={store} -e AES256 --gzip {BUCKET} {SERVER} %p"
    with server.connect() as connection:
        connection.execute("alter system set archive_mode = on")
        connection.execute(f"alter system set archive_command = '{command}'")
        for name in SERVICES:
            connection.execute(f"create database {name}")
    server.stop()
    server.start()
    in_each(server, lambda one: one.execute("create table promises (made text, filler text)"))
    with server.connect("notify") as connection:
        filler = (
            "insert into promises select 'old', repeat(md5(i::text), 32) from generate_series(1, %s) as i"
        )
        connection.execute(filler, (MEGABYTES * 1000,))
    to = ("--encryption=AES256", "--gzip", "--immediate-checkpoint", "--host=127.0.0.1")
    barman(
        "backup", store, *to, f"--port={server.port}", f"--user={SUPERUSER}", BUCKET, SERVER, server=server
    )


def promise(server: Postgres, what: str) -> str:
    """Store something in every database, and return the moment after it."""
    in_each(server, lambda one: one.execute("insert into promises values (%s)", (what,)))
    with server.connect() as connection:
        return str(connection.execute("select clock_timestamp()").fetchall()[0][0])


def lose(server: Postgres) -> None:
    """Delete a server once its log is in the store."""
    with server.connect() as connection:
        ((last,),) = connection.execute("select pg_walfile_name(pg_switch_wal())").fetchall()
        look = "select last_archived_wal >= %s from pg_stat_archiver"
        eventually(
            lambda: connection.execute(look, (last,)).fetchall() == [(True,)], "the log is archived", 60
        )
    server.kill()
    server.remove()


def restore(server: Postgres, store: str, until: str) -> None:
    """Make a server of the newest copy and the log, as it was at a moment; as of the end if there is none."""
    data = server.data_folder()
    owner = data.stat().st_uid
    copies = barman("backup-list", store, BUCKET, SERVER).split("\n")
    newest = next(line.split()[0] for line in copies if line.strip() and line[0].isdigit())
    barman("restore", store, BUCKET, SERVER, newest, str(data))
    command = f"{TOOLS}/barman-cloud-wal-restore --endpoint-url={store} {BUCKET} {SERVER} %f %p"
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.write(f"archive_mode = off\nrestore_command = '{command}'\n")
        if until:
            settings.write(f"recovery_target_time = '{until}'\nrecovery_target_action = promote\n")
    (data / "recovery.signal").touch()
    for path in (data, *data.rglob("*")):
        shutil.chown(path, owner)
    server.start()
    with server.connect() as connection:
        ready = "select not pg_is_in_recovery()"
        eventually(lambda: connection.execute(ready).fetchall() == [(True,)], "it takes changes", 120)


def test_all_databases_come_back_as_they_were_at_one_moment(store: str, tmp_path: Path) -> None:
    """Without a moment everything comes back: what is not there at it was left out on purpose."""
    secrets = SecretStore(tmp_path / "secrets.json")
    with server_in(tmp_path / "lost", secrets) as server:
        began = monotonic()
        archive(server, store)
        copied = monotonic()
        promise(server, "before")
        moment = promise(server, "just before")
        promise(server, "after")
        lose(server)
    took = {}
    rows = "select array_agg(distinct made order by made) from promises where made <> 'old'"
    for until in (moment, ""):
        with server_in(tmp_path / f"restored{len(took)}", secrets) as restored:
            lost = monotonic()
            restore(restored, store, until)
            took[until] = monotonic() - lost
            there = ["before", "just before"] if until else ["after", "before", "just before"]
            assert in_each(restored, lambda one: one.execute(rows).fetchall()) == [[(there,)]] * len(SERVICES)
            with restored.connect("notify") as connection:
                old = connection.execute("select count(*) from promises where made = 'old'").fetchall()
            assert old == [(MEGABYTES * 1000,)]
    print(f"{MEGABYTES} MB: copied in {copied - began:.1f} s, back as of the moment in {took[moment]:.1f} s")
