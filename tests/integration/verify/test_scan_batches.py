"""Scans that come in one message, to verify as a process: each has the answer that it would have alone."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from contracts.events import PassIssued
from contracts.rpc.verify.scans import ScanPass
from services.chassis.runtime.clock import now
from tests.integration.chassis_under_test import make_probe
from tests.support.chaos.sabotage import HELD
from tests.support.factories.gateway import prove
from tests.support.factories.verify import SETTINGS, Gate, officer, offline_exit, offline_scan, scan_of
from tests.support.stack.backends import TestStack
from tests.support.stack.running import Process, eventually
from tests.support.stack.wire import Wire, batch_body, call_body

Start = Callable[..., Process]


@pytest.fixture
def start(topology: TestStack, tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts verify, for RPC only."""
    started: list[Process] = []

    def start(sabotage: str = "") -> Process:
        process = make_probe(
            topology,
            tmp_path,
            "verify",
            "rpc",
            sabotage=sabotage,
            module="services.ops.serve",
            EPASS_COMMITMENT_MASTER=SETTINGS.commitment_master.get_secret_value(),
            EPASS_ISSUER=SETTINGS.issuer,
            EPASS_IDEMPOTENCY_SECRET=SETTINGS.idempotency_secret.get_secret_value(),
        ).start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def gate(databases, broker: Wire) -> Gate:
    return Gate(databases["verify"])


def issue(gate: Gate, number: int) -> list[PassIssued]:
    """Return passes that are valid now."""
    today = {"valid_from": now() - timedelta(hours=1), "valid_to": now() + timedelta(hours=1)}
    return [gate.issue(**today) for _ in range(number)]


def call_of(request: ScanPass, seconds: float = 30) -> dict[str, Any]:
    body = request.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return call_body(body, seconds=seconds, principal=prove(officer()).model_dump(mode="json"))


def scan_together(broker: Wire, *requests: ScanPass | dict[str, Any]) -> list[str]:
    """Return the verdict on each scan, or its error."""
    calls = {
        str(number): request if isinstance(request, dict) else call_of(request)
        for number, request in enumerate(requests)
    }
    replies = broker.call_together("verify", "scan", calls, seconds=30)
    return [outcome(replies[number]) for number in calls]


def outcome(reply: dict[str, Any]) -> str:
    found: str = reply["error"]["exc_type"] if reply["error"] else reply["result"]["verdict"]
    return found


def test_scans_of_a_message_share_a_transaction_and_a_reply(broker: Wire, gate: Gate, start: Start) -> None:
    process = start()
    calls = {str(number): call_of(scan_of(one)) for number, one in enumerate(issue(gate, 20))}
    with broker.asking() as replies:
        replies.ask("verify", "scan", batch_body(calls))
        assert Counter(map(outcome, replies.next()["replies"])) == {"admit": 20}
    with gate.database.transaction() as session:
        assert session.scalar(text("select count(distinct xmin::text) from scans")) == 1
    assert process.metric("epass_scans_total") == 20
    assert process.metric("epass_rpc_seconds_count") == 20


def test_a_repeated_nonce_gets_the_first_answer_within_a_message_and_across_two(
    broker: Wire, gate: Gate, start: Start
) -> None:
    start()
    one, other = issue(gate, 2)
    entry = scan_of(one)
    assert scan_together(broker, entry, entry, scan_of(other), entry) == ["admit"] * 4
    assert scan_together(broker, entry, scan_of(one), scan_of(other)) == ["admit"] + ["already_inside"] * 2
    assert len(gate.scans()) == len(gate.published()) == 4
    assert gate.row(one).admitted == 1


def test_a_late_and_a_bad_scan_in_the_middle_change_nothing_and_hurt_no_other(
    broker: Wire, gate: Gate, start: Start
) -> None:
    process = start()
    first, late, last = issue(gate, 3)
    verdicts = scan_together(
        broker,
        scan_of(first),
        call_of(scan_of(late), seconds=-1),
        {"args": [{"gate": "PCS1-G1"}], "kwargs": {}},
        scan_of(last, token="not.a.token"),
        scan_of(last),
    )
    assert verdicts == ["admit", "Unavailable", "InvalidInput", "InvalidInput", "admit"]
    assert [gate.row(one).inside for one in (first, late, last)] == [1, 0, 1]
    assert len(gate.scans()) == 2
    assert process.metric("epass_rpc_expired_total") == 1


def test_a_locked_pass_holds_up_no_other_scan_of_its_message(broker: Wire, gate: Gate, start: Start) -> None:
    start()
    locked, *free = issue(gate, 5)
    with broker.asking() as replies:
        with gate.database.transaction() as holder:
            holder.execute(text("select from passes where number = :n for update"), {"n": locked.pass_number})
            calls = {one.pass_number: call_of(scan_of(one)) for one in [locked, *free]}
            replies.ask("verify", "scan", batch_body(calls))
            answers: dict[str, str] = {}
            while len(answers) < len(free):
                answers |= {one["id"]: outcome(one) for one in replies.next()["replies"]}
            assert answers == {one.pass_number: "admit" for one in free}
        last = [(one["id"], outcome(one)) for one in replies.next()["replies"]]
    assert last == [(locked.pass_number, "admit")]


