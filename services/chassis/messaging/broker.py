"""Connections to the first node of the broker that answers.

`connect` is for asyncio: the relay, the gateway and the command line. The rest is for services, which use
kombu.
"""

import asyncio
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from time import sleep
from typing import Any, NoReturn
from urllib.parse import parse_qs, unquote, urlsplit

import aio_pika
from aio_pika.abc import AbstractConnection
from amqp.exceptions import AMQPError, MessageNacked
from kombu import Connection
from kombu.exceptions import OperationalError

from services.chassis.runtime.logs import logger

log = logger(__name__)
CONNECT_TIMEOUT = 5.0
"""Seconds for one node, and for each of its answers until everything is set up."""
CLOSE_SECONDS = 2.0
HEARTBEAT_CHECKS = 4
"""How often heartbeats are looked at in the time of one."""
DRAIN_SECONDS = 0.01
LOST = (
    aio_pika.exceptions.AMQPError,
    aio_pika.exceptions.ChannelInvalidStateError,
    OSError,
    asyncio.TimeoutError,
)
"""What a lost connection raises on asyncio."""
NOT_PUBLISHED = (OperationalError, AMQPError, MessageNacked, OSError, AttributeError)
"""What publishing through kombu raises. py-amqp raises `AttributeError` on a channel that is closed."""


def user_of(urls: Sequence[str]) -> str:
    """Return the user as whom these addresses connect.

    A message names it as its sender (AMQP's ``user-id``), and the broker refuses any other name.
    """
    return unquote(urlsplit(urls[0]).username or "guest") if urls else ""


def connected_as(connection: AbstractConnection) -> str | None:
    """Return the user as whom a connection is open; None if it is not open."""
    return connection.transport.connection.url.user if connection.transport else None


async def connect(urls: Sequence[str], name: str, heartbeat: int = 20) -> AbstractConnection:
    """Connect to one node.

    Args:
        urls: all nodes, tried in turn.
        name: shown in the broker's management pages.
        heartbeat: seconds.

    Raises:
        ConnectionError: no node answers.
    """
    for url in urls:
        try:
            return await asyncio.wait_for(
                aio_pika.connect(url, client_properties={"connection_name": name}, heartbeat=heartbeat),
                CONNECT_TIMEOUT,
            )
        except LOST as error:
            log.warning("broker node does not answer", error=type(error).__name__, part=name)
    raise ConnectionError("no node of the broker answers")


async def close(connection: AbstractConnection) -> None:
    """Close a connection. Do not wait for a broker that does not answer."""
    with suppress(*LOST):
        await asyncio.wait_for(connection.close(), CLOSE_SECONDS)


class _Connection(Connection):
    """A kombu connection that, over TLS, checks the name of the node that it connects to now."""

    ssl: Any

    def _establish_connection(self) -> Any:
        if self.ssl:
            self.ssl = {**self.ssl, "server_hostname": self.hostname}
        return super()._establish_connection()


def _tls_of(url: str) -> dict[str, Any] | None:
    """Return what py-amqp needs for TLS; None if the address is for plain AMQP."""
    parts = urlsplit(url)
    if parts.scheme != "amqps":
        return None
    given = parse_qs(parts.query)
    names = {"cafile": "ca_certs", "certfile": "certfile", "keyfile": "keyfile"}
    files = {theirs: given[ours][0] for ours, theirs in names.items() if ours in given}
    return {"cert_reqs": ssl.CERT_REQUIRED, **files}


def kombu_connection(urls: Sequence[str], heartbeat: int = 20, *, confirm: bool = True) -> Connection:
    """Return a kombu connection that is not open yet; `open_to_any_node` opens it.

    Args:
        urls: all nodes.
        heartbeat: seconds; 0 where nobody reads from the connection regularly.
        confirm: whether the broker confirms what is published.
    """
    return _Connection(
        [urlsplit(url)._replace(scheme="pyamqp", query="").geturl() for url in urls],
        ssl=_tls_of(urls[0]) or False,
        heartbeat=heartbeat,
        failover_strategy="round-robin",
        transport_options={"confirm_publish": confirm},
    )


def open_to_any_node(connection: Connection) -> None:
    """Open a kombu connection and its channel.

    Each node is tried once: `backoff` decides when to try again, not kombu.

    Raises:
        kombu.exceptions.OperationalError: no node answers.
        TimeoutError: a node answers, but opens no channel.
    """
    connection.ensure_connection(max_retries=len(connection.alt) - 1)
    with connection.connection.transport.having_timeout(CONNECT_TIMEOUT):
        connection.default_channel  # noqa: B018  kombu opens it here


class PublishingConnection:
    """A connection on which one thread at a time publishes.

    It is opened at its first use, and again after each failure.

    Args:
        urls: all nodes.
        confirm: whether the broker confirms what is published.
        heartbeat: seconds, where a thread runs `keep_alive`; else 0. A confirm shows that a connection works.
    """

    def __init__(self, urls: Sequence[str], *, confirm: bool, heartbeat: int = 0) -> None:
        self._urls = urls
        self._confirm = confirm
        self._heartbeat = heartbeat
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    @contextmanager
    def channel(self) -> Iterator[Any]:
        """Hold the connection's channel for the length of a block; close the connection if the block fails.

        Raises:
            kombu.exceptions.OperationalError: no node answers.
        """
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = kombu_connection(self._urls, self._heartbeat, confirm=self._confirm)
                open_to_any_node(self._connection)
                yield self._connection.default_channel
            except BaseException:  # also a killed thread: what it left half written is not used again
                broken, self._connection = self._connection, None
                if broken is not None:
                    broken.collect()
                raise

    def close(self) -> None:
        """Close the connection in form, after which the broker has all that was published on it.

        RabbitMQ sometimes does not answer that a channel is closed: where it ends the channel at that moment,
        for what was published there. py-amqp would wait for that for ever.
        """
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                with suppress(*NOT_PUBLISHED):
                    if connection.connected:
                        connection.connection.transport.sock.settimeout(CLOSE_SECONDS)
                    connection.release()

    def keep_alive(self) -> NoReturn:
        """Exchange heartbeats, and close the connection when the broker's stay away."""
        while True:
            sleep(self._heartbeat / HEARTBEAT_CHECKS)
            self.check_heartbeat()

    def check_heartbeat(self) -> None:
        """Read what the broker has sent, send a heartbeat if one is due, and close a dead connection."""
        with self._lock:
            connection = self._connection
            if connection is None:
                return
            try:
                with suppress(TimeoutError):
                    while True:
                        connection.drain_events(timeout=DRAIN_SECONDS)
                connection.heartbeat_check(HEARTBEAT_CHECKS)
            except NOT_PUBLISHED as error:
                log.warning("a connection to the broker was dead", error=type(error).__name__)
                self._connection = None
                connection.collect()
