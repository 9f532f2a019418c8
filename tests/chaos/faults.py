"""Faults that tests of outages and of alerts inject, each as a block in which it lasts."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal
from uuid import uuid4

from amqp.exceptions import MessageNacked
from kombu import Connection, Producer

from contracts.crockford import new_pass_number, new_reference
from contracts.envelope import PersonalKeyRing
from contracts.events import PassRevoked, RevocationPersonal
from services.chassis.runtime.clock import now
from tests.chaos.clocks import Clocks
from tests.support.chaos import proxy as proxies
from tests.support.chaos.proxy import Proxy
from tests.support.factories.envelopes import wrap
from tests.support.stack.backends import TestStack
from tests.support.stack.database_faults import demoted
from tests.support.stack.running import eventually
from tests.support.stack.wire import Wire, wire
from tests.support.system.system import System


@contextmanager
def stopped(system: System, name: str) -> Iterator[None]:
    """Stop a process (SIGSTOP) for the length of the block."""
    system.processes[name].signal(signal.SIGSTOP)
    try:
        yield
    finally:
        system.processes[name].signal(signal.SIGCONT)


@contextmanager
def out_of_memory(stack: TestStack) -> Iterator[None]:
    """Let the broker believe that its memory is full, so that it blocks publishers."""
    stack.broker_ctl("set_vm_memory_high_watermark", "0")
    try:
        yield
    finally:
        stack.broker_ctl("set_vm_memory_high_watermark", "0.6")


@contextmanager
def out_of_disk(stack: TestStack) -> Iterator[None]:
    stack.broker_ctl("set_disk_free_limit", "1000000000000000")
    try:
        yield
    finally:
        stack.broker_ctl("set_disk_free_limit", "50MB")


@contextmanager
def database_takes_no_changes(stack: TestStack) -> Iterator[None]:
    with demoted(stack, ""):
        yield


def event_bytes(ring: PersonalKeyRing) -> bytes:
    """Return the revocation of an unknown pass, of which nobody needs a message."""
    revoked = PassRevoked(
        pass_number=new_pass_number(),
        application_id=uuid4(),
        reference=new_reference(),
        reason="security",
        valid_to=now(),
        replaced=True,
        language="en",
        deliver_by="sms",
        personal=RevocationPersonal(name="Nobody", mobile="+919876543210"),
    )
    return wrap(revoked, event_id=uuid4(), seq=1, occurred_at=now(), keys=ring).to_bytes()


def publish_backlog(stack: TestStack, service: str, count: int) -> None:
    """Publish so many events to one queue of a service, past the exchanges, and wait until they are there."""
    ring = PersonalKeyRing([stack.environment(service)["EPASS_PERSONAL_KEYS"]])
    with Connection(stack.broker_url("administrator").replace("amqp://", "pyamqp://")) as connection:
        producer = Producer(connection.default_channel, auto_declare=False)
        body = [event_bytes(ring) for _ in range(count)]
        for one in body:
            producer.publish(
                one,
                exchange="",
                routing_key=queue_of(service),
                content_type="application/json",
                content_encoding="binary",
                delivery_mode=2,
                user_id="relay",
            )
        # The broker replies after it has taken all of them.
        connection.default_channel.queue_declare(queue_of(service), passive=True)


def queue_of(service: str) -> str:
    return f"{service}.PassRevoked"


def purge(stack: TestStack, service: str) -> None:
    with wire(stack.broker_url("administrator")) as broker:
        broker.purge(queue_of(service))


FULL, DELETED = "verify.PassIssued", "approval.ApplicationSubmitted"


@contextmanager
def full(stack: TestStack, broker: Wire) -> Iterator[None]:
    """Let a queue that nobody consumes take no more messages for the length of the block."""
    policy = ["-p", "epass", "--apply-to", "queues", "full", f"^{FULL}$", '{"max-length": 0}']
    stack.broker_ctl("set_policy", *policy)
    try:
        eventually(lambda: _is_refused(broker), "the queue refuses")
        yield
    finally:
        stack.broker_ctl("clear_policy", "-p", "epass", "full")


def _is_refused(broker: Wire) -> bool:
    try:
        broker.publish("", FULL, b"fills the queue")
    except MessageNacked:
        return True
    return False


OFF = 10


@contextmanager
def off(clocks: Clocks, seconds: int, *names: str) -> Iterator[None]:
    """Set clocks for the length of the block, then right again."""
    clocks.set(seconds, names)
    try:
        yield
    finally:
        clocks.set(0)


@contextmanager
def at(method: proxies.Method, how: Literal["cut", "hang"], proxy: Proxy) -> Iterator[None]:
    """Cut all connections, and let the next ones come to this method only, for the length of the block."""
    with proxy.fault_at(method, how):
        proxy.cut()
        eventually(lambda: proxy.faults >= 2, "they try again")
        yield
