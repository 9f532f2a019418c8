"""The RPC server: one reply to a request in time, no harm from a malformed one, no secret in an error."""

import json
import os
import signal
import time
from datetime import timedelta

import pytest

from services.chassis.messaging import retry
from services.chassis.rpc.clock_skew import ENOUGH_SECONDS
from services.chassis.runtime.clock import now
from tests.integration.chassis_under_test import make_probe, revoked_bytes
from tests.support.stack.database_faults import postgres_away
from tests.support.stack.extent import long
from tests.support.stack.running import eventually

RPC = "nameko-rpc"
KEY = "verify.inside"
DEAD = "rpc-verify.dead"


def test_a_caller_gets_its_reply_or_an_error_that_tells_no_secret(broker, probe, effects) -> None:
    found = {"items": [], "next": None, "persons": 1, "offline_gates": []}
    assert broker.call("verify", "inside", {"site": "PCS1"})["result"] == found
    assert broker.call("verify", "vanish", {})["error"]["exc_type"] == "NotFound"
    errors = [
        broker.call("verify", "inside", {"site": site})["error"]
        for site in ("conflict", "secret:hunter2", "no such code: hunter2!")
    ]
    assert [error["exc_type"] for error in errors] == ["Conflict", "InternalError", "InvalidInput"]
    assert json.loads(errors[0]["exc_args"][0])["facts"] == {"since": "noon"}
    assert [field["field"] for field in json.loads(errors[2]["exc_args"][0])["fields"]] == ["site"]
    assert "hunter2" not in json.dumps(errors) + probe.log.read_text()
    assert "builtins.RuntimeError" in probe.log.read_text()
    assert effects() == ["PCS1"]


def test_a_request_whose_deadline_has_passed_is_not_carried_out(broker, probe, effects) -> None:
    broker.publish(RPC, KEY, _request("late", deadline=-1), reply_to="nobody", correlation_id="1")
    broker.publish(RPC, KEY, _request("in-time"), reply_to="nobody", correlation_id="2")
    eventually(lambda: effects() == ["in-time"], "only the one in time")
    assert probe.metric("epass_rpc_expired_total") == 1


def test_a_request_whose_deadline_passes_while_it_waits_for_a_worker_is_not_carried_out(
    broker, effects, topology, tmp_path
) -> None:
    with make_probe(topology, tmp_path, "rpc", EPASS_RPC_WORKERS="1").start() as process:
        broker.publish(RPC, KEY, _request("sleep:2", 600), reply_to="nobody", correlation_id="1")
        broker.publish(RPC, KEY, _request("late", 1), reply_to="nobody", correlation_id="2")
        eventually(lambda: broker.depth("rpc-verify") == 0, "both have come in time")
        eventually(lambda: process.metric("epass_workers_waiting") == 1, "one waits for a worker")
        assert (process.metric("epass_workers_busy"), process.metric("epass_workers_max")) == (1, 1)
        eventually(lambda: process.metric("epass_rpc_expired_total") == 1, "one is too late for its worker")
        assert effects() == ["sleep:2"]


AHEAD = 10.0
"""By so much the clock of the probe is ahead under `clock_ahead` of the sabotage."""


@long
def test_a_service_whose_clock_is_ahead_measures_it_and_answers_in_time(
    broker, effects, topology, tmp_path
) -> None:
    with make_probe(topology, tmp_path, "rpc", sabotage="clock_ahead").start() as process:
        eventually(lambda: _ask(broker)["error"] is None, "it corrects the deadlines", 30)
        assert AHEAD <= process.metric("epass_clock_skew_seconds") < AHEAD + 1


@long
def test_beyond_what_is_tolerated_each_call_is_refused_and_not_in_silence(
    broker, effects, topology, tmp_path
) -> None:
    with make_probe(
        topology, tmp_path, "rpc", sabotage="clock_ahead", EPASS_CLOCK_SKEW="1"
    ).start() as process:
        eventually(lambda: _refused(broker) and process.metric("epass_clock_skew_seconds") >= AHEAD, "so", 30)
        assert _refused(broker)
        assert process.metric("epass_rpc_expired_total") > 1
        assert effects() == []


@long
@pytest.mark.parametrize("named", [True, False], ids=["named", "control: callers without a name"])
def test_a_caller_whose_clock_is_behind_is_answered_beside_another_whose_clock_is_right(
    broker, probe, named: bool
) -> None:
    def ask_both() -> bool:
        right, behind = (
            _ask(broker, off, caller if named else "")["error"]
            for off, caller in ((0.0, "right"), (AHEAD, "behind"))
        )
        assert right is None
        return behind is None

    if named:
        eventually(ask_both, "its deadlines are corrected", 40)
    else:
        asked = time.monotonic()
        eventually(lambda: ask_both() or time.monotonic() > asked + 2 * ENOUGH_SECONDS, "so long", 40)
        assert not ask_both()
    shown = probe.metric("epass_clock_skew_seconds")
    assert AHEAD <= shown < AHEAD + 1 if named else shown < 1


