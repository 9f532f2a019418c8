"""A canary: what is personal stands in nothing that leaves a process but sealed, and no trace has it.

Read are the bodies and headers of every message of the broker that is an event: in the stream of all events,
in the queues of consumers that are away, in delays and among dead letters; every byte that the processes
export as traces while vendors call our webhooks; the logs and metrics of all processes; and every column of
every database. Requests of RPC are not read: they are not sealed (decision 5). What notify's sender writes
while vendors fail is read by ``tests/integration/notify/test_vendors.py``.
"""

import hmac
import json
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlencode

import httpx
import pytest
from cryptography.fernet import Fernet

from contracts.subscriptions import SERVICES
from services.ops.queues import dead_queue
from tests.journey.held import STREAM, Broker, away, columns_with, leaks
from tests.support.chaos.sabotage import events_in_logs, no_sealing, requests_in_spans
from tests.support.chaos.scenario import replaced
from tests.support.stack.backends import start_stack
from tests.support.stack.collector import Collector
from tests.support.stack.extent import long
from tests.support.stack.running import Process, eventually
from tests.support.system.actors import MATCHED, Applicant, Department, Officer, messages
from tests.support.system.system import System

SECRET = "secret-of-the-webhook-of-more-than-32-letters"
NAMES = ("Gurpreet", "ਗੁਰਪ੍ਰੀਤ", "Harjit")
WAITS = "notify.ApplicationSubmitted"


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


@dataclass(frozen=True)
class Visit:
    """A scene that went on to a pass, and to its gate."""

    scene: Scene
    token: str
    link: str

    @property
    def personal(self) -> tuple[str, ...]:
        return (*self.scene.personal, self.token, self.link)


@pytest.fixture(scope="module")
def visit(running: tuple[System, Collector]) -> Visit:
    system, _ = running
    scene = Scene(system)
    Department(system).approve(scene.reference)
    number = scene.applicant.wait_for_pass(scene.reference).number
    token = scene.applicant.token(number)
    officer = Officer(system)
    officer.wait_to_know(token)
    assert officer.scan(token=token, id_check=MATCHED).verdict == "admit"
    scene.applicant.wait_for(scene.reference, "entered")
    passes = eventually(lambda: messages(system, scene.applicant.mobile, "pass_issued"), "the pass arrives")
    assert passes[0].link is not None
    return Visit(scene, token, passes[0].link.rpartition("/")[2])


def test_no_event_in_a_queue_in_the_stream_or_among_dead_letters_shows_whom_it_is_about(
    running: tuple[System, Collector], visit: Visit
) -> None:
    system, _ = running
    scene, after = visit.scene, Broker(system).read()
    scene.clean(system)
    assert scene.waiting[WAITS]
    assert scene.dead[dead_queue(WAITS)]
    assert any("PassIssued" in one for one in after[STREAM]), "its event has the token, sealed"
    for found in (scene.waiting, scene.dead, after):
        for place, written in found.items():
            assert leaks("".join(written), visit.personal) == [], place


def test_no_log_and_no_metric_of_a_process_shows_whom_anything_is_about(
    running: tuple[System, Collector], visit: Visit
) -> None:
    system, _ = running
    logs = {path.name: path.read_text() for path in system.folder.glob("*.log")}
    metrics = {name: metrics_of(process) for name, process in system.processes.items()}
    assert {f"{name}.log" for name in system.processes} <= logs.keys()
    for name in ("gateway.log", "notify.log", "notify-blind.log"):
        assert logs[name], f"{name} is empty"
    assert all("epass_" in page for page in metrics.values())
    for place, written in (logs | metrics).items():
        assert leaks(written, visit.personal) == [], place


def metrics_of(process: Process) -> str:
    return httpx.get(f"http://127.0.0.1:{process.port}/metrics", trust_env=False).text


def test_control_a_service_that_logs_its_events_is_found(
    running: tuple[System, Collector], visit: Visit
) -> None:
    system, _ = running
    with replaced(system, ["application"], events_in_logs) as leaking:
        leaking["application"].wait_ready(60)
        applicant = Applicant(system)
        applicant.apply()
        written = leaking["application"].log.read_text()
    assert set(leaks(written, (applicant.mobile[3:], *NAMES))) == {applicant.mobile[3:], *NAMES}


IN_CLEAR: Mapping[str, Collection[str]] = {
    "application": {
        "applications.name", "applications.name_latin", "applications.mobile", "applications.companions"
    },
    "approval": {"reviews.name", "reviews.name_latin", "reviews.personal"},
    "issuance": {"passes.personal", "passes.link_code"},
    "verify": {"passes.visitors"},
    "notify": {"local_phone.recipient", "local_phone.link"},
}  # fmt: skip
"""What a service shows to those who serve the visit (docs/security.md). The local phone is in local mode
only: of a message nothing is in clear, neither its number nor its text nor the pass."""


def test_only_the_columns_that_are_known_for_it_have_somebody_in_clear(
    running: tuple[System, Collector], visit: Visit
) -> None:
    system, _ = running
    found = {service: set(columns_with(system, service, visit.personal)) for service in SERVICES}
    assert found == {service: set(IN_CLEAR.get(service, ())) for service in SERVICES}


@long
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
    # As no program of ours would write it: the signature is that of these bytes.
    raw = f'{{ "object":"whatsapp_business_account",  "entry":[], "from": "{NUMBER} \u0a2a" }}\n'.encode()
    by_meta = {"X-Hub-Signature-256": f"sha256={hmac.new(SECRET.encode(), raw, sha256).hexdigest()}"}
    before = told()
    with httpx.Client(base_url=f"{system.url}/hooks", trust_env=False) as http:
        signed = form | {"Authorization": f"Basic {BASIC}"}
        asked = {"hub.mode": "subscribe", "hub.verify_token": SECRET, "hub.challenge": NUMBER}
        assert [
            http.post("/sms", content=urlencode(data), headers=signed).status_code,
            http.post("/sms", content=NUMBER, headers=signed).status_code,
            http.post("/sms", content=urlencode(data), headers=form | {"Authorization": NUMBER}).status_code,
            http.post("/whatsapp", content=raw, headers=by_meta).status_code,
            http.post("/whatsapp", content=raw.replace(b"  ", b" "), headers=by_meta).status_code,
            http.get("/whatsapp", params=asked).status_code,
        ] == [200, 422, 401, 200, 401, 200]
    # each call has a span at the gateway and one in notify
    eventually(lambda: told() >= before + 10, "the spans of five calls")
    return b"".join(collector.bodies).decode(errors="replace")


def test_no_trace_of_a_webhook_has_a_number_or_a_secret(running: tuple[System, Collector]) -> None:
    assert leaks(call_webhooks(*running), (NUMBER, SECRET, BASIC)) == []


@long
def test_control_a_service_that_traces_what_vendors_send_is_found(
    running: tuple[System, Collector],
) -> None:
    system, collector = running
    with replaced(system, ["notify"], requests_in_spans) as leaking:
        leaking["notify"].wait_ready(60)
        written = call_webhooks(system, collector)
    assert leaks(written, (NUMBER,)) == [NUMBER]
