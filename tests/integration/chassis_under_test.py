"""The chassis under test: the probe, a relay, and the events that command the probe."""

import os
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import text

from contracts.events import PassRevoked, RevocationPersonal
from services.chassis.messaging import outbox
from services.chassis.messaging.poison_messages import AFTER_DELIVERIES
from services.chassis.runtime.clock import now
from tests.support.factories.envelopes import example, key_ring, sign, wrap
from tests.support.stack import forks
from tests.support.stack.backends import TestStack
from tests.support.stack.running import Process
from tests.support.stack.wire import wire

QUEUE = "verify.PassRevoked"


def apply_topology(stack: TestStack) -> None:
    """Declare the topology as a deployment does it."""
    environment = {**os.environ, **stack.environment("administrator")}
    forks.run(["-m", "services.ops.cli", "topology", "apply"], environment).check_returncode()


def make_probe(
    stack: TestStack,
    folder: Path,
    *only: str,
    sabotage: str = "",
    module: str = "tests.support.stack.probe.serve",
    **settings: str,
) -> Process:
    """Return a probe that is not started yet. ``sabotage`` names a guard that is taken out of it.

    ``module`` may be that of the real services; then the first of ``only`` is verify.
    """
    own = {key: value for key, value in os.environ.items() if key.startswith("EPASS_")}
    environment = {
        **own,
        **stack.environment("verify"),
        "EPASS_PERSONAL_KEYS": own["EPASS_PERSONAL_KEYS"],
        "EPASS_ATTEMPTS": "3",
    }
    guards_out = ["tests.support.chaos.sabotage", sabotage] if sabotage else []
    return Process(
        ["-m", *guards_out, module, *only],
        {**environment, **settings},
        folder / f"probe-{uuid4().hex[:6]}.log",
    )


def make_relay(stack, folder, name="relay", *, sabotage: str = "", **settings: str) -> Process:
    """Return a relay of issuance's outbox that is not started yet. ``sabotage`` is as in `make_probe`."""
    environment = {
        **stack.environment("relay"),
        "EPASS_RELAY_DATABASE_URLS": stack.database_url("relay", "issuance"),
        **settings,
    }
    command = (
        ["tests.support.chaos.sabotage", sabotage, "services.ops.cli"] if sabotage else ["services.ops.cli"]
    )
    return Process(["-m", *command, "relay"], environment, folder / f"{name}.log")


def revoked(reference: str = "done", *, at: datetime | None = None) -> PassRevoked:
    """Return an event whose reference commands the probe."""
    contact = RevocationPersonal(name="Gurpreet Kaur", mobile="+919876543210")
    return example(
        PassRevoked,
        pass_number="7K3M9QW4",
        reference=reference,
        reason="security",
        valid_to=at or now(),
        personal=contact,
    )


def revoked_bytes(reference: str = "done", event_id: UUID | None = None, **envelope: object) -> bytes:
    """Return the wire form of such an event, signed by the producer that it names."""
    whole = wrap(revoked(reference), event_id=event_id or uuid4(), seq=1, occurred_at=now(), keys=key_ring())
    return sign(whole.model_copy(update=envelope)).to_bytes()


def deliver_often(topology: TestStack, messages: int = 1) -> None:
    """Take so many messages off the queue and return them, as often as makes them suspicious."""
    for _ in range(AFTER_DELIVERIES):
        with wire(topology.broker_url("administrator")) as lost:
            taken = [lost.connection.default_channel.basic_get(QUEUE) for _ in range(messages)]
            for message in taken:
                assert message is not None
                message.channel.basic_reject(message.delivery_tag, requeue=True)


def add_events(database, *references: str, **options) -> None:
    """Add one event for each reference to the outbox, each in a transaction of its own."""
    for reference in references:
        with database.transaction() as session:
            outbox.add(session, revoked(reference), at=now(), **options)


def waiting(database) -> int:
    """Return the number of events that are not marked as sent."""
    with database.transaction() as session:
        return session.execute(text("select count(*) from outbox where sent_at is null")).scalar_one()
