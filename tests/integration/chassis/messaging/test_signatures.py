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
from tests.integration.ops.command_line import epass
from tests.support.factories.envelopes import key_ring, sign
from tests.support.stack.backends import TestStack
from tests.support.stack.chassis import QUEUE, add_events, make_probe, make_relay, revoked_bytes, waiting
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


@pytest.mark.parametrize("user", ["relay", "ops", "verify"])
def test_whoever_may_pass_an_event_on_cannot_make_or_change_one(
    broker: Wire, probe: Process, effects, topology: TestStack, user: str
) -> None:
    with wire(topology.broker_url("administrator")) as forger:
        for forge in FORGERIES.values():
            forger.publish("issuance.events", "PassRevoked", forge(), user_id=user)
    eventually(lambda: broker.depth(DEAD) == len(FORGERIES), "all are dead")
    errors = sorted(broker.get(DEAD).headers[retry.ERROR] for _ in FORGERIES)
    assert errors == [ForgedMessage.__name__] * len(FORGERIES)
    broker.publish("issuance.events", "PassRevoked", revoked_bytes(f"genuine, by {user}"))
    eventually(lambda: f"genuine, by {user}" in effects(), "that of the producer is handled")
    assert "forged" not in effects()


@pytest.mark.parametrize("name", FORGERIES)
def test_control_without_the_check_of_signatures_a_forged_event_is_handled(
    broker: Wire, effects, topology: TestStack, tmp_path, name: str
) -> None:
    process = make_probe(topology, tmp_path, "events", sabotage="any_signature").start()
    try:
        broker.publish("issuance.events", "PassRevoked", FORGERIES[name]())
        eventually(lambda: "forged" in effects(), "it has its effect")
    finally:
        process.kill()


def test_an_event_passes_from_the_outbox_through_the_relay_to_its_consumer(
    issuance, broker: Wire, probe: Process, effects, topology: TestStack, tmp_path
) -> None:
    add_events(issuance, "one", "two")
    relay = make_relay(topology, tmp_path).start()
    try:
        eventually(lambda: {"one", "two"} <= {*effects()}, "both are handled")
    finally:
        relay.kill()
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


def test_events_of_one_transaction_share_a_signature(issuance) -> None:
    with issuance.transaction() as session:
        for event in ALL[:3]:
            outbox.add(session, event.sample(), at=now())
    with issuance.transaction() as session:
        signatures = session.execute(text("select signature from outbox")).scalars().all()
    assert len({signature.split(".")[1] for signature in signatures}) == 1


def test_a_dead_letter_that_is_replayed_passes(
    broker: Wire, probe: Process, effects, topology: TestStack
) -> None:
    broker.publish(DEAD_EXCHANGE, DEAD, revoked_bytes("again"))
    eventually(lambda: broker.depth(DEAD) == 1, "it is there")
    replayed = epass(topology, "dead-letters", "replay", "--queue", QUEUE, "--json")
    assert replayed.returncode == 0, replayed.stderr
    eventually(lambda: "again" in effects(), "it is handled")
