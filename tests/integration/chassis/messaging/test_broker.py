"""A connection on which nobody confirms: only heartbeats show that it leads nowhere."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from services.chassis.messaging.broker import PublishingConnection
from tests.support.chaos.proxy import Proxy
from tests.support.running import eventually


@pytest.fixture
def proxy(topology) -> Iterator[Proxy]:
    address = urlsplit(topology.broker_url("administrator"))
    with Proxy(address.hostname, address.port) as between:
        yield between


@pytest.fixture
def connected(topology, proxy):
    """Return a function that opens a connection through the proxy, with or without heartbeats."""

    opened: list[PublishingConnection] = []

    def connect(heartbeat: int) -> PublishingConnection:
        url = topology.broker_url("administrator")
        through = url.replace(f":{urlsplit(url).port}", f":{proxy.port}")
        connection = PublishingConnection([through], confirm=False, heartbeat=heartbeat)
        with connection.channel() as channel:
            assert channel.is_open
        opened.append(connection)
        return connection

    yield connect
    for connection in opened:
        with suppress(InterruptedError), connection.channel():
            raise InterruptedError  # a block that fails closes its connection


def is_open(connection: PublishingConnection) -> bool:
    return connection._connection is not None


def test_a_connection_whose_broker_never_answers_is_closed_and_opened_anew(connected, proxy) -> None:
    connection = connected(1)
    threading.Thread(target=connection.keep_alive, daemon=True).start()
    with proxy.half_open():
        eventually(lambda: not is_open(connection), "the heartbeats stay away")
    with connection.channel() as channel:
        assert channel.is_open


def test_a_connection_that_works_stays_open_however_long_nothing_is_published(connected) -> None:
    connection, until = connected(1), threading.Event()
    first = connection._connection
    for _ in range(16):
        until.wait(0.25)
        connection.check_heartbeat()
    assert connection._connection is first


def test_control_without_heartbeats_a_dead_connection_goes_unnoticed(connected, proxy) -> None:
    connection, until = connected(0), threading.Event()
    with proxy.half_open():
        for _ in range(16):
            until.wait(0.25)
            connection.check_heartbeat()
        assert is_open(connection)