def test_scans_whose_process_dies_between_commit_and_answer_get_their_first_answers(
    broker: Wire, gate: Gate, start: Start
) -> None:
    holding = start("slow_to_reply")
    nonce = uuid4().hex
    issued = issue(gate, 10)
    calls = {str(n): call_of(scan_of(one, nonce=f"{nonce}-{n}")) for n, one in enumerate(issued)}
    with broker.asking() as replies:
        replies.ask("verify", "scan", batch_body(calls))
        eventually(lambda: HELD in holding.log.read_text(), "committed, not answered")
        assert len(gate.scans()) == 10
        holding.kill()
        start()
        verdicts: Counter[str] = Counter()
        while verdicts.total() < 10:
            verdicts.update(map(outcome, replies.next(30)["replies"]))
    assert verdicts == {"admit": 10}
    assert len(gate.scans()) == len(gate.published()) == 10
    assert [gate.row(one).admitted for one in issued] == [1] * 10


def sync_call(*scans: ScanPass | dict[str, Any], seconds: float = 30) -> dict[str, Any]:
    """Return the call with which a gate sends what it did without a network."""
    given = [one if isinstance(one, dict) else one.model_dump(mode="json") for one in scans]
    sent = {"gate": "PCS1-G1", "scans": given}
    return call_body(sent, seconds=seconds, principal=prove(officer()).model_dump(mode="json"))


def test_offline_scans_whose_process_dies_between_commit_and_answer_are_recorded_once(
    broker: Wire, gate: Gate, start: Start
) -> None:
    """The gate repeats the same request, and two hundred scans more than once change nothing more."""
    holding = start("slow_to_reply")
    scans: list[ScanPass | dict[str, Any]] = []
    issued = issue(gate, 100)
    for one in issued:
        scans.append(offline_scan(one, now() - timedelta(minutes=2)))
        scans.append(offline_exit(one, now() - timedelta(minutes=1)))
    with broker.asking() as replies:
        replies.ask("verify", "sync", sync_call(*scans))
        eventually(lambda: HELD in holding.log.read_text(), "committed, not answered")
        assert len(gate.scans()) == 200
        holding.kill()
        process = start()
        first = replies.next(30)
        replies.ask("verify", "sync", sync_call(*scans))
        again = replies.next(30)
    assert first["result"] == again["result"]
    assert Counter(item["verdict"] for item in again["result"]["items"]) == {"admit": 100, "exit": 100}
    assert {item["conflict"] for item in again["result"]["items"]} == {False}
    assert len(gate.scans()) == len(gate.published()) == 200
    assert {(row.admitted, row.inside) for row in map(gate.row, issued)} == {(1, 0)}
    assert process.metric("epass_gate_conflicts_total") == 0


def test_an_offline_scan_that_is_refused_for_good_is_counted_and_logged_and_the_log_names_nobody(
    broker: Wire, gate: Gate, start: Start
) -> None:
    process = start()
    (issued,) = issue(gate, 1)
    fine = offline_scan(issued, now() - timedelta(minutes=2))
    bad = fine.model_dump(mode="json") | {"nonce": uuid4().hex, "surprise": "Gurpreet Kaur"}
    with broker.asking() as replies:
        replies.ask("verify", "sync", sync_call(fine, bad))
        items = replies.next(30)["result"]["items"]
    assert [item["problem"] for item in items] == [None, "invalid_input"]
    assert process.metric("epass_offline_scans_refused_total", 'problem="invalid_input"') == 1
    assert process.metric("epass_offline_scans_refused_total") == 1
    (line,) = [line for line in process.log.read_text().splitlines() if "offline scan refused" in line]
    logged = json.loads(line)
    assert (logged["problem"], logged["gate"]) == ("invalid_input", "PCS1-G1")
    assert not any(secret in line for secret in ("Gurpreet", str(fine.token), issued.pass_number))


def test_the_same_offline_scans_sent_at_once_are_recorded_once(
    broker: Wire, gate: Gate, start: Start
) -> None:
    start()
    issued = issue(gate, 20)
    scans = [offline_scan(one, now() - timedelta(minutes=2)) for one in issued]
    with broker.asking() as replies:
        for _ in range(8):
            replies.ask("verify", "sync", sync_call(*scans))
        answers = [replies.next(30)["result"]["items"] for _ in range(8)]
    assert all(answer == answers[0] for answer in answers)
    assert len(gate.scans()) == len(gate.published()) == 20
    assert {gate.row(one).inside for one in issued} == {1}
    assert gate.conflicts() == []
