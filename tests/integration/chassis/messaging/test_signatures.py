"""Signed events on their way: whoever passes them on cannot make any, and cannot change one."""

import json
from uuid import UUID

import pytest
from sqlalchemy import text

from contracts.envelope import Envelope, read_envelope
from contracts.events import ALL
from contracts.subscriptions import SERVICES
from services.chassis.db.database import Database
from services.chassis.messaging import outbox, retry
from services.chassis.messaging.senders import ForgedMessage
from services.chassis.messaging.signatures import EventKeys
from services.chassis.messaging.topology import DEAD_EXCHANGE
from services.chassis.runtime.clock import now
from tests.integration.chassis_under_test import (
    QUEUE,
    add_events,
    make_probe,
    make_relay,
    revoked_bytes,
    waiting,
)
from tests.integration.ops.command_line import epass
from tests.support.factories.envelopes import key_ring, sign
from tests.support.stack.backends import TestStack
from tests.support.stack.running import Process, eventually
from tests.support.stack.settings import EVENT_SIGNERS
from tests.support.stack.wire import Wire, wire

DEAD = f"{QUEUE}.dead"


def signed_by(service: str) -> bytes:
    return sign(read_envelope(revoked_bytes("forged")), by=service).to_bytes()


def changed() -> bytes:
    body = json.loads(revoked_bytes("forged"))
    body["data"]["reason"] = "cancelled"
    return json.dumps(body).encode()


def with_another_block() -> bytes:
    """Return an event with a block of its own id: each service has the keys that seal it."""
    one, other = (json.loads(revoked_bytes("forged", UUID(int=1))) for _ in range(2))
    assert one["personal"] != other["personal"]
    return json.dumps(one | {"personal": other["personal"]}).encode()


def unsigned() -> bytes:
    return read_envelope(revoked_bytes("forged")).model_copy(update={"signature": None}).to_bytes()


FORGERIES = {
    **{f"signed by {service}": lambda service=service: signed_by(service) for service in SERVICES},
    "changed": changed,
    "with another block": with_another_block,
    "unsigned": unsigned,
}
del FORGERIES["signed by issuance"]


def test_whoever_may_pass_an_event_on_cannot_make_or_change_one(
    broker: Wire, probe: Process, effects, topology: TestStack
) -> None:
    users = ("relay", "ops", "verify")
    forged = len(users) * len(FORGERIES)
    with wire(topology.broker_url("administrator")) as forger:
        for user in users:
            for forge in FORGERIES.values():
                forger.publish("issuance.events", "PassRevoked", forge(), user_id=user)
        eventually(lambda: broker.depth(DEAD) == forged, "all are dead")
        assert {broker.get(DEAD).headers[retry.ERROR] for _ in range(forged)} == {ForgedMessage.__name__}
        for user in users:
            forger.publish("issuance.events", "PassRevoked", revoked_bytes(f"by {user}"), user_id=user)
    eventually(lambda: len(effects()) == len(users), "that of the producer is handled")
    assert {*effects()} == {f"by {user}" for user in users}


def test_control_without_the_check_of_signatures_a_forged_event_is_handled(
    broker: Wire, effects, topology: TestStack, tmp_path
) -> None:
    with make_probe(topology, tmp_path, "events", sabotage="any_signature").start():
        for forge in FORGERIES.values():
            broker.publish("issuance.events", "PassRevoked", forge())
        eventually(lambda: effects().count("forged") == len(FORGERIES), "each has its effect")


def test_an_event_passes_from_the_outbox_through_the_relay_to_its_consumer(
    issuance, broker: Wire, probe: Process, effects, topology: TestStack, tmp_path
) -> None:
    add_events(issuance, "one", "two")
    with make_relay(topology, tmp_path).start():
        eventually(lambda: {"one", "two"} <= {*effects()}, "both are handled")
    with issuance.transaction() as session:
        assert session.execute(text("select count(signature) from outbox")).scalar_one() == 2


def test_every_event_has_the_form_that_was_signed_when_it_comes_out_of_the_database(issuance) -> None:
    own = EVENT_SIGNERS["issuance"].public.x
    keys = EventKeys([f"{service}:{own}" for service in SERVICES])
    with issuance.transaction() as session:
        for event in ALL:
            outbox.add(session, event.sample(), at=now(), expires_at=now())
    with issuance.transaction() as session:
        rows = session.execute(text("select * from outbox")).mappings().all()
    assert len(rows) == len(ALL)
    assert len({row["signature"].split(".")[1] for row in rows}) == 1, "one for the transaction"
    for row in rows:
        envelope = Envelope.model_validate({name: row[name] for name in Envelope.model_fields})
        assert envelope.signature
        keys.require_signature(read_envelope(envelope.to_bytes()))


def test_a_process_that_has_no_key_adds_no_event(issuance) -> None:
    own = Database(issuance.engine.url.render_as_string(hide_password=False), personal_keys=key_ring())
    with pytest.raises(RuntimeError, match="no EPASS_EVENT_KEY"):
        add_events(own, "unsigned")
    own.close()
    assert waiting(issuance) == 0


def test_a_dead_letter_that_is_replayed_passes(
    broker: Wire, probe: Process, effects, topology: TestStack
) -> None:
    broker.publish(DEAD_EXCHANGE, DEAD, revoked_bytes("again"))
    eventually(lambda: broker.depth(DEAD) == 1, "it is there")
    replayed = epass(topology, "dead-letters", "replay", "--queue", QUEUE, "--json")
    assert replayed.returncode == 0, replayed.stderr
    eventually(lambda: "again" in effects(), "it is handled")
