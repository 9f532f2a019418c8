"""Clocks that are set while their processes live: by seconds, an hour and a day, ahead and behind."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta

import jwt
import pytest

from contracts.model import IST
from contracts.subscriptions import SERVICES
from epass_client import NoAnswer, Problem, calls
from services.chassis.runtime.clock import now
from tests.chaos.clocks import LIBRARY, Clocks
from tests.chaos.faults import OFF, off
from tests.chaos.watched import meanwhile
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.evidence import database
from tests.support.stack.plain_http import asks as asks_machine
from tests.support.stack.running import Process, eventually
from tests.support.system.actors import MATCHED, Applicant, Department, Officer, Staff, issued, slot

pytestmark = pytest.mark.outage
HOUR, DAY = 3600, 86_400
CASES = [
    *((seconds, ()) for seconds in (HOUR, -HOUR, DAY, -DAY)),
    (HOUR, ("issuance",)),
    (-HOUR, ("issuance",)),
    (HOUR, ("verify",)),
    (HOUR, ("gateway",)),
    (DAY, ("application",)),
]
"""By how much which clocks are wrong; all of them where none is named."""
SIGNED_WITHIN = 15.0
"""A revocation is on a signed list within this time."""
OFTEN = 30.0
"""Jobs that run so often are waited for."""
SKEW = "epass_clock_skew_seconds"
_JOB = re.compile(r'^epass_job_(success_age|interval)_seconds\{job_name="([^"]+)"\} (\S+)$', re.MULTILINE)


@pytest.fixture(scope="module")
def clocks(deployment: Deployment) -> Iterator[Clocks]:
    """Run all processes with clocks that can be set."""
    if LIBRARY is None:
        pytest.skip("libfaketime is not installed: deploy/local/bootstrap faketime")
    processes = deployment.system.processes
    before = {name: process.environment for name, process in processes.items()}
    for process in processes.values():
        process.stop()
    clocks = Clocks(deployment.system.folder, processes)
    deployment.system.start()
    yield clocks
    for name, process in processes.items():
        process.stop()
        process.environment = before[name]
    deployment.system.start()


@pytest.fixture(scope="module")
def asks(clocks: Clocks, deployment: Deployment) -> dict[str, Callable[[], object]]:
    """A question to each service; it may be refused."""
    system = deployment.system
    ado, department, officer = Staff(system, "ado"), Department(system), Officer(system)
    applicant = Applicant(system, code_of=deployment.provider.wait_for_code)
    reference, summary = issued(applicant, department)
    token = applicant.token(summary.number)
    return {
        "accounts": lambda: ado.send(calls.list_logins()),
        "application": lambda: applicant.view(reference),
        "approval": lambda: department.send(calls.list_reviews(status="pending")),
        "issuance": lambda: applicant.token(summary.number),
        "notify": lambda: applicant.send(calls.resend_message("PCS-0000-0000")),
        "verify": lambda: officer.scan(token=token),
    }


def keep_asking_until(shown: Callable[[], bool], ask: Callable[[], object]) -> None:
    """Ask until a measurement is shown: it needs calls, and those of the last minute to be of that clock."""

    def look() -> bool:
        with suppress(Problem, NoAnswer):
            ask()
        return shown()

    eventually(look, "the skew is measured", 120)


@pytest.mark.parametrize("seconds", [OFF, -OFF], ids=["ahead", "behind"])
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_whose_clock_is_off_shows_by_how_much_and_answers(
    deployment: Deployment,
    clocks: Clocks,
    asks: dict[str, Callable[[], object]],
    name: str,
    seconds: int,
) -> None:
    process = deployment.system.processes[name]
    with off(clocks, seconds, name):
        keep_asking_until(lambda: abs(process.metric(SKEW) - seconds) < 1, asks[name])
        assert visit(deployment) == EXPECTED


EXPECTED = ["admit", "already_inside", "exit"]
"""The verdicts of a visit at its gate."""


def visit(deployment: Deployment) -> list[str]:
    """Go from the application to the exit; return the verdicts at the gate, which are `EXPECTED`.

    Raises:
        Problem: a call failed. None is repeated.
    """
    system = deployment.system
    applicant = Applicant(system, code_of=deployment.provider.wait_for_code)
    department, officer = Department(system), Officer(system)
    reference, other = applicant.apply(), applicant.apply()
    applicant.send(calls.cancel_application(other))
    assert applicant.view(other).status == "cancelled"
    department.approve(reference)
    token = applicant.token(applicant.wait_for_pass(reference).number)
    verdicts = [officer.scan(token=token, id_check=MATCHED).verdict for _ in range(2)]
    return [*verdicts, officer.scan(token=token, direction="exit").verdict]


class Waiting:
    """People who wait while a clock is wrong, and what they must find afterwards."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._applicant = Applicant(deployment.system, code_of=deployment.provider.wait_for_code)
        department, self._officer = Department(deployment.system), Officer(deployment.system)
        self._undecided = [self._applicant.apply(preferred=[slot(days)]) for days in (0, 1)]
        _, self._inside = issued(self._applicant, department)
        assert self._scan("entry") == "admit"

    def _scan(self, direction: str) -> str:
        token = self._applicant.token(self._inside.number)
        return self._officer.scan(token=token, direction=direction, id_check=MATCHED).verdict

    def try_everything(self) -> None:
        """Go through a visit, which may fail at any step."""
        with suppress(Exception):
            visit(self._deployment)

    def check(self) -> None:
        """Check that nobody's application has expired, and that who was inside still is."""
        for reference in self._undecided:
            view = self._applicant.view(reference)
            assert (view.status, view.applicant.name) == ("submitted", "ਗੁਰਪ੍ਰੀਤ ਕੌਰ")
        assert self._scan("exit") == "exit"


