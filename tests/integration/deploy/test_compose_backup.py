"""`deploy/compose/backup` with a real PostgreSQL: nobody reads a backup but who has the key for it.

`COMPOSE` is a stand-in of compose that runs the server's programs on this machine.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.local.postgres import SUPERUSER, Postgres, programs
from deploy.local.secrets import SecretStore
from tests.support.stack.paths import ROOT
from tests.support.stack.running import free_port

pytestmark = pytest.mark.skipif(shutil.which("age") is None, reason="Debian's package age is not installed")
CANARY, SECRET = "Jaswinder Canary", "a-secret-canary"
NAME = "2026-12-01T02-00-00Z"
FILES = {"data.tar.gz.age", "keys.tar.gz.age", "SHA256SUMS", "SHA256SUMS.sig"}
STAND_IN = r"""#!/bin/sh
case "$*" in
  "exec -T postgres cat /run/secrets/epass/password") cat "$SECRETS/postgres/password" ;;
  "exec -T postgres pg_basebackup"*) shift 3; exec "$BINARIES/$@" ;;
  "run --rm --no-deps -T postgres sh -c"*) eval "$(echo "$8" | sed "s#/var/lib/postgresql/data#$TARGET#g")" ;;
  *) echo "$*" >>"$DONE"; cat >/dev/null ;;
