"""What somebody reaches who has taken over a process: the table, and what such a process holds.

``docs/security.md`` shows the table, and `tests/integration/attacks` tries each cell of it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psycopg
from amqp.exceptions import AccessRefused, ChannelError, PreconditionFailed
from kombu import Consumer, Exchange, Queue, binding
from psycopg import errors

from contracts.envelope import PersonalKeyRing
from contracts.subscriptions import RPC_EXCHANGE, SERVICES, STREAM, rpc_queue, subscriptions
from services.chassis.db.database import Database
from services.chassis.runtime.settings import ServiceSettings
from services.chassis.tokens.signing_key import SigningKey
from tests.support.stack.settings import make_settings
from tests.support.stack.wire import Wire, wire

GOALS = {
    "issue": "open the gate with a pass that nobody approved",
    "approve": "approve an application",
    "read": "read people whom another service has",
    "erase": "change or delete records of who did what",
    "pose": "act as somebody",
    "shut": "shut others out: take or delete their queues, end their connections",
}
"""What an attacker wants, by the column of the table."""
NO = "no"
NO_ROUTE = 312
"""The broker's code for a message that no queue is bound for."""
REACHED: Mapping[str, Mapping[str, str]] = {
    "accounts": {"erase": "who issued a login", "pose": "as anybody"},
    "application": {"issue": "by an invitation", "pose": "as its callers"},
    "approval": {"issue": "yes", "approve": "yes", "pose": "as its callers"},
    "issuance": {"issue": "for 30 minutes", "pose": "as its callers"},
    "notify": {"pose": "as applicants"},
    "verify": {"issue": "at gates", "pose": "as its callers"},
    "gateway": {"pose": "as its callers", "shut": "other gateways"},
    "relay": {"erase": "events", "shut": "queues of events"},
    "sender": {"pose": "as applicants"},
    "exporter": {"erase": "dead letters"},
}
"""What each process reaches of the goals; the others are refused.

The columns but "pose" leave out what one reaches by acting as somebody who may do it.
"""
_EVERYWHERE = {"audit_log": "at", "audit_seals": "number", "audit_heads": "number", "outbox": "occurred_at"}
RECORDS: Mapping[str, Mapping[str, str]] = {
    "accounts": {"logins": "issued_by", **_EVERYWHERE},
    "application": {"timeline": "what", "revisions": "made_at", **_EVERYWHERE},
    "approval": {
        "decisions": "decided_by",
        "directory_history": "changed_by",
        "forwardings": "forwarded_by",
        **_EVERYWHERE,
    },
    "issuance": _EVERYWHERE,
    "notify": _EVERYWHERE,
    "verify": {"scans": "scanned_by", **_EVERYWHERE},
}
"""Tables in which a row says who did what and when, each with a column that nobody has a reason to change."""


def outcome(process: str, goal: str) -> str:
    """Return what the table says."""
    return REACHED[process].get(goal, NO)


@dataclass(frozen=True)
class Stolen:
    """A process that somebody has taken over: all that its settings hold."""

    name: str
    settings: Mapping[str, str]

    @property
    def brokers(self) -> list[str]:
        """The addresses of the broker, each with a user and a password."""
        names = ("EPASS_BROKER_URLS", "EPASS_OPS_BROKER_URLS")
        return [self.settings[name] for name in names if name in self.settings]

    @property
    def databases(self) -> list[str]:
        """The addresses of databases, each with a role and a password."""
        names = ("EPASS_DATABASE_URL", "EPASS_RELAY_DATABASE_URLS", "EPASS_OPS_DATABASE_URLS")
        return [one for name in names for one in self.settings.get(name, "").split(",") if one]

    @property
    def signer(self) -> SigningKey:
        """The key with which it signs; a process that has none makes one up."""
        seed = self.settings.get("EPASS_EVENT_KEY")
        return SigningKey.from_seed(seed) if seed else SigningKey.generate()

    @property
    def ring(self) -> PersonalKeyRing | None:
        """What opens sealed blocks, if it has that."""
        keys = self.settings.get("EPASS_PERSONAL_KEYS")
        return PersonalKeyRing(keys.split(",")) if keys else None

    @property
    def own(self) -> frozenset[str]:
        """The services whose database is its own."""
        service = {"sender": "notify"}.get(self.name, self.name)
        return frozenset({service}) & frozenset(SERVICES)

    def is_own_queue(self, queue: str) -> bool:
        """Return whether a queue is one that it reads for its work."""
        return queue == f"rpc-{self.name}" or queue.startswith(f"{self.name}.")


@contextmanager
def connected(address: str, service: str) -> Iterator[psycopg.Connection[Any] | None]:
    """Open the database of a service by somebody's address of another one; None where that is refused."""
    url = urlsplit(address)._replace(scheme="postgresql", path=f"/{service}").geturl()
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        if "permission denied for database" not in str(error):
            raise
        yield None
        return
    with connection:
        connection.execute("set lock_timeout = '2s'")
        yield connection


