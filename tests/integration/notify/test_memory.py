"""The memory of a consumer whose queues are full of the largest messages that a relay sends."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import yaml
from sqlalchemy import func, select

from contracts.envelope import Envelope, join_envelopes, seal, signed_content
from contracts.events import (
    ApplicationCancelled,
    ApplicationSubmitted,
    Event,
    PassIssued,
    PassRejected,
    PassReturned,
    PassRevoked,
)
from services.chassis.db.tables import inbox, poison_starts
from services.chassis.messaging import signatures
from services.chassis.messaging.publisher import LARGEST_MESSAGE
from services.chassis.runtime.clock import now
from tests.support.factories.envelopes import key_ring
from tests.support.stack.extent import long
from tests.support.stack.paths import ROOT
from tests.support.stack.running import Process, eventually
from tests.support.stack.settings import EVENT_SIGNERS
from tests.support.stack.wire import wire

MESSAGES = 128
KINDS = (ApplicationSubmitted, ApplicationCancelled, PassRejected, PassReturned, PassIssued, PassRevoked)


def memory_limit() -> int:
    """Return how many bytes a process may have with compose."""
    process = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["x-process"]
    return int(process["mem_limit"].removesuffix("m")) * 2**20


def peak_memory(process: Process) -> int:
    """Return the most bytes of memory that a process has ever had."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def full_messages(kind: type[Event], count: int) -> Iterator[bytes]:
    """Return messages of as many events as a relay puts into one, each event about its own application."""
    sample = kind.sample()
    for message in range(count):
        envelopes = []
        for number in range(message * LARGEST_MESSAGE, (message + 1) * LARGEST_MESSAGE):
            event_id = UUID(int=(KINDS.index(kind) + 1) << 64 | number)
            changes = {"application_id": event_id, "reference": f"PCS-{number:04d}-0000"}
            if "pass_number" in kind.model_fields:
                changes["pass_number"] = f"{number:08d}"
            event = sample.model_copy(update=changes)
            data, personal = seal(event, event_id, key_ring())
            envelopes.append(
                Envelope(
                    id=event_id,
                    type=kind.__name__,
                    version=event.version,
                    producer=event.producer,
                    subject=event.subject,
                    seq=1,
                    occurred_at=now(),
                    correlation_id=str(event_id),
                    traceparent=f"00-{event_id.hex}-{number + 1:016x}-01",
                    data=data,
                    personal=personal,
                )
            )
        signer = EVENT_SIGNERS[envelopes[0].producer]
        signed = signatures.sign(signer, [signed_content(dict(one)) for one in envelopes])
        yield join_envelopes(
            [
                one.model_copy(update={"signature": signature}).to_bytes()
                for one, signature in zip(envelopes, signed, strict=True)
            ]
        )


@long
def test_full_queues_are_drained_within_the_memory_limit(topology, databases, tmp_path: Path) -> None:
    db = databases["notify"]
    own = {key: value for key, value in os.environ.items() if key.startswith("EPASS_")}
    keys = {"EPASS_PERSONAL_KEYS": own["EPASS_PERSONAL_KEYS"]}
    process = Process(
        ["-m", "services.ops.serve", "notify", "events"],
        {**own, **topology.environment("notify"), **keys},
        tmp_path / "notify.log",
    )
    queues = [f"notify.{kind.__name__}" for kind in KINDS]

    def handled() -> int:
        with db.transaction() as session:
            return session.scalar(select(func.count()).select_from(inbox))

    with wire(topology.broker_url("administrator")) as broker:
        for kind, queue in zip(KINDS, queues, strict=True):
            broker.purge(queue)
            broker.purge(f"{queue}.dead")
            for body in full_messages(kind, MESSAGES):
                broker.publish("", queue, body)
        before = handled()
        process.start()
        try:
            events = len(KINDS) * MESSAGES * LARGEST_MESSAGE
            eventually(lambda: not process.alive or handled() - before == events, "all are handled", 400)
            assert process.alive, "it was not killed"
            print(f"peak {peak_memory(process) / 2**20:.0f} MiB")
            assert peak_memory(process) < memory_limit()
            assert process.metric("epass_dead_lettered_total") == process.metric("epass_retries_total") == 0
        finally:
            process.kill()
        assert [broker.depth(f"{queue}.dead") for queue in queues] == [0] * len(KINDS)
    with db.transaction() as session:
        assert session.scalar(select(func.count()).select_from(poison_starts)) == 0
