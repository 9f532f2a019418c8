"""A canary: what is personal stands in nothing that leaves a process but sealed, and no trace has it.

Read are the bodies and headers of every message of the broker that is an event: in the stream of all events,
in the queues of consumers that are away, in delays and among dead letters; and every byte that the processes
export as traces while vendors call our webhooks. Requests of RPC are not read: they are not sealed
(decision 5). Logs, metrics and columns are read by ``tests/integration/notify/test_vendors.py``.
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import httpx
import pytest
from cryptography.fernet import Fernet
from kombu import Connection

from contracts.subscriptions import subscriptions
from services.chassis.messaging.topology import delay_name
from services.chassis.runtime.settings import RetryDelaySettings
from services.ops.queues import dead_queue
from tests.support.actors import Applicant, Department
from tests.support.backends import start_stack
from tests.support.chaos.sabotage import no_sealing, requests_in_spans
from tests.support.chaos.scenario import replaced
from tests.support.collector import Collector
from tests.support.running import eventually
from tests.support.system import System
from tests.support.wire import wire

SECRET = "secret-of-the-webhook-of-more-than-32-letters"
STREAM = "epass.events"
NAMES = ("Gurpreet", "ਗੁਰਪ੍ਰੀਤ", "Harjit")
WAITS = "notify.ApplicationSubmitted"
QUEUES = sorted({one.queue for one in subscriptions()})


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[System, Collector]]:
    with (
        Collector() as collector,
        start_stack(tmp_path_factory.mktemp("canary")) as stack,
        System(
            stack,
            EPASS_OTLP_ENDPOINT=collector.url,
            EPASS_SMS_WEBHOOK_SECRET=SECRET,
            EPASS_WHATSAPP_APP_SECRET=SECRET,
            EPASS_WHATSAPP_VERIFY_TOKEN=SECRET,
        ) as system,
    ):
        yield system, collector


class Broker:
    """Everything that the broker holds, as its administrator reads it; all of it stays where it is."""

    def __init__(self, system: System) -> None:
        self._url = system.stack.broker_url("administrator")

    def depth(self, queue: str) -> int:
        with wire(self._url) as connection:
            return connection.depth(queue)

    def read(self) -> dict[str, list[str]]:
        """Return body and headers of each message, by the queue or stream that has it."""
        delays = [delay_name(step) for step in range(len(RetryDelaySettings().retry_delays))]
        with wire(self._url) as connection:
            found = {
                queue: self._waiting(connection.connection, queue)
                for queue in (*QUEUES, *map(dead_queue, QUEUES), *delays)
            }
            found[STREAM] = self._stream(connection.connection)
        return found

    @staticmethod
    def _waiting(connection: Connection, queue: str) -> list[str]:
        """Return the messages of a queue, which gets them back when the channel closes."""
        found = []
        with connection.channel() as channel:
            while (message := channel.basic_get(queue)) is not None:
                found.append(_text(message))
        return found

    @staticmethod
    def _stream(connection: Connection) -> list[str]:
        found: list[str] = []
        with connection.channel() as channel:
            channel.basic_qos(0, 1000, False)

            def take(message: object) -> None:
                found.append(_text(message))
                channel.basic_ack(message.delivery_tag)  # type: ignore[attr-defined]

            channel.basic_consume(STREAM, callback=take, arguments={"x-stream-offset": "first"})
            try:
                while True:
                    connection.drain_events(timeout=2)
            except TimeoutError:
                return found


def _text(message: object) -> str:
    body = message.body  # type: ignore[attr-defined]  # of amqp
    properties = json.dumps(message.properties, default=repr, ensure_ascii=False)  # type: ignore[attr-defined]
    shown = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    # JSON may write what is not ASCII as escapes.
    return f"{shown}{json.dumps(shown)}{shown.encode().decode('unicode_escape', 'ignore')}{properties}"


def leaks(written: str, personal: tuple[str, ...]) -> list[str]:
    """Return what stands there of what must stand nowhere."""
    return [one for one in personal if one in written or one.encode().decode("latin-1") in written]


@contextmanager
def away(system: System, *names: str) -> Iterator[None]:
    """Kill services, so that their events wait for them."""
    for name in names:
        system.processes[name].kill()
    try:
        yield
    finally:
        for name in names:
            system.processes[name].start()


class Scene:
    """Somebody applies and gets a pass, while notify is away at first and then has a key that opens nothing.

    So there are events that wait, events that have died, and all of them in the stream.
    """

    def __init__(self, system: System) -> None:
        applicant = Applicant(system)
        with away(system, "notify"):
            reference = applicant.apply()
            eventually(lambda: Broker(system).depth(WAITS), "an event waits for notify")
            self.waiting = Broker(system).read()
            key = Fernet.generate_key().decode()
            blind = system.process("notify", "-blind", EPASS_PERSONAL_KEYS=key)
            blind.start()
            try:
                eventually(lambda: Broker(system).depth(dead_queue(WAITS)), "it becomes a dead letter")
                self.dead = Broker(system).read()
            finally:
                blind.kill()
        self.reference = reference
        self.applicant = applicant
        self.personal = (applicant.mobile[3:], *NAMES)

    def clean(self, system: System) -> None:
        """Drop the dead letters."""
        system.epass("administrator", "dead-letters", "drop", "--queue", WAITS, "--yes")


def test_no_event_in_a_queue_in_the_stream_or_among_dead_letters_shows_whom_it_is_about(
    running: tuple[System, Collector],
) -> None:
    system, _ = running
    scene = Scene(system)
    Department(system).approve(scene.reference)
    token = scene.applicant.token(scene.applicant.wait_for_pass(scene.reference).number)
    after = Broker(system).read()
    scene.clean(system)
    assert scene.waiting[WAITS]
    assert scene.dead[dead_queue(WAITS)]
    assert any("PassIssued" in one for one in after[STREAM]), "its event has the token, sealed"
    for found in (scene.waiting, scene.dead, after):
        for place, messages in found.items():
            assert leaks("".join(messages), (*scene.personal, token)) == [], place


def test_control_a_service_that_publishes_in_clear_is_found_in_each_of_these_places(
    running: tuple[System, Collector],
) -> None:
    system, _ = running
    with replaced(system, ["application"], no_sealing) as leaking:
        leaking["application"].wait_ready(60)
        scene = Scene(system)
        scene.clean(system)
    for found, place in ((scene.waiting, WAITS), (scene.waiting, STREAM), (scene.dead, dead_queue(WAITS))):
        assert set(leaks("".join(found[place]), scene.personal)) == {*scene.personal}, place


NUMBER = "9876501234"
BASIC = b64encode(f"msg91:{SECRET}".encode()).decode()
TOLD = "notify/receive_webhook"


def call_webhooks(system: System, collector: Collector) -> str:
    """Let vendors and strangers call our webhooks; return every byte of the traces that this makes."""

    def told() -> int:
        return sum(span.name == TOLD for span in collector.spans)

    report = [{"date": "2026-11-27 10:00:00", "number": f"91{NUMBER}", "status": "1", "desc": "DELIVERED"}]
    data = {"data": json.dumps([{"requestId": NUMBER, "report": report}])}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    before = told()
    with httpx.Client(base_url=f"{system.url}/hooks", trust_env=False) as http:
        signed = form | {"Authorization": f"Basic {BASIC}"}
        asked = {"hub.mode": "subscribe", "hub.verify_token": SECRET, "hub.challenge": NUMBER}
        assert [
            http.post("/sms", content=urlencode(data), headers=signed).status_code,
            http.post("/sms", content=NUMBER, headers=signed).status_code,
            http.post("/sms", content=urlencode(data), headers=form | {"Authorization": NUMBER}).status_code,
            http.get("/whatsapp", params=asked).status_code,
        ] == [200, 422, 401, 200]
    # each call has a span at the gateway and one in notify
    eventually(lambda: told() >= before + 6, "the spans of three calls")
    return b"".join(collector.bodies).decode(errors="replace")


def test_no_trace_of_a_webhook_has_a_number_or_a_secret(running: tuple[System, Collector]) -> None:
    assert leaks(call_webhooks(*running), (NUMBER, SECRET, BASIC)) == []


def test_control_a_service_that_traces_what_vendors_send_is_found(
    running: tuple[System, Collector],
) -> None:
    system, collector = running
    with replaced(system, ["notify"], requests_in_spans) as leaking:
        leaking["notify"].wait_ready(60)
        written = call_webhooks(system, collector)
    assert leaks(written, (NUMBER,)) == [NUMBER]
