"""No service can speak for another: who holds the password of one cannot pass as the other one."""

import json
from contextlib import suppress

import pytest
from amqp.exceptions import AccessRefused, PreconditionFailed

from contracts.events import PassRevoked
from contracts.subscriptions import SERVICES
from deploy.local.permissions import PERMISSIONS
from services.chassis.messaging import retry
from services.chassis.messaging.senders import ForgedMessage
from services.chassis.messaging.topology import DEAD_EXCHANGE, REPLAY_EXCHANGE, delay_name
from tests.integration.chassis_under_test import QUEUE, deliver_often, make_probe, revoked_bytes
from tests.integration.ops.command_line import epass
from tests.support.stack.backends import TestStack
from tests.support.stack.database_faults import demoted
from tests.support.stack.running import Process, eventually
from tests.support.stack.wire import Wire, call_body, wire

KEY = PassRevoked.__name__
DEAD = f"{QUEUE}.dead"
MAY_SPEAK_TO_VERIFY = {"relay", "verify", "ops", "administrator"}
STRANGERS = sorted(set(PERMISSIONS) - MAY_SPEAK_TO_VERIFY)
WAYS = {
    "the producer's exchange": ("issuance.events", KEY),
    "the consumer's queue": ("", QUEUE),
    "a delay": (delay_name(0), QUEUE),
    "another exchange of events": ("verify.events", KEY),
    "the exchange of requests": ("nameko-rpc", QUEUE),
    "the exchange of replays": (REPLAY_EXCHANGE, QUEUE),
}


def forge(url: str, way: str, body: bytes, **properties: object) -> bool:
    """Publish as a user, and return whether the broker takes it."""
    exchange, key = WAYS[way]
    with wire(url) as forger:
        try:
            forger.publish(exchange, key, body, **properties)
        except (AccessRefused, PreconditionFailed):
            return False
    return True


def test_an_event_that_another_user_forges_has_no_effect_whichever_way_it_takes(
    broker: Wire, probe: Process, effects, topology: TestStack
) -> None:
    """Nor one from the relay that names another service as its producer."""
    broker.publish("issuance.events", KEY, revoked_bytes("forged", producer="approval"))
    dead = 1
    for user in STRANGERS:
        url = topology.broker_url(user)
        taken = [way for way in WAYS if forge(url, way, revoked_bytes(f"forged, {way}"))]
        assert set(taken) <= {"a delay"}, "the broker refuses the rest"
        dead += len(taken)
    eventually(lambda: broker.depth(DEAD) == dead, "what it took is dead")
    assert {broker.get(DEAD).headers[retry.ERROR] for _ in range(dead)} == {ForgedMessage.__name__}
    broker.publish("issuance.events", KEY, revoked_bytes("genuine"))
    eventually(lambda: "genuine" in effects(), "the relay's event is handled")
    assert effects() == ["genuine"]


def test_a_forged_event_that_is_put_back_unread_while_the_database_is_away_stays_forged(
    broker: Wire, effects, topology: TestStack, tmp_path
) -> None:
    """A fresh copy of it would be one of the service's own."""
    broker.publish("issuance.events", KEY, revoked_bytes("genuine"))
    assert forge(topology.broker_url("notify"), "a delay", revoked_bytes("forged"))
    eventually(lambda: broker.depth(QUEUE) == 2, "both wait")
    deliver_often(topology, 2)
    with make_probe(topology, tmp_path, "events") as process:
        with demoted(topology, "verify"):
            process.start(ready=False)
            eventually(lambda: broker.depth(DEAD) == 1, "one is dead")
            assert broker.get(DEAD).headers[retry.ERROR] == ForgedMessage.__name__
        eventually(lambda: effects() == ["genuine"], "the other is handled")


def test_control_an_event_on_each_way_that_the_broker_leaves_open_is_handled_if_its_sender_may_send_it(
    broker: Wire, probe: Process, effects, topology: TestStack
) -> None:
    assert forge(topology.broker_url("verify"), "a delay", revoked_bytes("again"))
    eventually(lambda: effects() == ["again"], "a copy of the consumer's own")


def test_control_without_the_check_of_the_sender_a_forged_event_is_handled(
    broker: Wire, effects, topology: TestStack, tmp_path
) -> None:
    with make_probe(topology, tmp_path, "events", sabotage="any_sender").start():
        assert forge(topology.broker_url("notify"), "a delay", revoked_bytes("forged"))
        eventually(lambda: effects() == ["forged"], "it has its effect")


def test_the_broker_refuses_a_message_that_names_another_sender(topology: TestStack) -> None:
    for user in [*STRANGERS, "relay", "ops"]:
        with wire(topology.broker_url(user)) as forger, pytest.raises((AccessRefused, PreconditionFailed)):
            forger.publish(delay_name(0), QUEUE, revoked_bytes("forged"), user_id="verify")


def test_only_the_gateway_calls_a_service(broker: Wire, probe: Process, topology: TestStack) -> None:
    body = json.dumps(call_body({})).encode()
    ways = (
        ("nameko-rpc", "verify.show_pass", {}),
        (delay_name(0), "rpc-verify", {}),
        ("", "rpc-verify", {}),
        (REPLAY_EXCHANGE, QUEUE, {"CC": ["rpc-verify"]}),
    )
    with broker.asking() as replies:
        answer = {"reply_to": replies.reply_to, "correlation_id": "1"}
        for user in (*SERVICES, "ops", "exporter", "relay"):
            for exchange, key, headers in ways:
                with wire(topology.broker_url(user)) as forger, suppress(AccessRefused):
                    forger.publish(exchange, key, body, headers=headers, **answer)
        with pytest.raises(TimeoutError):
            replies.next(3)
    assert broker.depth("rpc-verify") == 0


def test_a_service_publishes_replies_to_the_exchange_of_requests_and_no_request(topology: TestStack) -> None:
    for user in SERVICES:
        with wire(topology.broker_url(user)) as service:
            for one in SERVICES:
                with pytest.raises(AccessRefused):
                    service.publish("nameko-rpc", f"{one}.anything", b"{}")


def test_a_dead_letter_that_another_service_buries_is_not_replayed(broker: Wire, topology: TestStack) -> None:
    others = {*SERVICES} - {"verify"}
    for user in others:
        with wire(topology.broker_url(user)) as forger:
            forger.publish(DEAD_EXCHANGE, DEAD, revoked_bytes("forged"))
    eventually(lambda: broker.depth(DEAD) == len(others), "all are there")
    replayed = epass(topology, "dead-letters", "replay", "--queue", QUEUE, "--json")
    assert replayed.returncode == 0, replayed.stderr
    assert (broker.depth(QUEUE), broker.depth(DEAD)) == (0, len(others))


def test_a_replay_goes_to_its_consumer_alone_whatever_the_letter_says(
    broker: Wire, topology: TestStack
) -> None:
    elsewhere = "notify.PassRevoked"
    before = broker.depth(elsewhere)
    broker.publish(DEAD_EXCHANGE, DEAD, revoked_bytes("again"), headers={"CC": [elsewhere]})
    eventually(lambda: broker.depth(DEAD) == 1, "it is there")
    replayed = epass(topology, "dead-letters", "replay", "--queue", QUEUE, "--json")
    assert replayed.returncode == 0, replayed.stderr
    assert (broker.depth(QUEUE), broker.depth(DEAD)) == (1, 0)
    assert broker.depth(elsewhere) == before
