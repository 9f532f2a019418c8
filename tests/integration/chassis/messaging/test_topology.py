"""Who may declare what: the relay what events need, so that nobody but the administrator reaches requests."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from amqp import Channel
from amqp.exceptions import AccessRefused, PreconditionFailed

from contracts.subscriptions import RPC_EXCHANGE, SERVICES, STREAM
from services.chassis.messaging import broker as broker_module
from services.chassis.messaging.topology import (
    DEAD_EXCHANGE,
    REPLAY_EXCHANGE,
    declare,
    delay_name,
    exchanges,
    queues,
)
from services.chassis.runtime.settings import RetryDelaySettings
from tests.integration.chassis_under_test import QUEUE
from tests.support.stack.backends import TestStack
from tests.support.stack.wire import Wire, wire

DELAYS = RetryDelaySettings().retry_delays
CLOSED_QUEUES = [one.name for one in queues(DELAYS) if not one.of_events]
CLOSED_EXCHANGES = [one.name for one in exchanges(DELAYS) if not one.of_events]
OTHERS = ["gateway.probe", "amq.gen-probe", "spy", "rpc-spy", f"{QUEUE}.moving"]
"""Queues of others, or that nobody has: a copy of requests could be led to one."""
QUORUM = {"x-queue-type": "quorum"}
ON_A_QUEUE: dict[str, Callable[[Channel, str], Any]] = {
    "read": lambda channel, name: channel.basic_consume(name, arguments={"x-priority": -10}),
    "purge": lambda channel, name: channel.queue_purge(name),
    "delete": lambda channel, name: channel.queue_delete(name, if_unused=True, if_empty=True),
    "declare": lambda channel, name: channel.queue_declare(
        name, durable=True, auto_delete=False, arguments=QUORUM
    ),
    "bind": lambda channel, name: channel.queue_bind(name, "issuance.events", "#"),
    "unbind": lambda channel, name: channel.queue_unbind(name, "issuance.events", "probe"),
}
COPIES = [
    (RPC_EXCHANGE, "#"),
    *((RPC_EXCHANGE, f"{one}.*") for one in SERVICES),
    (DEAD_EXCHANGE, "rpc-verify.dead"),
]
"""Ways to lead copies of requests, and of what was no request, to a queue of events."""


def is_refused(broker: Wire, action: Callable[..., Any], *arguments: Any) -> bool:
    """Return whether the broker refuses something for want of a right."""
    with broker.connection.channel() as channel:
        try:
            action(channel, *arguments)
        except AccessRefused:
            return True
        except PreconditionFailed:  # it has the right, and the queue is otherwise or in use
            return False
    return False


@pytest.fixture
def relay(topology: TestStack, broker: Wire) -> Iterator[Wire]:
    """Connect as the relay, beside a queue of a gateway."""
    with broker.connection.channel() as channel:
        channel.queue_declare("gateway.probe", durable=True, auto_delete=False)
    with wire(topology.broker_url("relay")) as connection:
        yield connection
    broker.delete("gateway.probe")


def test_the_relay_reaches_no_queue_but_those_of_events(relay: Wire) -> None:
    ways = [(name, one) for name in ON_A_QUEUE for one in (*CLOSED_QUEUES, *OTHERS)]
    assert [(name, one) for name, one in ways if not is_refused(relay, ON_A_QUEUE[name], one)] == []


def test_the_relay_leads_no_copy_of_a_request_to_a_queue_of_its_own(relay: Wire) -> None:
    for exchange, key in COPIES:
        assert is_refused(relay, Channel.queue_bind, QUEUE, exchange, key)
        assert is_refused(relay, Channel.exchange_bind, "issuance.events", exchange, key)


def test_the_relay_changes_no_exchange_but_those_of_events(relay: Wire) -> None:
    def delete(channel: Channel, exchange: str) -> None:
        channel.exchange_delete(exchange, if_unused=True)

    assert [one for one in CLOSED_EXCHANGES if not is_refused(relay, delete, one)] == []


def test_the_relay_sends_to_exchanges_of_events_alone(relay: Wire) -> None:
    for exchange in (RPC_EXCHANGE, delay_name(0), "", REPLAY_EXCHANGE):
        with wire(relay.url) as again, pytest.raises(AccessRefused):
            again.publish(exchange, QUEUE, b"forged")


def test_control_the_relay_may_make_each_queue_of_events_anew(relay: Wire) -> None:
    """The broker asks for the rights on dead letters only when a queue is really made."""
    for queue in queues(DELAYS):
        name = queue.name if queue.name == STREAM else f"{queue.name}Probe"
        if not queue.of_events:
            continue
        try:
            with relay.connection.channel() as channel:
                channel.queue_declare(name, durable=True, auto_delete=False, arguments=queue.arguments)
                for source, key in queue.bindings:
                    channel.queue_bind(name, source, key)
        finally:
            if name != STREAM:
                relay.delete(name)


def test_control_the_administrator_reaches_each_queue(broker: Wire, relay: Wire) -> None:
    assert [one for one in CLOSED_QUEUES if is_refused(broker, ON_A_QUEUE["read"], one)] == []
    assert not is_refused(broker, ON_A_QUEUE["purge"], "gateway.probe")


class BrokenOff(Exception):
    """Nothing more is declared."""


async def declare_as_a_relay_of(
    topology: TestStack, producer: str, absent: set[str] | None = None, *, breaks_off: bool = False
) -> list[str]:
    """Declare what the events of one producer need; return the queues that were not there, and are now.

    It may break off as soon as there is one.
    """
    created: list[str] = []

    def go_on() -> None:
        if created and breaks_off:
            raise BrokenOff

    async with await broker_module.connect([topology.broker_url("relay")], "test") as connection:
        with suppress(BrokenOff):
            await declare(
                connection,
                DELAYS,
                producers={producer},
                absent=absent,
                on_progress=go_on,
                on_created=created.append,
            )
    return created


@pytest.mark.parametrize("breaks_off", [False, True])
async def test_a_queue_that_is_declared_is_told_at_once_whatever_comes_then(
    topology: TestStack, broker: Wire, breaks_off: bool
) -> None:
    """Else nobody would send again what it has missed: the next declaration finds it there."""
    broker.delete(QUEUE)
    assert await declare_as_a_relay_of(topology, "issuance", breaks_off=breaks_off) == [QUEUE]
    assert await declare_as_a_relay_of(topology, "issuance") == []


async def test_a_queue_whose_bindings_were_cut_off_is_told_by_the_next_declaration(
    topology: TestStack, broker: Wire
) -> None:
    broker.delete(QUEUE)
    with broker.connection.channel() as channel:
        arguments = next(one.arguments for one in queues(DELAYS) if one.name == QUEUE)
        channel.queue_declare(QUEUE, durable=True, auto_delete=False, arguments=arguments)
    absent = {QUEUE}
    assert await declare_as_a_relay_of(topology, "issuance", absent) == [QUEUE]
    assert absent == set()


async def test_a_queue_of_another_outbox_is_left_to_its_own_relay_which_knows_what_it_has_missed(
    topology: TestStack, broker: Wire
) -> None:
    broker.delete(QUEUE)
    assert await declare_as_a_relay_of(topology, "notify") == []
    assert await declare_as_a_relay_of(topology, "issuance") == [QUEUE]
