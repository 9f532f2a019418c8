"""A PostgreSQL primary and a standby that streams from it, through a proxy that a test can break."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psutil
import psycopg

from deploy.local import access, processes
from deploy.local.errors import StackFailed
from deploy.local.postgres import SUPERUSER, Postgres, programs
from deploy.local.secrets import SecretStore
from tests.support.chaos.proxy import Proxy
from tests.support.stack.running import eventually, free_port

STANDBY = "standby"
"""By this name the standby stands in the primary's ``synchronous_standby_names``."""


class Server(Postgres):
    """One server of a pair."""

    def copy_from(self, port: int) -> None:
        """Make its data a copy of what the primary behind a port has, and let it stream from there."""
        self.remove()
        data = self.data_folder()
        source = f"host=127.0.0.1 port={port} user={SUPERUSER} application_name={STANDBY}"
        command = [str(programs() / "pg_basebackup"), "--pgdata", str(data), "--dbname", source]
        done = processes.run_as(
            self._user,
            [*command, "--write-recovery-conf", "--checkpoint", "fast", "--no-sync"],
            env={**processes.inherited("PG"), "PGPASSWORD": self._password(SUPERUSER)},
        )
        if done.returncode:
            raise StackFailed(f"pg_basebackup failed: {done.stderr}")


class PostgresPair:
    """Two servers. What a stack needs of one server, it has, too.

    Args:
        folder: of both.
        ports: of each.
        secret_store, logs, mark: of the stack.
    """

    def __init__(
        self, folder: Path, ports: tuple[int, int], secret_store: SecretStore, logs: Path, mark: str
    ) -> None:
        self.primary, self.standby = (
            Server(folder / str(at), port, secret_store, logs / f"postgres-{at}.log", f"{mark}-{at}")
            for at, port in enumerate(ports)
        )
        self._ports = ports
        self._secret_store = secret_store
        self._third = Server(folder / "2", free_port(), secret_store, logs / "postgres-2.log", f"{mark}-2")
        self._open = ExitStack()
        self.link: Proxy
        """Between the two."""

    def start(self) -> None:
        """Start the primary, then the standby."""
        self.primary.start()
        self.join()

    def join(self) -> None:
        """Make the server that is not the primary its standby, whatever it was before."""
        self._open.close()
        self.link = self._open.enter_context(Proxy("127.0.0.1", self.primary.port))
        self.standby.copy_from(self.link.port)
        self.standby.start()
        eventually(self.is_streaming, "the standby streams", 60)

    @contextmanager
    def another_standby(self) -> Iterator[None]:
        """Let a second standby stream from the primary for the length of the block.

        Meanwhile the primary notices within five seconds that one is out of reach.
        """
        self._third.copy_from(self.primary.port)
        self._third.start()
        self._set("alter system set wal_sender_timeout = '5s'")
        try:
            yield
        finally:
            self._set("alter system reset wal_sender_timeout")
            self._third.stop()
            self._third.remove()

    def standbys(self) -> int:
        """Return how many standbys the primary sends its log to."""
        return int(self._ask("select count(*) from pg_stat_replication where state = 'streaming'"))

    def is_streaming(self) -> bool:
        """Return whether the standby has all that the primary has."""
        return bool(
            self._ask("select count(*) from pg_stat_replication where replay_lsn >= pg_current_wal_lsn()")
        )

    def wait_for_standby(self, names: str = STANDBY) -> None:
        """Let the primary answer a commit once these standbys have it; with no name it waits for none."""
        self._set(f"alter system set synchronous_standby_names = '{names}'")
        wanted = "sync" if names else "async"
        eventually(lambda: self._ask("select min(sync_state) from pg_stat_replication") == wanted, wanted, 30)

    def promote(self) -> None:
        """Make the standby the primary, and return once it takes changes."""
        with self.standby.connect() as connection:
            assert connection.execute("select pg_promote()").fetchone() == (True,)
        self.primary, self.standby = self.standby, self.primary

    def longest_wait(self) -> float:
        """Return for how many seconds a commit has waited for the standby."""
        waiting = "from pg_stat_activity where wait_event = 'SyncRep'"
        return float(
            self._ask(f"select coalesce(max(extract(epoch from now() - query_start)), 0)::float8 {waiting}")
        )

    def _set(self, statement: LiteralString) -> None:
        with self.connect() as connection:
            connection.execute(statement)
            connection.execute("select pg_reload_conf()")

    def _ask(self, query: str) -> Any:
        with self.connect() as connection:
            ((value,),) = connection.execute(query).fetchall()
            return value

    def stop(self) -> None:
        """Stop both servers; harmless when they do not run."""
        for server in (self._third, self.standby, self.primary):
            server.stop()
        self._open.close()

    def remove(self) -> None:
        """Delete the data."""
        for server in (self.standby, self.primary):
            server.remove()

    def leftovers(self) -> list[psutil.Process]:
        """Return servers that an earlier run left behind."""
        return [one for server in (self._third, self.standby, self.primary) for one in server.leftovers()]

    def url(self, role: str, database: str | None = None, ports: tuple[int, int] | None = None) -> str:
        """Return an address that names both servers, by default in an order that does not change."""
        password = self._secret_store.password(f"database {role}")
        first, second = ports or self._ports
        servers = f"host=127.0.0.1%2C127.0.0.1&port={first}%2C{second}"
        return f"postgresql+psycopg://{role}:{password}@/{database or role}?{servers}"

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """Open a superuser's connection to the primary."""
        return self.primary.connect(database)

    def create_database(self, name: str, *readers: str) -> str:
        """Create a database on the primary; return its address."""
        access.create_database(
            self.connect, name, lambda role: self._secret_store.password(f"database {role}"), *readers
        )
        return self.url(name)
