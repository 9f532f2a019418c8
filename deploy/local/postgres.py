"""A private PostgreSQL: found on this machine, initialised once, on one loopback port without a socket.

PostgreSQL refuses to run as root. Root therefore runs it as the ``postgres`` user, and when that user cannot
reach the stack's folder the data are outside of it, behind a symbolic link.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil
import psycopg

from deploy.local import access, processes
from deploy.local.errors import StackFailed
from deploy.local.processes import Launch
from deploy.local.secrets import SecretStore

SUPERUSER = "postgres"
INSTALL = "apt-get install postgresql"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
    "cluster_name": "epass",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # After a crash it would otherwise open and sync every file of every database before it recovers.
    "recovery_init_sync_method": "syncfs",
}
NOT_DURABLE = {"fsync": "off"}


class Postgres(processes.Server):
    """One server with its data folder.

    ``folder`` is its own folder inside the stack's. One that is not ``durable`` survives the death of its
    processes, and no loss of power.
    """

    title = "PostgreSQL"
    error_words = ("FATAL", "ERROR")
    ends_by = signal.SIGINT
    """Sessions end, and nothing is lost."""

    def __init__(
        self,
        folder: Path,
        port: int,
        secret_store: SecretStore,
        log: Path,
        mark: str,
        launch: Launch = processes.spawn,
        *,
        durable: bool = True,
    ) -> None:
        super().__init__(folder, log, mark, launch)
        self.port = port
        self._secret_store = secret_store
        self._user = _unprivileged()
        self._durable = durable

    def launch(self) -> None:
        """Initialise the data folder if necessary and start the server, without waiting until it answers."""
        data = self.data_folder()
        version = data / "PG_VERSION"
        binaries = programs(version.read_text().strip() if version.exists() else "")
        if not version.exists():
            self._initialise(data, binaries)
        settings = SETTINGS | {"port": str(self.port)} | ({} if self._durable else NOT_DURABLE)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._child = self._launch(
            processes.Program(
                "postgres",
                (str(binaries / "postgres"), "-D", str(data), *options),
                self.log,
                {processes.MARK: self._mark},
                without=("PG", "EPASS_"),
                user=self._user,
                ends_by="INT",
            )
        )

    def answers(self) -> bool:
        """Return whether it accepts its superuser."""
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _helpers(self) -> list[psutil.Process]:
        """Return its backends."""
        if self._child is None or not self.is_running():
            return []
        return [*psutil.Process(self._child.pid).children(recursive=True)]

    def leftovers(self) -> list[psutil.Process]:
        """Return servers on this data folder that an earlier run left behind.

        They are found by their folder, because PostgreSQL overwrites its environment.
        """
        return list(processes.working_in(self._folder.joinpath("data").resolve(), "postgres"))

    def url(self, role: str, database: str | None = None, scheme: str = "postgresql+psycopg") -> str:
        """Return the address of a database for a role; the database defaults to the role's name."""
        return f"{scheme}://{role}:{self._password(role)}@127.0.0.1:{self.port}/{database or role}"

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """Open a superuser's connection in autocommit mode."""
        return psycopg.connect(
            self.url(SUPERUSER, database, "postgresql"), autocommit=True, connect_timeout=5
        )

    def create_database(self, name: str, *readers: str) -> str:
        """Create a database that is owned by a role of the same name; return its address.

        Only ``readers`` may connect besides the owner. Repeating it changes nothing.
        """
        access.create_database(self.connect, name, self._password, *readers)
        return self.url(name)

    def _password(self, role: str) -> str:
        return self._secret_store.password(f"database {role}")

    def data_folder(self) -> Path:
        """Return the data folder, which the user that the server runs as owns; create it if it is missing."""
        link = self._folder / "data"
        if not os.path.lexists(link):
            self._folder.mkdir(parents=True, exist_ok=True)
            data = link if self._reachable() else _outside(self._folder) / f"epass-{self._mark}"
            data.mkdir(mode=0o700)
            if self._user:
                os.chown(data, pwd.getpwnam(self._user).pw_uid, -1)
            if data != link:
                link.symlink_to(data)
        if not link.exists():
            raise StackFailed(f"the database's folder {link.resolve()} has gone: `make clean` starts afresh")
        return link.resolve()

    def _reachable(self) -> bool:
        return (
            self._user is None
            or processes.run_as(self._user, ["test", "-x", str(self._folder)]).returncode == 0
        )

    def _initialise(self, data: Path, binaries: Path) -> None:
        with tempfile.NamedTemporaryFile("w", prefix="epass-", suffix=".pw") as password:
            password.write(self._password(SUPERUSER))
            password.flush()
            if self._user:
                os.chown(password.name, pwd.getpwnam(self._user).pw_uid, -1)
            done = processes.run_as(
                self._user,
                [
                    str(binaries / "initdb"),
                    "-D",
                    str(data),
                    "-U",
                    SUPERUSER,
                    f"--pwfile={password.name}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale=C.UTF-8",
                    "--data-checksums",
                    "--no-instructions",
                    *([] if self._durable else ["--no-sync"]),
                ],
            )
        if done.returncode:
            raise StackFailed(
                f"PostgreSQL's initdb failed: {(done.stderr.strip() or done.stdout.strip()).splitlines()[-1]}"
            )

    def remove(self) -> None:
        """Delete the data, also if they are outside the stack's folder."""
        link = self._folder / "data"
        if link.is_symlink() and link.resolve().name == f"epass-{self._mark}":
            shutil.rmtree(link.resolve(), ignore_errors=True)
        shutil.rmtree(self._folder, ignore_errors=True)


def _unprivileged() -> str | None:
    """Return the user to run the server as if this process is root, else None."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError as error:
        raise StackFailed(
            f"PostgreSQL will not run as root and there is no user 'postgres': {INSTALL}"
        ) from error


def _outside(folder: Path) -> Path:
    """Return where root stores data that the server's user cannot reach in its own folder."""
    temporary = folder.resolve().is_relative_to(Path(tempfile.gettempdir()).resolve())
    return Path("/var/tmp" if temporary else "/var/lib")


def programs(version: str = "") -> Path:
    """Return the folder with PostgreSQL's programs, of this major version or else the newest."""
    found = [
        folder for folder in _candidates() if (folder / "postgres").exists() and (folder / "initdb").exists()
    ]
    if not found:
        raise StackFailed(f"PostgreSQL is missing: {INSTALL}")
    return next((folder for folder in found if folder.parent.name == version), found[0])


def _candidates() -> list[Path]:
    debian = sorted(
        Path("/usr/lib/postgresql").glob("[0-9]*/bin"),
        key=lambda folder: int(folder.parent.name),
        reverse=True,
    )
    on_path = shutil.which("postgres")
    config = shutil.which("pg_config")
    bindir = (
        subprocess.run([config, "--bindir"], text=True, capture_output=True, check=False).stdout.strip()
        if config
        else ""
    )
    return [
        *debian,
        *([Path(on_path).resolve().parent] if on_path else []),
        *([Path(bindir)] if bindir else []),
    ]