def is_denied(connection: psycopg.Connection[Any], statement: str) -> bool:
    """Return whether a statement is refused for want of a right; it has no effect in any case."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement)  # type: ignore[call-overload]  # a literal or a name of our own
    except errors.InsufficientPrivilege:
        return True
    except psycopg.Error:  # for another reason: the rights were found to suffice
        return False
    return False


def changes_allowed(connection: psycopg.Connection[Any], table: str, column: str) -> list[str]:
    """Return in which ways records of a table can be changed or taken away."""
    ways = {
        "update": f"update {table} set {column} = {column} where false",
        "delete": f"delete from {table} where false",
        "truncate": f"truncate {table}",
        "drop": f"drop table {table}",
    }
    return [way for way, statement in ways.items() if not is_denied(connection, statement)]


def text_of(connection: psycopg.Connection[Any]) -> str:
    """Return all that a role can read of a database, as text, sealed columns as they are."""
    tables = connection.execute(
        "select c.relname, array_agg(quote_ident(attname)) filter (where has_column_privilege(c.oid, "
        "attnum, 'select')) from pg_class c join pg_attribute on attrelid = c.oid "
        "where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition "
        "and attnum > 0 and not attisdropped group by 1"
    ).fetchall()
    found = [
        connection.execute(f"select {', '.join(columns)} from {table} limit 10000").fetchall()  # type: ignore[call-overload]
        for table, columns in tables
        if columns
    ]
    return json.dumps(found, default=str, ensure_ascii=False)


ALL_QUEUES = (
    STREAM,
    *(name for service in SERVICES for name in (rpc_queue(service), f"{rpc_queue(service)}.dead")),
    *(name for one in subscriptions() for name in (one.queue, one.dead_letters)),
)


def readable(broker: Wire, queues: Sequence[str]) -> list[str]:
    """Return the queues from which a user may take messages; none is taken."""
    found = []
    for name in queues:
        with suppress(AccessRefused), broker.connection.channel() as channel:
            if name == STREAM:  # a stream has consumers and no "get"
                channel.basic_qos(0, 1, False)
                channel.basic_consume(name)
            else:
                channel.basic_consume(name, arguments={"x-priority": -10})
            found.append(name)
    return found


def may(broker: Wire, action: str, *arguments: Any, **options: Any) -> bool:
    """Return whether the broker lets a user do something on a channel of its own."""
    try:
        with broker.connection.channel() as channel:
            getattr(channel, action)(*arguments, **options)
    except AccessRefused:
        return False
    return True


def published(address: str, exchange: str, key: str, body: bytes, **properties: Any) -> bool:
    """Publish as a user, and return whether the broker takes it."""
    with wire(address) as broker:
        try:
            broker.publish(exchange, key, body, **properties)
        except (AccessRefused, PreconditionFailed):
            return False
        except ChannelError as returned:  # allowed, and it leads nowhere
            if returned.reply_code != NO_ROUTE:
                raise
            return False
    return True


SPIES = tuple(
    (queue, keys)
    for queue in ("spy", "{}.spy", "verify.spy")
    for keys in (("#",), tuple(f"{one}.*" for one in SERVICES))
)
"""Queues for copies of requests and replies, each with routing keys: of all, and of requests alone."""


@contextmanager
def listening(broker: Wire, name: str, keys: Sequence[str]) -> Iterator[list[str]]:
    """Copy requests and replies to a queue of this name; yield their bodies as they come.

    Raises:
        AccessRefused: the user may not.
    """
    copies: list[str] = []
    with broker.connection.channel() as channel:
        exchange = Exchange(RPC_EXCHANGE, type="topic", durable=True, passive=True)
        bindings = [binding(exchange, routing_key=key) for key in keys]
        queue = Queue(name, bindings=bindings, exclusive=True, auto_delete=True, durable=False)
        with Consumer(
            channel,
            [queue],
            callbacks=[lambda body, _: copies.append(text(body))],
            no_ack=True,
            accept=["json", "application/octet-stream"],
        ):
            yield copies


def text(body: Any) -> str:
    """Return the body of a message as text."""
    if isinstance(body, bytes | memoryview):
        return bytes(body).decode()
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)


def session_tokens(text: str) -> list[str]:
    """Return the session tokens that stand in the body of a request."""
    return re.findall(r'"session": ?"(eyJ[\w.-]+)"', text)


@contextmanager
def database_of(stolen: Stolen) -> Iterator[Database]:
    """Open the database of a stolen service as its own code does, to store what it signs."""
    database = Database.of(
        make_settings(
            ServiceSettings,
            database_url=stolen.settings["EPASS_DATABASE_URL"],
            database_pool=1,
            event_key=stolen.settings["EPASS_EVENT_KEY"],
            personal_keys=tuple(stolen.settings["EPASS_PERSONAL_KEYS"].split(",")),
        )
    )
    try:
        yield database
    finally:
        database.close()
