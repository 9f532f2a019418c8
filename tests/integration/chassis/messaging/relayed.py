"""A relay and what has reached the queues."""

import os

from contracts.envelope import open_envelope, read_envelope, split_envelopes
from tests.integration.chassis_under_test import QUEUE
from tests.support.factories.envelopes import key_ring
from tests.support.stack import forks


def taken_from_queue(broker, queue: str = QUEUE) -> list[str]:
    references = []
    while (message := broker.get(queue)) is not None:
        bodies = split_envelopes(bytes_of(message.body))
        references += [open_envelope(read_envelope(body), key_ring()).event.reference for body in bodies]
    return references


def bytes_of(body) -> bytes:
    return body if isinstance(body, bytes) else body.encode()


def check_topology(stack) -> tuple[int, str]:
    return run_topology(stack, "check")[:2]


def run_topology(stack, action: str, **settings: str) -> tuple[int, str, str]:
    environment = {**os.environ, **stack.environment("administrator"), **settings}
    done = forks.run(["-m", "services.ops.cli", "topology", action], environment)
    return done.returncode, done.stdout, done.stderr
