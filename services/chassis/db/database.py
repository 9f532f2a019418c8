"""One database for one service: the engine and its transactions.

psycopg blocks eventlet's hub unless it waits with Python's own ``select``; :func:`use_green_waiting` sets
that before psycopg is imported and checks it.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import urlsplit

from sqlalchemy import Engine, ExceptionContext, create_engine, event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from contracts.envelope import PersonalKeyRing
from services.chassis.db import deferred_writes, wakeups
from services.chassis.runtime import metrics
from services.chassis.runtime.settings import (
    DatabaseSettings,
    EventSigningSettings,
    IdempotencySettings,
    PersonalDataSettings,
)
from services.chassis.tokens.signing_key import SigningKey

_CONNECTION_OPTIONS = " ".join(
    f"-c {option}"
    for option in (
        "statement_timeout=8000",
        "lock_timeout=5000",
        "idle_in_transaction_session_timeout=10000",  # frees the locks of a process that lost its connection
        "timezone=UTC",
    )
)
"""Timeouts are in milliseconds."""
LEAVING = ("08", "25006", "28", "57P", "58")
"""SQLSTATEs after which a connection is of no use, since its address may lead to another server by now.

They are: lost, read-only, not authorised, shutdown or timeout of the session, system error (PostgreSQL
manual, appendix A).
"""
OVERFLOW = 2
"""Connections that are opened beside those of the pool, for short times."""
WRITABLE: dict[str, Any] = {"target_session_attrs": "read-write"}
"""A libpq option: refuse to connect to a server that takes no changes, such as a standby."""
PREPARE_AFTER = 2
"""How often a connection carries out a statement before it is prepared.

