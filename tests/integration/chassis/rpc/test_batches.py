"""A message with several calls: each is guarded and replied to as it would be alone, and none is lost."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.integration.chassis_under_test import make_probe
from tests.support.stack.backends import TestStack
from tests.support.stack.running import Process, eventually
from tests.support.stack.wire import Wire, batch_body, call_body

DEAD = "rpc-verify.dead"
Effects = Callable[[], list[str]]


def inside(site: str, seconds: float = 60) -> dict[str, Any]:
    return call_body({"site": site}, seconds=seconds)


def test_each_call_of_a_message_gets_its_own_reply(broker: Wire, probe: Process, effects: Effects) -> None:
    sites = {str(number): f"site-{number}" for number in range(64)}
    replies = broker.call_together("verify", "inside", {one: inside(site) for one, site in sites.items()})
    assert sorted(effects()) == sorted(sites.values())
    assert [reply["error"] for reply in replies.values()] == [None] * 64
    assert broker.depth(DEAD) == 0


def test_a_bad_call_in_the_middle_gets_its_error_and_the_others_their_result(
    broker: Wire, probe: Process, effects: Effects
) -> None:
    replies = broker.call_together(
        "verify",
        "inside",
        {
            "first": inside("first"),
            "conflict": inside("conflict"),
            "field": inside("no such code: hunter2!"),
            "fault": inside("secret:hunter2"),
            "empty": {},
            "no list": {"args": {}, "kwargs": []},
            "last": inside("last"),
        },
    )
    errors = {one: reply["error"] and reply["error"]["exc_type"] for one, reply in replies.items()}
    assert errors == {
        "first": None,
        "conflict": "Conflict",
        "field": "InvalidInput",
        "fault": "InternalError",
        "empty": "InvalidInput",
        "no list": "InvalidInput",
        "last": None,
    }
    assert "hunter2" not in json.dumps(replies)
    assert "hunter2" not in probe.log.read_text()
    assert sorted(effects()) == ["first", "last"]
    vanished = broker.call_together("verify", "vanish", {one: inside(one) for one in ("a", "b")})
    assert [reply["error"]["exc_type"] for reply in vanished.values()] == ["NotFound", "NotFound"]


def test_a_call_in_the_middle_whose_deadline_has_passed_is_not_carried_out(
    broker: Wire, probe: Process, effects: Effects
) -> None:
    calls = {"1": inside("first"), "2": inside("late", -1), "3": inside("last")}
    replies = broker.call_together("verify", "inside", calls)
    assert replies["2"]["error"]["exc_type"] == "Unavailable"
    assert sorted(effects()) == ["first", "last"]
    assert probe.metric("epass_rpc_expired_total") == 1


def test_a_slow_call_holds_up_no_other_reply_of_its_message(broker: Wire, probe: Process) -> None:
    with broker.asking() as replies:
        replies.ask("verify", "inside", batch_body({one: inside(one) for one in ("sleep:2", "a", "b")}))
        came = [[reply["id"] for reply in replies.next()["replies"]]]
        while "sleep:2" not in came[-1]:
            came.append([reply["id"] for reply in replies.next()["replies"]])
    assert came[-1] == ["sleep:2"]
    assert sorted(one for message in came for one in message) == ["a", "b", "sleep:2"]


def test_calls_of_a_message_share_the_workers_of_the_service(
    broker: Wire, effects: Effects, topology: TestStack, tmp_path: Path
) -> None:
    with make_probe(topology, tmp_path, "rpc", EPASS_RPC_WORKERS="1").start():
        replies = broker.call_together("verify", "inside", {one: inside(one) for one in ("sleep:1", "a")})
        assert [reply["error"] for reply in replies.values()] == [None, None]
        assert effects() == ["sleep:1", "a"]


def test_a_message_whose_process_dies_before_its_last_reply_is_carried_out_again(
    broker: Wire, effects: Effects, topology: TestStack, tmp_path: Path
) -> None:
    first = make_probe(topology, tmp_path, "rpc").start()
    with broker.asking() as replies:
        replies.ask("verify", "inside", batch_body({one: inside(one) for one in ("a", "sleep:3")}))
        assert [reply["id"] for reply in replies.next()["replies"]] == ["a"]
        first.kill()
        assert effects() == ["a"]
        with make_probe(topology, tmp_path, "rpc").start():
            came = {reply["id"] for _ in range(2) for reply in replies.next()["replies"]}
    assert came == {"a", "sleep:3"}
    assert effects() == ["a", "a", "sleep:3"]
    eventually(lambda: broker.depth("rpc-verify") == 0, "the message is acknowledged")


def test_what_is_no_batch_goes_to_the_dead_letters(broker: Wire, probe: Process, effects: Effects) -> None:
    with broker.asking() as replies:
        for calls in ([], [1], [{"args": [], "kwargs": {}}], [{"id": "1"}] * 65):
            replies.ask("verify", "inside", {"args": [], "kwargs": {"calls": calls}})
    eventually(lambda: broker.depth(DEAD) == 4, "four dead letters")
    assert broker.call("verify", "inside", {"site": "still-here"})["result"]["persons"] == 1
