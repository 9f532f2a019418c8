"""What the exporter answers to a gateway: to nobody else, nothing personal, and a replay once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from amqp.exceptions import AccessRefused
from kombu import Queue

from contracts.ops import LetterList, QueueView, Report
from services.ops.dead_letter import REPLAYED
from services.ops.interface import LETTERS
from tests.integration.chassis_under_test import QUEUE, revoked_bytes
from tests.integration.ops.command_line import DEAD, NAMES, add_dead_events, add_dead_letter, drain
from tests.support.factories.gateway import LATER, claims, proven
from tests.support.stack.backends import TestStack
from tests.support.stack.extent import long
from tests.support.stack.running import Process, eventually, free_port
from tests.support.stack.settings import EVENT_KEYS
from tests.support.stack.wire import Wire, wire

pytestmark = [pytest.mark.xdist_group("interface of ops"), long]  # of one exporter
TOKEN = "the token of the gateways of these tests"
OPERATOR = claims(sub="OPS-0001", role="ops", department=None, exp=LATER)
PROOF = proven(session=OPERATOR).proof.model_dump_json()  # type: ignore[union-attr]  # they have one
OF_QUEUE = f"/dead-letters/{QUEUE}"


@pytest.fixture(scope="module")
def exporter(topology: TestStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    own = {
        "EPASS_OPS_INTERVAL": "0.5",
        "EPASS_OPS_DATABASE_URLS": "",
        "EPASS_OPS_PORT": str(free_port()),
        "EPASS_OPS_TOKEN": TOKEN,
        "EPASS_EVENT_KEYS": ",".join(EVENT_KEYS),
    }
    process = Process(
        ["-m", "services.ops.cli", "ops-exporter"],
        {**topology.environment("exporter"), **own},
        tmp_path_factory.mktemp("exporter") / "exporter.log",
        inherit=False,
    )
    process.port_of_interface = own["EPASS_OPS_PORT"]  # type: ignore[attr-defined]  # for the fixture below
    yield process.start()
    process.kill()


@pytest.fixture
def gateway(exporter: Process) -> Iterator[httpx.Client]:
    """Return a client with the token."""
    url = f"http://127.0.0.1:{exporter.port_of_interface}"  # type: ignore[attr-defined]  # set above
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Proof": PROOF}
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=10) as http:
        yield http


def listed(gateway: httpx.Client) -> LetterList:
    return LetterList.model_validate_json(gateway.get(OF_QUEUE).content)


def replay(gateway: httpx.Client, letter: str, replayed: int) -> str:
    body = {"replayed": replayed, "by": "OPS-0001"}
    answer = gateway.post(f"{OF_QUEUE}/{letter}/replay", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["outcome"])


def test_nobody_is_answered_without_the_token(gateway: httpx.Client, broker: Wire) -> None:
    (letter,) = add_dead_events(broker, 1)
    body = {"replayed": 0, "by": "OPS-0001"}
    for token in ("", "Bearer x", f"Bearer {TOKEN}x", TOKEN, "Bearer ਪ"):
        headers = {"Authorization": token.encode()}
        for path in ("/report", OF_QUEUE, "/docs", "/openapi.json"):
            assert gateway.get(path, headers=headers).status_code in {401, 404}, path
        answer = gateway.post(f"{OF_QUEUE}/{letter}/replay", json=body, headers=headers)
        assert answer.status_code == 401, token
    assert broker.depth(DEAD) == 1


def test_the_oldest_letters_are_shown_without_anything_personal_and_stay(
    gateway: httpx.Client, broker: Wire
) -> None:
    (first, *_more) = add_dead_events(broker, LETTERS + 5)
    add_dead_letter(broker, " ".join(NAMES).encode())
    found = listed(gateway)
    assert (found.total, len(found.items), found.items[0].id) == (LETTERS + 6, LETTERS, first)
    one = found.items[0]
    assert (one.type, one.error, one.attempts, one.subject) == (
        "PassRevoked",
        "RuntimeError",
        8,
        "pass:7K3M9QW4",
    )
    assert one.event is not None
    assert one.event["personal"] == "sealed"
    assert not [name for name in NAMES if name in found.model_dump_json()]
    assert broker.depth(DEAD) == LETTERS + 6
    assert listed(gateway) == found


def test_a_reading_is_logged_with_the_operator_and_refused_without(
    gateway: httpx.Client, broker: Wire, exporter: Process
) -> None:
    add_dead_events(broker, 3)
    another = proven(session=OPERATOR.model_copy(update={"sub": "OPS-0007"})).proof
    assert another is not None
    assert gateway.get(OF_QUEUE, headers={"X-Proof": another.model_dump_json()}).status_code == 200
    (logged,) = [line for line in exporter.log.read_text().splitlines() if "OPS-0007" in line]
    assert f'"queue": "{QUEUE}"' in logged
    assert '"letters": 3' in logged
    for nobody in ("", "a login\tof nobody"):
        assert gateway.get(OF_QUEUE, headers={"X-Proof": nobody}).status_code == 403


def test_two_operators_read_a_queue_at_the_same_time_and_both_see_all_of_it(
    gateway: httpx.Client, broker: Wire
) -> None:
    add_dead_events(broker, 5)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: len(listed(gateway).items), range(4)))
    assert found == [5, 5, 5, 5]


def test_a_replay_sends_one_letter_back_and_a_repeat_sends_nothing(
    gateway: httpx.Client, broker: Wire, topology: TestStack, exporter: Process
) -> None:
    ids = add_dead_events(broker, 3)
    assert replay(gateway, ids[1], 0) == "replayed"
    assert drain(topology, QUEUE, 1) == [ids[1]]
    assert [one.id for one in listed(gateway).items] == [ids[0], ids[2]]
    assert replay(gateway, ids[1], 0) == "gone"
    assert (broker.depth(QUEUE), broker.depth(DEAD)) == (0, 2)
    logged = [line for line in exporter.log.read_text().splitlines() if ids[1] in line]
    assert len(logged) == 2
    assert all('"operator": "OPS-0001"' in line for line in logged)


def test_a_letter_that_came_back_is_not_replayed_by_the_repeat_of_an_older_form(
    gateway: httpx.Client, broker: Wire, topology: TestStack
) -> None:
    (letter,) = add_dead_events(broker, 1)
    assert replay(gateway, letter, 0) == "replayed"
    assert drain(topology, QUEUE, 1) == [letter]
    add_dead_letter(broker, revoked_bytes(event_id=letter), **{REPLAYED: 1})
    assert replay(gateway, letter, 0) == "gone"
    assert broker.depth(QUEUE) == 0
    assert [one.replayed for one in listed(gateway).items] == [1]
    assert replay(gateway, letter, 1) == "replayed"
    assert broker.depth(QUEUE) == 1


def test_requests_and_queues_that_are_no_consumers_are_not_read(gateway: httpx.Client) -> None:
    body = {"replayed": 0, "by": "OPS-0001"}
    for queue in ("rpc-verify", "verify.Nonsense", "verify.PassRevoked.dead", "x"):
        assert gateway.get(f"/dead-letters/{queue}").status_code == 404, queue
        assert gateway.post(f"/dead-letters/{queue}/x/replay", json=body).status_code == 404, queue


def test_its_user_of_the_broker_reads_nothing_but_dead_letters_of_events_and_publishes_replays_alone(
    topology: TestStack, broker: Wire
) -> None:
    url = topology.broker_url("ops")
    for queue in (QUEUE, "rpc-verify", "rpc-verify.dead", "epass.events"):
        with wire(url) as ops:
            assert ops.get(DEAD) is None
            with pytest.raises(AccessRefused):
                ops.get(queue)
    for exchange in ("", "verify.events", "nameko-rpc", "epass.delay.0", "epass.dead"):
        with wire(url) as ops, pytest.raises(AccessRefused):
            ops.publish(exchange, QUEUE, b"{}")
    with wire(url) as ops, pytest.raises(AccessRefused):
        Queue("mine", channel=ops.connection.default_channel).declare()
    with wire(topology.broker_url("exporter")) as exporter, pytest.raises(AccessRefused):
        exporter.get(DEAD)


def test_the_report_tells_since_when_the_broker_is_silent_and_comes_without_waiting_for_it(
    gateway: httpx.Client, broker: Wire, topology: TestStack
) -> None:
    def report() -> Report:
        return Report.model_validate_json(gateway.get("/report").content)

    def of_queue() -> QueueView | None:
        counted = next((one for one in report().queues.items if one.queue == QUEUE), None)
        return counted if counted and (counted.messages, counted.dead_letters) == (1, 2) else None

    add_dead_events(broker, 2)
    broker.publish("", QUEUE, b"{}")
    found = eventually(of_queue, "the message and the letters are counted")
    assert found.consumers == 0
    since = found.not_empty_since
    assert since is not None
    topology.kill_broker()
    try:
        silent = eventually(lambda: not (one := report()).queues.answers and one, "it is silent")
        assert silent.queues.looked_at is not None
        assert silent.queues.looked_at >= since
        assert gateway.get(OF_QUEUE).status_code == 503
        assert gateway.get("/report").status_code == 200
    finally:
        topology.start_broker()
    eventually(lambda: report().queues.answers, "it answers again", 30)

    def has_both_letters() -> bool:
        answer = gateway.get(OF_QUEUE)  # a quorum queue is empty, or does not answer, until it has a leader
        return answer.status_code == 200 and LetterList.model_validate_json(answer.content).total == 2

    eventually(has_both_letters, "the letters are there again", 30)


def test_every_process_is_asked_and_named(gateway: httpx.Client, exporter: Process) -> None:
    report = Report.model_validate_json(gateway.get("/report").content)
    states = {one.name: one.state for one in report.processes.items}
    assert states["relay"] == "no_answer"
    assert set(states) >= {"accounts", "verify", "gateway", "exporter"}
