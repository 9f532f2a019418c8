"""Where a running system holds something about people: the broker, and every column of every database."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from kombu import Connection
from psycopg import sql

from contracts.subscriptions import subscriptions
from services.chassis.messaging.topology import delay_name
from services.chassis.runtime.settings import RetryDelaySettings
from services.ops.queues import dead_queue
from tests.support.stack.backends import TestStack
from tests.support.stack.wire import wire
from tests.support.system.system import System

STREAM = "epass.events"
QUEUES = sorted({one.queue for one in subscriptions()})
SEALED = re.compile(r"gAAAA[\w-]{60,}={0,2}")


class Broker:
    """Everything that the broker holds, as its administrator reads it; all of it stays where it is."""

    def __init__(self, system: System) -> None:
        self._url = system.stack.broker_url("administrator")

    def depth(self, queue: str) -> int:
        with wire(self._url) as connection:
            return connection.depth(queue)

    def read(self) -> dict[str, list[str]]:
        """Return body and headers of each message, by the queue or stream that has it."""
        delays = [delay_name(step) for step in range(len(RetryDelaySettings().retry_delays))]
        with wire(self._url) as connection:
            found = {
                queue: self._waiting(connection.connection, queue)
                for queue in (*QUEUES, *map(dead_queue, QUEUES), *delays)
            }
            found[STREAM] = self._stream(connection.connection)
        return found

    @staticmethod
    def _waiting(connection: Connection, queue: str) -> list[str]:
        """Return the messages of a queue, which gets them back when the channel closes."""
        found = []
        with connection.channel() as channel:
            while (message := channel.basic_get(queue)) is not None:
                found.append(_text(message))
        return found

    @staticmethod
    def _stream(connection: Connection) -> list[str]:
        found: list[str] = []
        with connection.channel() as channel:
            channel.basic_qos(0, 1000, False)

            def take(message: object) -> None:
                found.append(_text(message))
                channel.basic_ack(message.delivery_tag)  # type: ignore[attr-defined]

            channel.basic_consume(STREAM, callback=take, arguments={"x-stream-offset": "first"})
            try:
                while True:
                    connection.drain_events(timeout=2)
            except TimeoutError:
                return found


def _text(message: object) -> str:
    body = message.body  # type: ignore[attr-defined]  # of amqp
    properties = json.dumps(message.properties, default=repr, ensure_ascii=False)  # type: ignore[attr-defined]
    shown = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    # JSON may write what is not ASCII as escapes.
    return f"{shown}{json.dumps(shown)}{shown.encode().decode('unicode_escape', 'ignore')}{properties}"


def leaks(written: str, personal: tuple[str, ...]) -> list[str]:
    """Return what stands there of what must stand nowhere."""
    return [one for one in personal if one in written or one.encode().decode("latin-1") in written]


def columns_with(
    system: System, service: str, personal: tuple[str, ...], open_: Callable[[str], str] = str
) -> Iterator[str]:
    """Yield each column of a database, as ``table.column``, that has something of this in any of its rows.

    ``open_`` makes readable what is sealed.
    """
    url = system.stack.database_url("postgres", service).replace("+psycopg", "")
    with psycopg.connect(url) as database:
        tables = database.execute("""
            select relname from pg_class
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
        """).fetchall()
        for (table,) in tables:
            query = sql.SQL("select of.key, of.value from {} as t, jsonb_each_text(to_jsonb(t)) as of")
            for column, value in database.execute(query.format(sql.Identifier(table))).fetchall():
                if value is not None and leaks(open_(value), personal):
                    yield f"{table}.{column}"


@contextmanager
def away(system: System, *names: str) -> Iterator[None]:
    """Kill services, so that their events wait for them."""
    for name in names:
        system.processes[name].kill()
    try:
        yield
    finally:
        for name in names:
            system.processes[name].start()


def opener(stack: TestStack) -> Callable[[str], str]:
    """Return what adds to a text all that its sealed blocks say, under the ring of personal keys."""
    keys = stack.environment("application")["EPASS_PERSONAL_KEYS"].split(",")
    ring = MultiFernet([Fernet(key) for key in keys])

    def open_(text: str) -> str:
        found = [text]
        for token in set(SEALED.findall(text)):
            try:
                found.append(json.dumps(json.loads(ring.decrypt(token)), ensure_ascii=False))
            except (InvalidToken, ValueError):
                continue
        return "\n".join(found)

    return open_
