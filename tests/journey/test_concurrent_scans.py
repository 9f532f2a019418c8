"""A hundred scans of one pass in the same moment admit once, and a repeated scan gets the answer of the
first."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from contracts.rpc.verify.scans import ScanResult
from epass_client import calls
from tests.journey.concurrent_requests import send_at_once
from tests.support.chaos import sabotage
from tests.support.chaos.evidence import database
from tests.support.chaos.scenario import replaced
from tests.support.stack.extent import long
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, Applicant, Department, Officer, issued, scan
from tests.support.system.system import System

CROWD = 100


@pytest.fixture
def token(applicant: Applicant, department: Department) -> str:
    """The token of a pass for one person and one entry."""
    _, the_pass = issued(applicant, department, companions=[])
    return applicant.token(the_pass.number)


def scans(system: System, officer: Officer, token: str, nonces: list[str]) -> list[ScanResult]:
    """Scan once for each nonce, all in the same moment; return the results."""
    bodies = [scan(token=token, nonce=nonce, id_check=MATCHED) for nonce in nonces]
    answers = send_at_once(system, [(officer.client.token, calls.scan_pass(body)) for body in bodies])
    assert all(isinstance(answer, ScanResult) for answer in answers), answers
    return answers


def admissions(system: System, nonces: list[str]) -> int:
    with database(system.stack, "verify") as connection:
        rows = connection.execute("select verdict from scans where nonce = any(%s)", (nonces,)).fetchall()
    return Counter(verdict for (verdict,) in rows)["admit"]


def test_a_hundred_scans_of_one_pass_admit_once(system: System, officer: Officer, token: str) -> None:
    nonces = [str(uuid4()) for _ in range(CROWD)]
    verdicts = Counter(answer.verdict for answer in scans(system, officer, token, nonces))
    assert verdicts["admit"] == 1
    assert verdicts["already_inside"] + verdicts["already_used"] == CROWD - 1
    assert admissions(system, nonces) == 1


def test_a_hundred_scans_with_one_nonce_are_one_scan_with_one_answer(
    system: System, officer: Officer, token: str
) -> None:
    nonces = [str(uuid4())] * CROWD
    first, *others = scans(system, officer, token, nonces)
    assert first.verdict == "admit"
    assert all(other == first for other in others)
    assert admissions(system, nonces) == 1


@long
def test_without_the_lock_on_the_pass_more_would_be_admitted(
    system: System, officer: Officer, token: str
) -> None:
    """Negative control: held where they record their scans, several have seen the pass unused."""
    nonces = [str(uuid4()) for _ in range(5)]
    with replaced(system, ["verify"], sabotage.no_row_lock), database(system.stack, "verify") as holder:
        with holder.transaction():
            holder.execute("lock table scans in access exclusive mode")
            crowd = threading.Thread(target=scans, args=(system, officer, token, nonces))
            crowd.start()
            eventually(lambda: _waiting(system) > 1, "several have read the pass")
        crowd.join()
    assert admissions(system, nonces) > 1


def _waiting(system: System) -> int:
    with database(system.stack, "verify") as connection:
        query = "select count(*) from pg_locks where not granted and relation = 'scans'::regclass"
        ((count,),) = connection.execute(query).fetchall()
    return int(count)


@long
def test_without_the_nonce_a_repeat_would_be_another_scan(
    system: System, officer: Officer, token: str
) -> None:
    """Negative control."""
    nonces = [str(uuid4())] * 3
    with _nonces_not_recorded(system), replaced(system, ["verify"], sabotage.no_nonce):
        verdicts = Counter(answer.verdict for answer in scans(system, officer, token, nonces))
    assert verdicts == {"admit": 1, "already_inside": 2}


@contextmanager
def _nonces_not_recorded(system: System) -> Iterator[None]:
    """Let no nonce be recorded for the length of the block."""
    with database(system.stack, "verify") as connection:
        connection.execute("alter table scans disable trigger record_nonce")
        try:
            yield
        finally:
            connection.execute("alter table scans enable trigger record_nonce")