psycopg forgets all prepared statements at each rollback, so also at each call that is refused.
"""
_AFTER_COMMIT = "after_commit"
"""Where `Session.info` has the functions to call."""
_IS_READ_ONLY = text("select current_setting('transaction_read_only') = 'on'")


def use_green_waiting() -> None:
    """Make psycopg wait through eventlet. Call it after monkey patching and before anything imports psycopg.

    Raises:
        RuntimeError: psycopg was already imported, or does not honour the setting.
    """
    if "psycopg" in sys.modules:
        raise RuntimeError("psycopg was imported before use_green_waiting()")
    os.environ["PSYCOPG_WAIT_FUNC"] = "wait_select"
    from psycopg import waiting

    if waiting.wait is not waiting.wait_select:
        raise RuntimeError("psycopg would block eventlet's hub: PSYCOPG_WAIT_FUNC was not honoured")


def name_of(url: str) -> str:
    """Return the name of the database in a URL, which is the name of its service."""
    return urlsplit(url).path.lstrip("/")


def personal_keys_of(session: Session) -> PersonalKeyRing:
    """Return the key ring of the process that a session belongs to."""
    return cast(PersonalKeyRing, session.info["personal_keys"])


def event_key_of(session: Session) -> SigningKey:
    """Return the key with which the process that a session belongs to signs events.

    Raises:
        RuntimeError: the process has none; consumers would refuse its events.
    """
    key = cast(SigningKey | None, session.info["event_key"])
    if key is None:
        raise RuntimeError("this process has no EPASS_EVENT_KEY")
    return key


def idempotency_secret_of(session: Session) -> bytes:
    """Return the secret that keys digests of requests in the process that a session belongs to.

    Raises:
        RuntimeError: the process has none; an empty key would make digests that anybody can compute.
    """
    secret = cast(bytes, session.info["idempotency_secret"])
    if not secret:
        raise RuntimeError("this process has no EPASS_IDEMPOTENCY_SECRET")
    return secret


def memory_of(session: Session) -> dict[str, Any]:
    """Return what the process that a session belongs to keeps of this database, by a name of the keeper."""
    return cast(dict[str, Any], session.info["memory"])


def after_commit(session: Session, function: Callable[[], object]) -> None:
    """Call a function once the transaction of `Database.transaction` is committed, and only then.

    A handler counts in this way what it does in the transaction, which may be rolled back and done again.
    Within a savepoint, which may be rolled back alone, it is an error.
    """
    assert not session.in_nested_transaction()
    session.info.setdefault(_AFTER_COMMIT, []).append(function)


@event.listens_for(Session, "after_commit")
def _call_after_commit(session: Session) -> None:
    if not session.in_nested_transaction():  # else a savepoint has ended
        for function in session.info.pop(_AFTER_COMMIT, ()):
            function()


class _Pool(QueuePool):
    """A pool that counts who waited for a connection in vain."""

    def connect(self) -> PoolProxiedConnection:
        try:
            return super().connect()
        except PoolTimeout:
            metrics.DATABASE_POOL_TIMEOUTS.inc()
            raise


class Database:
    """Sessions on one database.

    What is stored through a session is partly sealed or digested. The keys for that belong to the process, so
    each session carries them in ``session.info``: ``personal_keys``, ``idempotency_secret`` and
    ``event_key``. So does the ``memory`` of the process, what it keeps of this database.

    Args:
        url: ``postgresql+psycopg://user:password@host:port/name``; of a primary and its standby,
            ``postgresql+psycopg://user:password@/name?host=a%2Cb&port=5432%2C5432``.
        pool: open connections, at least one for each worker.
        personal_keys: seal and open the personal block of events.
        idempotency_secret: keys the digests of requests.
        event_key: signs the events that are added to the outbox.
    """

    def __init__(
        self,
        url: str,
        pool: int = 10,
        *,
        personal_keys: PersonalKeyRing | None = None,
        idempotency_secret: bytes = b"",
        event_key: SigningKey | None = None,
    ) -> None:
        self.personal_keys = personal_keys
        self.engine: Engine = create_engine(
            url,
            poolclass=_Pool,
            pool_size=pool,
            max_overflow=OVERFLOW,
            pool_use_lifo=True,  # the connection that was used last has most statements prepared
            pool_timeout=2,
            hide_parameters=True,
            connect_args={
                "connect_timeout": 3,
                "options": _CONNECTION_OPTIONS,
                "prepare_threshold": PREPARE_AFTER,
            },
        )
        # SQLAlchemy makes the lock of the first connection when it is first needed, and threads that come at
        # once may each make one: then a connection is used before the engine knows its server.
        self.engine.pool.dispatch.connect._get_exec_once_mutex()  # noqa: SLF001  no public way makes it earlier
        event.listen(self.engine, "do_connect", _connect)
        event.listen(self.engine, "checkout", _check_open)
        event.listen(self.engine, "handle_error", _leave)
        self.memory: dict[str, Any] = {}
        info: dict[str, Any] = {
            "personal_keys": personal_keys,
            "idempotency_secret": idempotency_secret,
            "event_key": event_key,
            "memory": self.memory,
        }
        self._single = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._sessions = sessionmaker(self.engine, expire_on_commit=False, info=info)
        self._queries = sessionmaker(self._single, info=info)

    @classmethod
    def of(cls, settings: DatabaseSettings) -> "Database":
        """Return the database that the settings name, with the keys that they hold."""
        keys, secret, event_key = None, b"", None
        if isinstance(settings, PersonalDataSettings):
            keys = PersonalKeyRing(settings.personal_keys)
        if isinstance(settings, IdempotencySettings):
            secret = settings.idempotency_secret.get_secret_value().encode()
        if isinstance(settings, EventSigningSettings):
            event_key = settings.signing_key
        return cls(
            settings.database_url.get_secret_value(),
            settings.database_pool,
            personal_keys=keys,
            idempotency_secret=secret,
            event_key=event_key,
        )

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a session. Its work is committed at the end of the block, or rolled back by any error."""
        with self._sessions.begin() as session:
            yield session
        wakeups.notify(session, self._single)

    @contextmanager
    def queries(self) -> Iterator[Session]:
        """Open a session each of whose statements is a transaction of its own, committed when it has run.

        This saves the statements that begin and end a transaction. Several queries see different states of
        the database, as they do in `transaction`. Objects that are changed in the session are not stored;
        a single statement may store something (`deferred_writes.send`).

        Raises:
            RuntimeError: writes wait that nothing has sent; here no commit sends them.
        """
        with self._queries(autoflush=False) as session:
            yield session
            deferred_writes.require_none(session)
        wakeups.notify(session, self._single)

    def is_available(self) -> bool:
        """Return whether the database can be used now: it answers, and takes changes."""
        try:
            with self.queries() as session:  # the rollback of a transaction would forget what is prepared
                is_read_only = bool(session.execute(_IS_READ_ONLY).scalar_one())
                if is_read_only:
                    session.connection().invalidate()
        except (DBAPIError, PoolTimeout):
            return False
        return not is_read_only

    def export_metrics(self) -> None:
        """Let the metrics of this process show the use of this pool. A process has one that matters."""
        pool = cast(QueuePool, self.engine.pool)
        metrics.DATABASE_CONNECTIONS_MAX.set(pool.size() + OVERFLOW)
        metrics.DATABASE_CONNECTIONS.labels("used").set_function(pool.checkedout)
        metrics.DATABASE_CONNECTIONS.labels("idle").set_function(pool.checkedin)

    def close(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()


def _connect(_dialect: object, _record: object, _arguments: list[str], options: dict[str, Any]) -> Any:
    """Open a connection for the pool; psycopg is imported here, so that `use_green_waiting` runs first."""
    from services.chassis.db.connection_timeouts import TCP_OPTIONS, TimeoutConnection

    return TimeoutConnection.connect(**{**TCP_OPTIONS, **options, **WRITABLE})


def _leave(context: ExceptionContext) -> None:
    """Make the pool close its connections after an error that says that the server cannot be used."""
    if (getattr(context.original_exception, "sqlstate", None) or "").startswith(LEAVING):
        context.is_disconnect = True


def _check_open(connection: Any, _record: object, _fairy: object) -> None:
    """Make the pool replace a connection that the server has closed, as it does at a restart.

    This reads what has arrived on the socket and sends nothing, so it costs no round trip.

    Raises:
        DisconnectionError: the connection is closed.
    """
    try:
        for _ in ("error message", "end of the stream"):
            connection.pgconn.consume_input()
    except connection.OperationalError as error:
        raise DisconnectionError("the server has closed this connection") from error
