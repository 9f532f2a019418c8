"""The page of operations answers while half of the system is down, and says what it cannot know.

No Prometheus runs here: the page needs none.
"""

import signal
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from services.gateway.access.cookie_names import session_cookie
from tests.chaos.outage_table import BROKER, POSTGRES
from tests.chaos.outages import ANSWER_SECONDS, away
from tests.support.chaos.deployment import Deployment
from tests.support.stack.running import Process, eventually
from tests.support.system.actors import Staff

pytestmark = pytest.mark.outage
NO_SENDER = "No sender answers: whether a vendor is left alone"
Show = Callable[[], str]
BROKER_SILENT = "The broker has not answered since"
DATABASE_SILENT = "Databases that have not answered since"
EXPORTER_SILENT = "The exporter does not answer"


@pytest.fixture(scope="module")
def exporter(deployment: Deployment) -> Iterator[Process]:
    addresses = (f"{name}=http://127.0.0.1:{one.port}" for name, one in deployment.system.processes.items())
    process = deployment.system.process(
        "exporter", EPASS_OPS_INTERVAL="0.5", EPASS_OPS_PROCESSES=",".join(addresses)
    )
    yield process.start()
    process.kill()


@pytest.fixture
def show(deployment: Deployment, exporter: Process) -> Iterator[Show]:
    """Return a function that opens the page, which must answer in time, whatever is down."""
    system = deployment.system
    cookies = {session_cookie(system.url): Staff(system, "ops").client.token}
    with httpx.Client(base_url=system.url, cookies=cookies, timeout=10, trust_env=False) as http:

        def open_page() -> str:
            began = time.monotonic()
            answer = http.get("/en/ops")
            assert (answer.status_code, time.monotonic() - began < ANSWER_SECONDS) == (200, True)
            return answer.text

        eventually(lambda: silences(open_page()) == set(), "everything answers", 60)
        yield open_page
        eventually(lambda: silences(open_page()) == set(), "everything answers again", 90)


def silences(page: str) -> set[str]:
    """Return what the page says to be silent."""
    signs = (
        BROKER_SILENT,
        DATABASE_SILENT,
        EXPORTER_SILENT,
        "Without an answer",
        "is not ready",
        "answered yet",
    )
    return {sign for sign in signs if sign in page}


@pytest.mark.parametrize("way", ["killed", "stopped"])
def test_without_the_broker_queues_are_unknown_and_databases_are_seen(
    deployment: Deployment, show: Show, way: str
) -> None:
    with away(deployment.stack, deployment.system, BROKER, way):
        page = eventually(lambda: BROKER_SILENT in (shown := show()) and shown, "the broker is missed", 60)
        assert DATABASE_SILENT not in page
        assert "queues are empty" not in page
        assert "whether they balance is unknown" in eventually(
            lambda: "whether they balance" in (shown := show()) and shown, "the books are unknown", 60
        )


@pytest.mark.parametrize("way", ["killed", "stopped"])
def test_without_databases_their_numbers_are_unknown_and_queues_are_seen(
    deployment: Deployment, show: Show, way: str
) -> None:
    with away(deployment.stack, deployment.system, POSTGRES, way):
        page = eventually(lambda: DATABASE_SILENT in (shown := show()) and shown, "they are missed", 60)
        assert BROKER_SILENT not in page
        assert "queues are empty" in page


def test_processes_that_are_gone_or_hang_are_named(deployment: Deployment, show: Show) -> None:
    relay, verify = (deployment.system.processes[name] for name in ("relay", "verify"))
    relay.kill()
    verify.signal(signal.SIGSTOP)
    try:
        eventually(lambda: "Without an answer: verify, relay." in show(), "both are named", 30)
    finally:
        verify.signal(signal.SIGCONT)
        relay.start()


def test_while_notify_and_its_sender_are_down_what_waits_is_seen_and_vendors_are_unknown(
    deployment: Deployment, show: Show
) -> None:
    names = ("notify", "sender")
    for name in names:
        deployment.system.processes[name].kill()
    try:
        page = eventually(
            lambda: NO_SENDER in (shown := show()) and shown, "nobody knows how vendors are", 30
        )
        assert "One-time codes" in page
        assert "What waits to be sent" not in page
    finally:
        for name in names:
            deployment.system.processes[name].start()


def test_without_the_exporter_the_page_says_that_the_rest_is_unknown(show: Show, exporter: Process) -> None:
    exporter.kill()
    assert EXPORTER_SILENT in show()
    exporter.start()
