"""``make run``: whatever is killed begins again, people go on, and nothing is lost."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from contracts.rpc.application import ApplicationView
from epass_client import calls
from tests.chaos.local_run import PATIENCE, LocalRun, local_run
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, Applicant, Department, Officer


@pytest.fixture
def running(tmp_path: Path) -> Iterator[LocalRun]:
    with local_run(tmp_path / "local") as started:
        yield started


class Visits:
    """An applicant, a department and a gate who take one visit after another from the form to the gate.

    They use clients that repeat a call until it has an outcome, as the interface asks for.
    """

    def __init__(self, running: LocalRun) -> None:
        self.entered: list[str] = []
        self.failed: list[str] = []
        self.applicant = Applicant(running)  # type: ignore[arg-type]  # it has what an actor needs of a system
        self._department = Department(running)  # type: ignore[arg-type]
        self._officer = Officer(running)  # type: ignore[arg-type]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Visits":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self._visit()
        except Exception as error:  # noqa: BLE001  the test reports it
            self.failed.append(repr(error))

    def _visit(self) -> None:
        reference = self.applicant.apply()
        search = calls.search_reviews(reference)
        (review,) = eventually(
            lambda: self._department.send(search).items, f"{reference} at the desk", PATIENCE
        )
        slot = self.applicant.view(reference).preferred[0]
        self._department.send(calls.approve_review(review.id, slot))

        def issued() -> ApplicationView | None:
            view = self.applicant.view(reference)
            return view if view.pass_ else None

        view = eventually(issued, f"{reference} has a pass", PATIENCE)
        assert view.pass_ is not None
        token = self.applicant.token(view.pass_.number)
        verdict = eventually(lambda: self._known(token), f"the gate knows {reference}", PATIENCE)
        assert verdict == "admit"
        self.entered.append(reference)

    def _known(self, token: str) -> str | None:
        verdict = self._officer.scan(token=token, id_check=MATCHED).verdict
        return None if verdict == "unknown_pass" else verdict


def test_whatever_is_killed_begins_again_while_visits_go_on_and_nothing_is_lost(running: LocalRun) -> None:
    names = list(running.states())
    assert {"postgres", "broker", "accounts", "gateway", "relay"} <= set(names)
    with Visits(running) as visits:
        for name in names:
            pid = running.states()[name].pid
            assert pid is not None
            killed_at = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            eventually(
                lambda pid=pid, name=name: running.states()[name].pid not in {pid, None}, f"{name} runs", 40
            )
            eventually(lambda: running.status().returncode == 0, "everything is ready", 60)
            sys.stderr.write(f"\n{name}: all ready {time.monotonic() - killed_at:.1f} s after its kill")
        known = len(visits.entered)
        eventually(lambda: len(visits.entered) > known or visits.failed, "another visitor enters", PATIENCE)
    assert visits.failed == []
    eventually(
        lambda: {visits.applicant.view(one).status for one in visits.entered} == {"entered"}, "all entered"
    )
    invariants = running.epass("invariants", "--grace", "5")
    assert invariants.returncode == 0, invariants.stdout + invariants.stderr
    assert running.epass("dead-letters", "list").stdout == "no dead letters\n"
    terminal = running.terminal()
    for name in names:
        assert f"{name} ended by SIGKILL" in terminal
    table = running.status().stdout
    restarts = {line.split()[0]: line.split()[3] for line in table.splitlines()[1:]}
    # PostgreSQL does not begin while processes of the one before still end.
    assert int(restarts["postgres"]) >= 1, table
    others = {*names} - {"postgres"}
    assert {name: restarts[name] for name in others} == dict.fromkeys(others, "1"), table


def test_nothing_is_left_when_it_is_stopped(tmp_path: Path) -> None:
    with local_run(tmp_path / "local") as running:
        pids = [state.pid for state in running.states().values()]
        assert all(pids)
    assert not [pid for pid in pids if pid and psutil.pid_exists(pid)]
    assert running.status().returncode == 1