def _ask(broker, behind: float = 0.0, caller: str = "") -> dict[str, object]:
    """Ask by a clock that is so many seconds behind."""
    sent_at = now() - timedelta(seconds=behind)
    call = {
        "sent_at": sent_at.isoformat(),
        "deadline": (sent_at + timedelta(seconds=5)).isoformat(),
        "caller": caller,
    }
    return broker.call("verify", "inside", {"site": "PCS1"}, call=call)


def _refused(broker) -> bool:
    error = _ask(broker)["error"]
    return bool(error) and error["exc_type"] == "Unavailable"


def test_malformed_requests_go_to_the_dead_letters_and_the_service_lives(broker, probe, effects) -> None:
    broker.publish(RPC, KEY, _request("silent"))  # no reply_to
    broker.publish(RPC, KEY, b"{not json", reply_to="nobody")
    broker.publish(RPC, KEY, b"[1, 2]", reply_to="nobody")
    broker.publish(RPC, KEY, b'{"args": 1}', reply_to="nobody")
    broker.publish(RPC, KEY, b'{"x": "' + b"a" * 5_000_000 + b'"}', reply_to="nobody")
    broker.publish(RPC, KEY, b"\x80\x04.", reply_to="nobody", content_type="application/x-python-serialize")
    eventually(lambda: broker.depth(DEAD) == 6, "six dead letters", 30)
    letters = [broker.get(DEAD) for _ in range(6)]
    assert {letter.headers[retry.ERROR] for letter in letters} == {"PermanentError"}
    assert not any(letter.body for letter in letters), "a request may have the passwords of several people"
    assert broker.call("verify", "inside", {"site": "still-here"})["result"]["persons"] == 1
    assert probe.alive
    assert effects() == ["still-here"]


def test_a_database_that_is_away_makes_the_service_unavailable(
    broker, probe, topology, effects, databases
) -> None:
    broker.call("verify", "inside", {"site": "before"})
    with postgres_away(topology):
        assert (
            broker.call("verify", "inside", {"site": "during"}, seconds=8)["error"]["exc_type"]
            == "Unavailable"
        )
    eventually(lambda: broker.call("verify", "inside", {"site": "after"})["result"], "an answer again")
    assert "during" not in effects()


def test_a_slow_event_does_not_delay_a_request(broker, probe, effects) -> None:
    for number in range(40):
        broker.publish("issuance.events", "PassRevoked", revoked_bytes(f"sleep:3:{number}"))
    eventually(lambda: broker.depth("verify.PassRevoked") < 40, "events are being handled")
    assert broker.call("verify", "inside", {"site": "quick"}, seconds=2)["result"]["persons"] == 1


def test_with_one_pool_for_both_a_slow_event_delays_a_request(broker, effects, topology, tmp_path) -> None:
    """Negative control of the two containers: with no RPC worker free a question has to wait."""
    with make_probe(topology, tmp_path, "rpc", EPASS_RPC_WORKERS="1").start():
        broker.publish(RPC, KEY, _request("sleep:3"), reply_to="nobody", correlation_id="1")
        eventually(lambda: broker.depth("rpc-verify") == 0, "taken")
        try:
            broker.call("verify", "inside", {"site": "held-up"}, seconds=1)
        except TimeoutError:
            pass
        else:
            raise AssertionError("it was not held up")


def test_a_service_that_stops_replies_to_the_requests_in_hand(broker, effects, topology, tmp_path) -> None:
    process = make_probe(topology, tmp_path, "rpc").start()
    broker.publish(RPC, KEY, _request("sleep:1"), reply_to="nobody", correlation_id="1")
    eventually(lambda: broker.depth("rpc-verify") == 0, "taken")
    assert process.stop(25) == 0
    assert effects() == ["sleep:1"]


def test_a_process_that_is_told_to_stop_while_a_thread_of_it_ends_stops(broker, topology, tmp_path) -> None:
    with make_probe(topology, tmp_path, "rpc").start() as process:
        broker.publish(RPC, KEY, _request("terminate"), reply_to="nobody", correlation_id="1")
        eventually(lambda: not process.alive, "it has stopped")


def test_a_request_that_always_kills_its_process_is_dropped_at_the_delivery_limit(
    broker, effects, topology, tmp_path
) -> None:
    broker.publish(RPC, KEY, _request("crash", deadline=600), reply_to="nobody", correlation_id="1")
    for _ in range(5):
        process = make_probe(topology, tmp_path, "rpc").start(ready=False)
        process_ended = eventually(
            lambda p=process: not p.alive or (p.is_ready() and _survives(p)), "ended or idle", 30
        )
        assert process_ended
        process.kill()
    with make_probe(topology, tmp_path, "rpc").start():
        assert broker.call("verify", "inside", {"site": "alive"})["result"]["persons"] == 1


def _survives(process) -> bool:
    """Return whether the process still lives after it may have taken a message."""
    try:
        os.kill(process.pid, signal.SIGCONT)
    except ProcessLookupError:
        return False
    return True


def _request(site: str, deadline: float = 5) -> bytes:
    call = {"deadline": (now() + timedelta(seconds=deadline)).isoformat()}
    return json.dumps({"args": [{"site": site}], "kwargs": {"call": call}}).encode()