def late_jobs(process: Process, since: float) -> list[str]:
    """Return the frequent jobs of a process that have not succeeded since an instant, by ``monotonic``."""
    found = _JOB.findall(asks_machine.get(f"http://127.0.0.1:{process.port}/metrics").text)
    of = {(what, name): float(value) for what, name, value in found}
    passed = time.monotonic() - since
    return [
        name
        for what, name in of
        if what == "interval" and of[what, name] <= OFTEN and of["success_age", name] > passed
    ]


def visits_work(deployment: Deployment) -> bool:
    with suppress(Problem, NoAnswer, AssertionError):
        return visit(deployment) == EXPECTED
    return False


@pytest.mark.parametrize(("seconds", "names"), CASES, ids=str)
def test_after_a_clock_was_wrong_everything_works_and_nothing_is_gone(
    deployment: Deployment, clocks: Clocks, seconds: int, names: tuple[str, ...]
) -> None:
    waiting = Waiting(deployment)
    processes = deployment.system.processes
    with off(clocks, seconds, *names), meanwhile(waiting.try_everything):
        time.sleep(65 if seconds == DAY else 20)  # for so long each job that may destroy something is tempted
    right, since = time.time(), time.monotonic()

    def signed() -> bool:
        answer = deployment.system.http().get("/.well-known/pass-status")
        if answer.status_code != 200:
            return False
        signed_at = jwt.decode(answer.text, options={"verify_signature": False})["iat"]
        return right - 1 <= signed_at <= time.time() + 1

    eventually(signed, "a status list is signed", SIGNED_WITHIN)
    eventually(lambda: visits_work(deployment), "a visit", 60)
    for process in processes.values():
        eventually(lambda one=process: not late_jobs(one, since), "its jobs have run", 3 * OFTEN)
    waiting.check()


NEARER = """update passes set issued_at = now() - interval '13 hours', remind_at = now()
where reference = any(%s)"""
"""Whoever got their pass just now is not reminded of it."""
REMINDED = """select reference from messages join applications on application_id = applications.id
where purpose = 'visit_reminder' and reference = any(%s)"""


def test_a_clock_that_jumps_reminds_nobody_early_or_twice_and_loses_no_reminder(
    deployment: Deployment, clocks: Clocks
) -> None:
    applicant = Applicant(deployment.system, code_of=deployment.provider.wait_for_code)
    department = Department(deployment.system)

    def visit_in(minutes: int) -> str:
        start = now().astimezone(IST) + timedelta(minutes=minutes)
        hours = {"date": start.date().isoformat(), "from": f"{start:%H:%M}", "to": "23:59"}
        return issued(applicant, department, decision=hours)[0]

    near, later = visit_in(120), visit_in(150)
    with database(deployment.stack, "issuance") as connection:
        assert connection.execute(NEARER, ([near, later],)).rowcount == 2

    def reminded() -> list[str]:
        with database(deployment.stack, "notify") as connection:
            return [one for (one,) in connection.execute(REMINDED, ([near, later],)).fetchall()]

    for seconds in (HOUR, -HOUR):
        with off(clocks, seconds, "issuance"):
            time.sleep(65)  # the job looks once a minute
            assert later not in reminded()
    eventually(lambda: near in reminded(), "who comes soon is reminded", 3 * OFTEN)
    assert reminded() == [near]
