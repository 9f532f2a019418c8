"""A connection on which nobody confirms: only heartbeats show that it leads nowhere."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from services.chassis.messaging import broker, queue_reader
from services.chassis.messaging.broker import PublishingConnection
from services.chassis.messaging.queue_reader import QueueReader
from tests.support.chaos import proxy as proxies
from tests.support.chaos.proxy import Proxy
from tests.support.stack.running import eventually

QUEUE = "verify.PassIssued"


@pytest.fixture
def proxy(topology) -> Iterator[Proxy]:
    address = urlsplit(topology.broker_url("administrator"))
    with Proxy(address.hostname, address.port) as between:
        yield between


@pytest.fixture
def through(topology, proxy) -> str:
    """Return the URL of the broker behind the proxy."""
    url: str = topology.broker_url("administrator")
    return url.replace(f":{urlsplit(url).port}", f":{proxy.port}")


@pytest.fixture
def connected(through):
    """Return a function that opens a connection through the proxy, with or without heartbeats."""

    opened: list[PublishingConnection] = []

    def connect(heartbeat: int) -> PublishingConnection:
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


def test_a_connection_whose_broker_hangs_as_a_channel_is_opened_is_given_up(
    through, proxy, monkeypatch
) -> None:
    monkeypatch.setattr(broker, "CONNECT_TIMEOUT", 0.5)
    connection = PublishingConnection([through], confirm=False)
    failed = threading.Event()

    def publish() -> None:
        with suppress(TimeoutError), connection.channel():
            return
        failed.set()

    with proxy.fault_at(proxies.CHANNEL_OPEN_OK, "hang"):
        threading.Thread(target=publish, daemon=True).start()
        assert failed.wait(10)


@pytest.mark.parametrize("method", [proxies.CHANNEL_OPEN_OK, proxies.CONSUMING])
def test_a_reader_tries_again_whichever_method_the_broker_hangs_at(
    through, proxy, monkeypatch, method
) -> None:
    monkeypatch.setattr(broker, "CONNECT_TIMEOUT", 0.5)
    monkeypatch.setattr(queue_reader, "CONNECT_TIMEOUT", 0.5)
    reader = QueueReader([through], [QUEUE], lambda *_: None, 1, "test")
    with proxy.fault_at(method, "hang"):
        thread = threading.Thread(target=reader.run, daemon=True)
        thread.start()
        eventually(lambda: proxy.faults >= 3, "it tries again")
        assert not reader.consuming
    eventually(lambda: reader.consuming, "it consumes once the broker answers")
    reader.stop()
    thread.join(10)


def test_a_connection_is_closed_although_the_broker_does_not_answer_that(connected, proxy) -> None:
    """RabbitMQ sometimes does not where it ends a channel for what was published there a millisecond ago."""
    connection = connected(0)
    with proxy.half_open():
        closing = threading.Thread(target=connection.close, daemon=True)
        closing.start()
        closing.join(15)
        assert not closing.is_alive()
