"""The command `epass`, and the dead letters that it handles."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from kombu import Connection, Consumer, Queue

from services.chassis.messaging import retry
from tests.integration.chassis_under_test import QUEUE, revoked_bytes
from tests.support.stack import forks
from tests.support.stack.backends import TestStack
from tests.support.stack.wire import Wire


def command_of(*arguments: str) -> list[str]:
    """Return the command line of `epass` with this Python."""
    return [sys.executable, "-m", "services.ops.cli", *arguments]


def environment_of(stack: TestStack, name: str = "administrator", **settings: str) -> dict[str, str]:
    """Return the environment of a process, by default of ops, which has no key of any service."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EPASS_")}
    return {**inherited, **stack.environment(name), **settings}


def epass(
    stack: TestStack, *arguments: str, name: str = "administrator", typed: str | None = None, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end, with the settings of a process."""
    environment = environment_of(stack, name, **settings)
    return forks.run(command_of(*arguments)[1:], environment, typed=typed or "")


DEAD = f"{QUEUE}.dead"


NAMES = ("Gurpreet", "9876543210", "Sukhdev")
"""Personal data in these letters."""


def add_dead_letter(broker: Wire, body: bytes, queue: str = QUEUE, **headers: Any) -> None:
    """Publish a dead letter as its consumer would have done."""
    own = {
        retry.ATTEMPTS: 8,
        retry.ERROR: "RuntimeError",
        retry.FAILED_AT: "2026-11-24T09:30:00+00:00",
        retry.QUEUE: queue,
    }
    broker.publish("epass.dead", f"{queue}.dead", body, headers={**own, **headers})


def add_dead_events(broker: Wire, count: int, queue: str = QUEUE) -> list[str]:
    """Publish so many events as dead letters; return their ids."""
    ids = [uuid4() for _ in range(count)]
    for event_id in ids:
        add_dead_letter(broker, revoked_bytes(event_id=event_id), queue)
    return [str(event_id) for event_id in ids]


def drain(stack, queue: str, count: int) -> list[str]:
    """Consume so many events of a queue; return their ids."""
    ids: list[str] = []
    with fast(stack) as connection, connection.channel() as channel:
        channel.basic_qos(0, 500, False)
        take = lambda message: (ids.append(json.loads(message.body)["id"]), message.ack())  # noqa: E731
        with Consumer(channel, [Queue(queue, no_declare=True)], on_message=take, auto_declare=False):
            while len(ids) < count:
                connection.drain_events(timeout=10)
    return ids


@contextmanager
def fast(stack) -> Iterator[Connection]:
    """Open a connection that does not wait for confirms."""
    with Connection(stack.broker_url("administrator").replace("amqp://", "pyamqp://")) as connection:
        yield connection
