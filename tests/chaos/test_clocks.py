"""The clock of one service is ten seconds off: it is noticed, and people are answered as ever."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from contracts.subscriptions import SERVICES
from epass_client import NoAnswer, Problem, calls
from tests.support.actors import Applicant, Department, Officer, Staff, issued
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.visits import EXPECTED, visit
from tests.support.running import Process, eventually
from tests.support.system import System

pytestmark = pytest.mark.outage
OFF = 10
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
SKEW = "epass_clock_skew_seconds"


@contextmanager
def off(system: System, name: str, seconds: int) -> Iterator[Process]:
    """Run a process with a wrong clock for the length of the block; what measures durations is right."""
    if LIBRARY is None:
        pytest.skip("libfaketime is not installed: deploy/local/bootstrap faketime")
    faked = {"LD_PRELOAD": str(LIBRARY), "FAKETIME": f"{seconds:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    own = system.processes[name]
    own.stop()
    process = system.processes[name] = system.process(name, "-clock", **faked)
    try:
        yield process.start()
    finally:
        process.kill()
        system.processes[name] = own.start()


@pytest.fixture(scope="module")
def asks(deployment: Deployment) -> dict[str, Callable[[], object]]:
    """A question to each service; it may be refused."""
    system = deployment.system
    ado, department, officer = Staff(system, "ado"), Department(system), Officer(system)
    applicant = Applicant(system, code_of=deployment.provider.wait_for_code)
    reference, summary = issued(applicant, department)
    token = applicant.token(summary.number)
    return {
        "accounts": lambda: ado.send(calls.list_logins()),
        "application": lambda: applicant.view(reference),
        "approval": lambda: department.send(calls.list_reviews("pending")),
        "issuance": lambda: applicant.token(summary.number),
        "notify": lambda: applicant.send(calls.resend_message("PCS-0000-0000")),
        "verify": lambda: officer.scan(token=token),
    }


def keep_asking_until(shown: Callable[[], bool], ask: Callable[[], object]) -> None:
    """Ask until a measurement is shown: it needs calls."""

    def look() -> bool:
        with suppress(Problem, NoAnswer):
            ask()
        return shown()

    eventually(look, "the skew is measured", 60)


@pytest.mark.parametrize("seconds", [OFF, -OFF], ids=["ahead", "behind"])
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_whose_clock_is_off_shows_by_how_much_and_answers(
    deployment: Deployment, asks: dict[str, Callable[[], object]], name: str, seconds: int
) -> None:
    with off(deployment.system, name, seconds) as process:
        keep_asking_until(lambda: abs(process.metric(SKEW) - seconds) < 1, asks[name])
        assert visit(deployment, deployment.system.processes["gateway"]) == EXPECTED
