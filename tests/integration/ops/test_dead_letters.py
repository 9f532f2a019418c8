"""`epass dead-letters`: letters are read without a loss, shown without personal data, replayed once, or
dropped."""

import asyncio
import json
import re
import signal
import subprocess
from typing import Any
from uuid import UUID, uuid4

from kombu import Connection, Producer

from contracts.envelope import join_envelopes
from services.chassis.messaging import broker as asyncio_broker
from services.chassis.messaging import retry
from services.chassis.messaging.topology import DEAD_LETTER_DAYS
from services.ops import queues, redrive
from services.ops.dead_letter import REPLAYED
from tests.integration.chassis_under_test import QUEUE, revoked_bytes
from tests.integration.ops.command_line import (
    DEAD,
    NAMES,
    add_dead_events,
    add_dead_letter,
    command_of,
    drain,
    environment_of,
    epass,
    fast,
)
from tests.support.stack.extent import long
from tests.support.stack.running import eventually

pytestmark = long

MANY = 10_000


def letters(stack, *arguments: str) -> list[dict[str, Any]]:
    done = epass(stack, "dead-letters", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["letters"]


def test_the_list_counts_by_consumer_and_removes_nothing(broker, topology) -> None:
    add_dead_events(broker, 3)
    add_dead_letter(broker, b"no request", "rpc-verify")
    done = epass(topology, "dead-letters", "list", "--json")
    assert {
        queue: number for queue, number in json.loads(done.stdout)["queues"].items() if "verify" in queue
    } == {QUEUE: 3, "rpc-verify": 1}
    assert f"       3  {QUEUE}" in epass(topology, "dead-letters", "list").stdout
    assert (broker.depth(DEAD), broker.depth("rpc-verify.dead")) == (3, 1)


def test_the_list_of_a_queue_shows_what_each_letter_is_and_why_it_failed(broker, topology) -> None:
    (first, _) = add_dead_events(broker, 2)
    add_dead_letter(broker, b"{not json")
    several = uuid4()
    add_dead_letter(broker, join_envelopes([revoked_bytes(event_id=several), revoked_bytes()]))
    shown = letters(topology, "list", "--queue", QUEUE)
    assert [letter["readable"] for letter in shown] == [True, True, False, True]
    assert [letter["events"] for letter in shown if letter["readable"]] == [1, 1, 2]
    assert shown[3]["id"] == str(several)
    assert shown[0] == {
        "id": first,
        "queue": QUEUE,
        "type": "PassRevoked",
        "readable": True,
        "events": 1,
        "subject": "pass:7K3M9QW4",
        "attempts": 8,
        "replayed": 0,
        "error": "RuntimeError",
        "genuine": True,
        "failed_at": "2026-11-24T09:30:00+00:00",
    }
    assert shown[2]["id"].startswith("sha256:")
    assert letters(topology, "list", "--queue", DEAD, "--id", first) == shown[:1]
    assert len(letters(topology, "list", "--type", "PassRevoked", "--id", shown[2]["id"])) == 1
    line = epass(topology, "dead-letters", "list", "--queue", QUEUE).stdout.splitlines()[0]
    assert re.match(
        rf"{first} +{QUEUE} +PassRevoked pass:7K3M9QW4 +8 attempts +RuntimeError"
        r" +2026-11-24T09:30:00\+00:00 \(.* ago\)",
        line,
    )
    assert broker.depth(DEAD) == 4


def test_a_queue_without_a_consumer_is_refused(topology) -> None:
    done = epass(topology, "dead-letters", "list", "--queue", "verify.Nonsense")
    assert done.returncode == 2
    assert "no consumer has it" in done.stderr


def test_letters_can_be_read_any_number_of_times_and_stay_in_order(broker, topology) -> None:
    """A queue with the broker's default delivery limit would have lost all of them at the 21st reading."""
    ids = add_dead_events(broker, 5)

    async def inspect() -> list[str]:
        async with await asyncio_broker.connect([topology.broker_url("administrator")], "test") as connection:
            seen = []
            for _ in range(25):
                async with queues.QueueBrowser(connection, QUEUE) as one:
                    seen = [json.loads(message.body)["id"] async for message in one.messages(5)]
            return seen

    assert asyncio.run(inspect()) == ids
    assert broker.depth(DEAD) == 5


def test_dead_letters_expire_after_thirty_days(topology) -> None:
    listed = json.loads(
        topology.broker_ctl("-q", "list_queues", "-p", "epass", "name", "arguments", "--formatter", "json")
    )
    dead = [queue for queue in listed if queue["name"].endswith(".dead")]
    assert {queue["name"] for queue in dead} == {
        queues.dead_queue(queue) for queue in queues.consumer_queues()
    }
    for queue in dead:
        assert str(DEAD_LETTER_DAYS * 86_400_000) in str(queue["arguments"]), queue
        assert DEAD_LETTER_DAYS == 30


def test_show_prints_the_clear_part_of_an_event_and_length_and_digest_of_what_is_none(
    broker, topology
) -> None:
    (event_id,) = add_dead_events(broker, 1)
    add_dead_letter(broker, b'{"x": "' + b"a" * 2_000_000 + b'"}')
    shown, none = letters(topology, "show", "--queue", QUEUE)
    assert shown["event"]["data"]["reference"] == "done"
    assert shown["event"]["personal"] == "sealed"
    assert shown["event"]["producer"] == "issuance"
    assert "reference        done" in epass(topology, "dead-letters", "show", "--id", event_id).stdout
    assert (none["event"], none["bytes"]) == (None, 2_000_009)
    assert re.fullmatch(r"[0-9a-f]{64}", none["sha256"])


def test_no_personal_data_is_shown_whatever_a_letter_contains(broker, topology) -> None:
    person = {"name": "Gurpreet Kaur", "mobile": "+919876543210"}
    known = json.loads(revoked_bytes())
    poison = [
        b'{"name": "Gurpreet Kaur", "broken',
        json.dumps(person).encode(),
        revoked_bytes("done", data=known["data"] | person),
        revoked_bytes("done", data={"pass_number": person}),
        revoked_bytes("done", data=known["data"] | {"reason": "Gurpreet Kaur"}),
        revoked_bytes("Gurpreet Kaur"),
        revoked_bytes("+919876543210"),
        revoked_bytes("done", subject="Gurpreet Kaur +919876543210"),
        revoked_bytes("done", correlation_id="Gurpreet Kaur"),
        revoked_bytes("done", producer="Gurpreet Kaur"),
        revoked_bytes("done", type="Gurpreet Kaur"),
        revoked_bytes("done", traceparent="Gurpreet Kaur"),
        revoked_bytes("done", personal="Gurpreet Kaur"),
        json.dumps({**known, "sender": "Sukhdev Singh"}).encode(),
        b"\xff\xfeGurpreet",
    ]
    for body in poison:
        add_dead_letter(broker, body)
    add_dead_letter(
        broker,
        b"[]",
        **{retry.ERROR: "Gurpreet Kaur", retry.FAILED_AT: "Gurpreet Kaur", retry.ATTEMPTS: "Gurpreet Kaur"},
    )
    add_dead_letter(broker, b'{"args": [{"mobile": "+919876543210"}], "kwargs": {}}', "rpc-verify")
    for command in (
        ["show", "--limit", "50"],
        ["show", "--limit", "50", "--json"],
        ["list", "--queue", QUEUE],
        ["list", "--queue", QUEUE, "--json"],
    ):
        done = epass(topology, "dead-letters", *command)
        assert done.returncode == 0, done.stderr
        assert "sha256" in done.stdout
        for name in NAMES:
            assert name not in done.stdout + done.stderr, command
    assert broker.depth(DEAD) == len(poison) + 1


def test_a_replayed_letter_goes_to_its_own_consumer_without_attempts(broker, topology) -> None:
    broker.purge("notify.PassRevoked")
    chosen, other = add_dead_events(broker, 2)
    done = epass(topology, "dead-letters", "replay", "--id", chosen, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"replayed": 1, "queues": {QUEUE: 1}, "interrupted": False}
    message = broker.get(QUEUE)
    assert json.loads(message.body)["id"] == chosen
    assert (message.headers[retry.ATTEMPTS], message.headers[REPLAYED]) == (0, 1)
    assert broker.depth("notify.PassRevoked") == 0
    assert [letter["id"] for letter in letters(topology, "list", "--queue", QUEUE)] == [other]


def test_a_replayed_letter_that_was_handled_before_has_no_second_effect(
    broker, topology, probe, effects
) -> None:
    event_id = uuid4()
    broker.publish("issuance.events", "PassRevoked", revoked_bytes("once", event_id))
    eventually(lambda: effects() == ["once"], "the effect")
    add_dead_letter(broker, revoked_bytes("once", event_id))
    add_dead_letter(broker, revoked_bytes("never done"))
    add_dead_letter(broker, revoked_bytes("permanent"), **{REPLAYED: 2})
    assert epass(topology, "dead-letters", "replay", "--queue", QUEUE).returncode == 0
    eventually(lambda: broker.depth(DEAD) == 1 and "never done" in effects(), "handled")
    assert effects() == ["once", "never done"]
    assert [
        (letter["error"], letter["attempts"], letter["replayed"])
        for letter in letters(topology, "list", "--queue", QUEUE)
    ] == [("PermanentError", 1, 3)]


def test_replay_needs_a_selection_and_refuses_rpc_requests(broker, topology) -> None:
    add_dead_letter(broker, b"no request", "rpc-verify")
    assert epass(topology, "dead-letters", "replay").returncode == 2
    done = epass(topology, "dead-letters", "replay", "--queue", "rpc-verify")
    assert (done.returncode, "show or drop them" in done.stderr) == (2, True)
    assert epass(topology, "dead-letters", "replay", "--all").returncode == 0
    assert broker.depth("rpc-verify.dead") == 1
    assert broker.depth("rpc-verify") == 0


def test_a_letter_whose_consumer_has_no_queue_stays_a_dead_letter(broker, topology) -> None:
    add_dead_events(broker, 1)
    broker.delete(QUEUE)
    done = epass(topology, "dead-letters", "replay", "--queue", QUEUE)
    assert epass(topology, "topology", "apply").returncode == 0
    assert done.returncode == 1
    assert "what is not replayed is still there" in done.stderr
    assert broker.depth(DEAD) == 1


def test_ten_thousand_letters_are_replayed_although_the_command_is_killed_and_interrupted(
    broker, topology
) -> None:
    ids = _add_many_dead_events(topology)
    assert broker.depth(DEAD) == MANY
    killed = _replay_until(topology, 1500)
    killed.kill()
    killed.communicate()
    eventually(lambda: 0 < broker.depth(DEAD) <= MANY - 1500, "some are replayed, most are not")
    stopped = _replay_until(topology, 1500)
    stopped.send_signal(signal.SIGINT)
    out, _ = stopped.communicate(timeout=30)
    result = json.loads(out)
    assert stopped.returncode == 130
    assert result["interrupted"]
    assert 1500 <= result["replayed"] < MANY
    assert broker.depth(DEAD) > 0
    arrived: list[str] = []

    def continued() -> bool:
        """Run it again: the broker returns what the stopped ones held a moment after they have ended."""
        assert epass(topology, "dead-letters", "replay", "--queue", QUEUE).returncode == 0
        arrived.extend(drain(topology, QUEUE, broker.depth(QUEUE)))
        return set(arrived) == ids and broker.depth(DEAD) == 0

    eventually(continued, "each of them came back to its consumer", 60)
    assert len(arrived) - MANY <= redrive.AT_ONCE, "only what was under way when it was killed came twice"


def _add_many_dead_events(stack) -> set[str]:
    ids = [str(UUID(int=number)) for number in range(1, MANY + 1)]
    template = revoked_bytes(event_id=UUID(int=0)).decode()
    with fast(stack) as connection:
        producer = Producer(connection.default_channel, auto_declare=False)
        for event_id in ids:
            body = template.replace(str(UUID(int=0)), event_id).encode()
            producer.publish(
                body,
                exchange="epass.dead",
                routing_key=DEAD,
                content_type="application/json",
                content_encoding="binary",
                user_id="relay",
            )
    with Connection(stack.broker_url("administrator").replace("amqp://", "pyamqp://")) as connection:
        eventually(
            lambda: connection.default_channel.queue_declare(DEAD, passive=True).message_count == MANY,
            "buried",
            60,
        )
    return set(ids)


def _replay_until(stack, count: int) -> "subprocess.Popen[str]":
    """Start a replay and wait until it has replayed so many."""
    process = subprocess.Popen(
        command_of("dead-letters", "replay", "--queue", QUEUE, "--json"), env=environment_of(stack),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if (shown := re.search(r"(\d+) replayed", line)) and int(shown[1]) >= count:
            return process
    raise AssertionError("it ended before it was interrupted")


def test_drop_asks_for_confirmation(broker, topology) -> None:
    add_dead_events(broker, 2)
    refused = epass(topology, "dead-letters", "drop", "--queue", QUEUE, typed="n\n")
    assert (refused.returncode, broker.depth(DEAD)) == (1, 2)
    assert "Delete 2 for good?" in refused.stderr
    agreed = epass(topology, "dead-letters", "drop", "--queue", QUEUE, "--json", typed="y\n")
    assert json.loads(agreed.stdout)["dropped"] == 2
    assert broker.depth(DEAD) == 0
    assert broker.depth(QUEUE) == 0


def test_drop_deletes_the_selected_letters_and_rpc_requests_too(broker, topology) -> None:
    other, chosen = add_dead_events(broker, 2)
    add_dead_letter(broker, b"no request", "rpc-verify")
    assert epass(topology, "dead-letters", "drop", "--yes").returncode == 2, "everything must be asked for"
    epass(topology, "dead-letters", "drop", "--id", chosen, "--yes")
    epass(topology, "dead-letters", "drop", "--queue", "rpc-verify", "--yes")
    assert [letter["id"] for letter in letters(topology, "list", "--queue", QUEUE)] == [other]
    assert broker.depth("rpc-verify.dead") == 0


def test_a_broker_that_is_down_is_reported_in_one_line(topology) -> None:
    away = {"EPASS_BROKER_URLS": "amqp://ops:hunter2@127.0.0.1:1/epass"}
    for command in ("list", "replay"):
        done = epass(topology, "dead-letters", command, "--queue", QUEUE, **away)
        assert (done.returncode, done.stdout) == (2, "")
        assert "Error: the broker does not answer" in done.stderr
        assert "Traceback" not in done.stderr
        assert "hunter2" not in done.stderr