esac
"""


@contextmanager
def server_in(folder: Path, store: SecretStore, *, start: bool = True) -> Iterator[Postgres]:
    server = Postgres(folder, free_port(), store, folder.with_suffix(".log"), f"backup-{uuid4().hex[:8]}")
    try:
        if start:
            server.start()
        yield server
    finally:
        server.stop()
        server.remove()


@dataclass
class Site:
    """An installation: its server, its secrets, its settings and the keys of those who may restore."""

    folder: Path
    server: Postgres
    store: SecretStore
    settings: dict[str, str] = field(default_factory=dict)
    target: str = ""

    @property
    def backups(self) -> Path:
        return self.folder / "backups"

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        stand_in = self.folder / "compose"
        stand_in.write_text(STAND_IN)
        stand_in.chmod(0o755)
        password = self.server.url(SUPERUSER).split(":")[2].split("@")[0]
        environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("EPASS_")},
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "COMPOSE": str(stand_in),
            "SECRETS": str(self.secrets),
            "BINARIES": str(programs()),
            "TARGET": self.target,
            "DONE": str(self.folder / "done"),
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.server.port),
            "PGUSER": SUPERUSER,
            "PGPASSWORD": password,
            "TMPDIR": str(self.folder / "tmp"),
            "EPASS_ENV": str(self.folder / "none"),
            "EPASS_BACKUPS": str(self.backups),
            "EPASS_SITE_FILES": str(self.folder),
            **self.settings,
            **settings,
        }
        command = [str(ROOT / "deploy/compose/backup"), *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    def back_up(self, name: str = NAME, **settings: str) -> Path:
        done = self.run("create", str(self.backups / name), **settings)
        assert not done.returncode, done.stderr
        return self.backups / name

    def key(self, name: str) -> tuple[str, str]:
        """Make a pair of keys, and return the file of the secret one and the public one."""
        file = self.folder / name
        subprocess.run(["age-keygen", "-o", str(file)], check=True, capture_output=True)
        public = subprocess.run(["age-keygen", "-y", str(file)], check=True, capture_output=True, text=True)
        return str(file), public.stdout.strip()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, SecretStore]]:
    folder = tmp_path_factory.mktemp("compose-backup")
    store = SecretStore(folder / "server.json")
    with server_in(folder / "server", store) as running:
        with running.connect() as connection:
            connection.execute("create table visitors (name text)")
            connection.execute("insert into visitors select %s from generate_series(1, 100)", (CANARY,))
        yield running, store


@pytest.fixture
def site(server: tuple[Postgres, SecretStore], tmp_path: Path) -> Site:
    site = Site(tmp_path, *server)
    for name in ("tmp", "bin", "secrets/postgres"):
        (tmp_path / name).mkdir(parents=True)
    (site.secrets / "postgres/password").write_text("of the server")
    (site.secrets / "secrets.json").write_text(SECRET)
    (tmp_path / "bin/make").write_text("#!/bin/sh\n")
    (tmp_path / "bin/make").chmod(0o755)
    identity, public = site.key("data.key")
    keys_identity, keys_public = site.key("keys.key")
    site.settings = {"EPASS_BACKUP_TO": public, "EPASS_BACKUP_KEYS_TO": keys_public}
    site.settings |= {"IDENTITY": identity, "KEYS_IDENTITY": keys_identity}
    return site


def test_a_backup_is_restored_with_the_keys_for_data_and_for_secrets(site: Site, tmp_path: Path) -> None:
    backup = site.back_up()
    signer = shutil.move(site.secrets / "backup.key.pub", tmp_path)
    shutil.rmtree(site.secrets)
    with server_in(tmp_path / "restored", site.store, start=False) as restored:
        data = restored.data_folder()
        owner = data.stat().st_uid
        site.target = str(data)
        done = site.run("restore", str(backup), SIGNER=signer)
        assert not done.returncode, done.stderr
        assert "# e-Pass" in done.stdout
        assert (site.secrets / "secrets.json").read_text() == SECRET
        for path in (data, *data.rglob("*")):
            os.chown(path, owner, -1)
        restored.start()
        with restored.connect() as connection:
            assert connection.execute("select distinct name from visitors").fetchall() == [(CANARY,)]
        assert "epass outbox replay-unseen --broker-is-empty" in (tmp_path / "done").read_text()


def test_without_a_recipient_nothing_is_copied_and_it_says_how_to_make_one(site: Site) -> None:
    done = site.run("create", EPASS_BACKUP_TO="")
    assert (done.returncode, "age-keygen" in done.stderr, site.backups.exists()) == (1, True, False)
    (site.folder / "none").write_text(f"EPASS_BACKUP_TO={site.settings['EPASS_BACKUP_TO']} # of the vault\n")
    assert site.run("create", EPASS_BACKUP_TO="").returncode == 0
    shutil.rmtree(site.backups)
    wrong = site.run("create", EPASS_BACKUP_TO="age1nobody")
    assert (wrong.returncode, "age1nobody" in wrong.stderr, site.backups.exists()) == (1, True, False)


def test_nothing_of_a_backup_is_in_clear_on_the_disk(site: Site) -> None:
    """The canary is found in the same copy when it is not encrypted: the search would see it."""
    backup = site.back_up()
    assert oct((site.folder / "last-backup").stat().st_mode & 0o777) == "0o644"
    assert {one.name for one in backup.iterdir()} == FILES
    assert {oct(one.stat().st_mode & 0o777) for one in backup.iterdir()} == {"0o600"}
    assert not list((site.folder / "tmp").iterdir())
    in_clear = {}
    for name, identity in (("data", "IDENTITY"), ("keys", "KEYS_IDENTITY")):
        file = backup / f"{name}.tar.gz.age"
        assert file.read_bytes().startswith(b"age-encryption.org/")
        opened = ["age", "--decrypt", "--identity", site.settings[identity], str(file)]
        content = subprocess.run(opened, check=True, capture_output=True).stdout
        in_clear[name] = subprocess.run(["zcat"], input=content, check=True, capture_output=True).stdout
    assert CANARY.encode() in in_clear["data"]
    assert SECRET.encode() in in_clear["keys"]
    other = subprocess.run(
        ["age", "--decrypt", "--identity", site.settings["IDENTITY"], str(backup / "keys.tar.gz.age")],
        capture_output=True, check=False,
    )  # fmt: skip
    assert other.returncode, "who opens the data does not open the secrets"


def test_secrets_of_another_installation_are_not_copied_as_a_backup(site: Site) -> None:
    done = site.run("create", COMPOSE="echo")
    assert (done.returncode, "nothing was copied" in done.stderr, site.backups.exists()) == (1, True, False)


def test_a_backup_that_fails_half_way_leaves_nothing(site: Site) -> None:
    done = site.run("create", str(site.backups / NAME), PGPASSWORD="another")
    assert done.returncode
    assert "nothing of it was kept" in done.stderr, done.stderr
    assert list(site.backups.iterdir()) == []
    assert not (site.folder / "last-backup").exists(), "nor does Prometheus take it for a backup"


def refused(site: Site, backup: Path, **settings: str) -> str:
    """Return why a restore is refused that changes nothing."""
    done = site.run("restore", str(backup), **settings)
    assert done.returncode == 1
    assert "nothing was changed" in done.stderr
    assert not (site.folder / "done").exists()
    return done.stderr


def test_what_cannot_be_opened_whole_changes_nothing(site: Site, tmp_path: Path) -> None:
    backup = site.back_up()
    stranger, _ = site.key("stranger.key")
    assert "stranger.key does not open" in refused(site, backup, IDENTITY=stranger)
    assert "IDENTITY=" in refused(site, backup, IDENTITY="", KEYS_IDENTITY="")
    beside = shutil.copy(site.settings["IDENTITY"], backup)
    assert "lies beside" in refused(site, backup, IDENTITY=str(beside))
    sums = (backup / "SHA256SUMS").read_text()
    (backup / "SHA256SUMS").unlink()
    assert "no whole backup" in refused(site, backup)
    (backup / "SHA256SUMS").write_text(sums)

    elsewhere = shutil.move(backup / "keys.tar.gz.age", tmp_path)
    assert "KEYS=" in refused(site, backup)
    shutil.move(elsewhere, backup)
    with (backup / "data.tar.gz.age").open("r+b") as data:
        data.truncate((backup / "data.tar.gz.age").stat().st_size - 1)
    assert "is not what was written" in refused(site, backup)


def test_a_file_that_was_cut_and_summed_again_is_refused_all_the_same(site: Site) -> None:
    backup = site.back_up()
    with (backup / "data.tar.gz.age").open("r+b") as data:
        data.truncate((backup / "data.tar.gz.age").stat().st_size - 1)
    summed = subprocess.run(
        ["sha256sum", "data.tar.gz.age", "keys.tar.gz.age"],
        cwd=backup, check=True, capture_output=True, text=True,
    )  # fmt: skip
    (backup / "SHA256SUMS").write_text(summed.stdout)
    assert "has not signed" in refused(site, backup)
    assert "does not open" in refused(site, backup, UNSIGNED="yes")


def test_a_backup_that_somebody_else_has_put_in_its_place_is_refused(site: Site, tmp_path: Path) -> None:
    """Whoever may write to the folder knows both public keys, and makes a backup that opens and is whole."""
    backup = site.back_up()
    signer = Path(shutil.copy(site.secrets / "backup.key.pub", tmp_path))
    shutil.rmtree(backup)
    for file in site.secrets.glob("backup.key*"):
        file.unlink()
    site.back_up()  # with a key of their own
    assert "has not signed" in refused(site, backup, SIGNER=str(signer))
    (backup / "SHA256SUMS.sig").unlink()
    assert "has not signed" in refused(site, backup, SIGNER=str(signer))
    beside = shutil.copy(site.secrets / "backup.key.pub", backup)
    (site.secrets / "backup.key.pub").write_text(signer.read_text())
    assert "is not signed by this installation" in site.run("check", "1000000").stderr
    (site.secrets / "backup.key.pub").unlink()
    assert "SIGNER=" in refused(site, backup)
    assert "lies beside" in refused(site, backup, SIGNER=str(beside), UNSIGNED="yes")


def test_secrets_go_to_a_place_of_their_own(site: Site, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    backup = site.back_up(EPASS_BACKUP_KEYS=str(keys))
    assert not (backup / "keys.tar.gz.age").exists()
    assert "KEYS=" in refused(site, backup)
    assert "does not open" in refused(
        site, backup, KEYS=str(keys / NAME), KEYS_IDENTITY=site.settings["IDENTITY"]
    )


NOW = datetime.now(UTC)


def named(days_ago: int) -> str:
    return f"{NOW - timedelta(days=days_ago):%Y-%m-%dT%H-%M-%SZ}"


def test_only_its_own_old_backups_are_deleted_and_never_the_last_seven(site: Site) -> None:
    """A clock that is years ahead finds all of them old."""
    days = (40, 41, 42, 43, 44, 45, 46, 47)
    for name in (*map(named, days), "by-hand", "2020-01-01T00-00-00Z"):
        (site.backups / name).mkdir(parents=True)
        for file in FILES:
            (site.backups / name / file).touch()
    (site.backups / "2020-01-01T00-00-00Z" / "SHA256SUMS").unlink()  # one that was never finished
    (site.backups / named(47) / "note").touch()
    assert site.run("create").stderr == ""
    left = {one.name for one in site.backups.iterdir()}
    assert {"by-hand", "2020-01-01T00-00-00Z", *map(named, days[:6])} <= left
    assert named(46) not in left
    assert [one.name for one in (site.backups / named(47)).iterdir()] == ["note"]
    assert len(left) == 2 + 6 + 1 + 1, "and the new one"
    assert "has to be a number" in site.run("create", EPASS_BACKUP_DAYS="0").stderr


def test_a_check_tells_whether_the_newest_backup_is_young_and_whole(site: Site) -> None:
    assert "there is no backup" in site.run("check").stderr
    old = site.back_up(named(3))
    assert "older than 26 hours" in site.run("check").stderr
    assert site.run("check", "100").returncode == 0
    data = old / "data.tar.gz.age"
    data.write_text("damaged")
    assert "is damaged" in site.run("check", "100").stderr
    data.unlink()
    assert "data.tar.gz.age is missing" in site.run("check", "100").stderr
    site.settings["EPASS_BACKUP_KEYS"] = str(site.folder / "keys")
    site.back_up(named(2))
    assert site.run("check", "100").returncode == 0
    (site.folder / "keys" / named(2) / "keys.tar.gz.age").unlink()
    assert "keys.tar.gz.age is missing" in site.run("check", "100").stderr
