"""What docs/install.md says of an installation at work: watching, scaling, upgrading, changing secrets."""

import json
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from deploy.local.errors import StackFailed
from tests.compose.installation import COMPOSE, CONTAINERS, PROCESSES, Installation
from tests.support.stack.paths import ROOT
from tests.support.stack.running import eventually


class Prometheus:
    """The one of an installation."""

    def __init__(self, system: Installation) -> None:
        self._url = f"{system.prometheus}/api/v1"

    def _get(self, path: str, **parameters: str) -> dict[str, Any]:
        answer = httpx.get(f"{self._url}/{path}", params=parameters, timeout=5, trust_env=False)
        found: dict[str, Any] = answer.raise_for_status().json()["data"]
        return found

    def targets(self) -> set[str] | None:
        """Return the addresses that it asks, once all of them answer."""
        try:
            found = self._get("targets")["activeTargets"]
        except httpx.HTTPError:
            return None  # it starts
        is_up = found and all(target["health"] == "up" for target in found)
        return {target["labels"]["instance"] for target in found} if is_up else None

    def instances(self, query: str) -> set[str]:
        """Return the addresses for which a query finds something."""
        return {one["metric"]["instance"] for one in self._get("query", query=query)["result"]}


def test_prometheus_sees_every_process(system: Installation) -> None:
    ports = {"gateway-1": 8080, "gateway-2": 8080}
    expected = {*(f"{name}:{ports.get(name, 9100)}" for name in PROCESSES), "rabbitmq:15692"}
    prometheus = Prometheus(system)
    eventually(lambda: prometheus.targets() == expected, "all targets are up", 60)


def test_a_file_that_has_changed_replaces_its_container_and_no_other_at_the_next_up(
    system: Installation,
) -> None:
    """`make secrets` notes what the files say; the trees of tests are not to be changed, so the note is."""
    before = {name: system.state(name)["StartedAt"] for name in CONTAINERS}
    note = system.secrets / "proxy.env"
    text = note.read_text()
    note.write_text("EPASS_FILES=changed\n")
    try:
        system.compose("up", "--detach", "--wait")
        after = {name: system.state(name)["StartedAt"] for name in CONTAINERS}
        assert {name for name in CONTAINERS if after[name] != before[name]} == {"proxy"}
    finally:
        note.write_text(text)
        system.compose("up", "--detach", "--wait")
    system.run_journey()


def test_a_second_verify_shares_the_work_and_prometheus_sees_both(
    system: Installation, tmp_path: Path
) -> None:
    before = {name: system.state(name)["StartedAt"] for name in CONTAINERS}
    system.run_as_documented("Scale one step")
    both = {f"{name}:9100" for name in system.names("verify")}
    assert len(both) == 2

    folder = shutil.copytree(ROOT / "deploy" / "compose" / "prometheus", tmp_path / "targets")
    targets, replicas = folder / "epass.json", ", ".join(f'"{one}"' for one in sorted(both))
    targets.write_text(targets.read_text().replace('"verify:9100"', replicas))
    system.set(EPASS_TARGETS=str(folder))
    try:
        system.compose("up", "--detach", "--no-deps", "--wait", "prometheus")
        prometheus = Prometheus(system)
        scanned = 'epass_rpc_seconds_count{service="verify",method="scan"} > 0'

        def both_have_scanned() -> bool:
            system.run_journey()
            return prometheus.targets() is not None and both <= prometheus.instances(scanned)

        eventually(both_have_scanned, "both have scanned", 120)
        others = [name for name in CONTAINERS if name not in {"verify", "prometheus"}]
        assert {name: system.state(name)["StartedAt"] for name in others} == {
            name: before[name] for name in others
        }
    finally:
        system.set(EPASS_TARGETS="")
        system.compose("up", "--detach", "--wait")
    assert len(system.names("verify")) == 1


@contextmanager
def journeys(system: Installation) -> Iterator[list[str]]:
    """Let people go through journeys, two at a time, who repeat what gets a 503; give what failed."""
    failed: list[str] = []
    gone: list[int] = []
    ended = threading.Event()

    def go() -> None:
        while not ended.is_set():
            try:
                system.run_journey(repeat_seconds=10)
            except StackFailed as error:
                failed.append(str(error))
            gone.append(1)

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield failed
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    print(f"{len(gone)} journeys during the upgrade, {len(failed)} failed")
    assert gone


def test_an_upgrade_as_documented_fails_nobody_who_repeats_a_request(system: Installation) -> None:
    """The next version is this one under another name: `make upgrade-test` has two that differ.

    It also allows no 503. Here Caddy gives some: before 2.11.2 it does not send a POST to the other gateway
    that was on its way to one that stops.
    """
    image = system.images()["verify"]
    following = image.rpartition(":")[0] + ":following"
    subprocess.run([COMPOSE[0], "tag", image, following], check=True, capture_output=True)
    system.set(EPASS_VERSION="following")
    try:
        with journeys(system) as failed:
            system.run_as_documented("Upgrade without a break")
        assert Counter(failed) == {}
        images = system.images()
        assert {images[name].rpartition(":")[2] for name in PROCESSES} == {"following"}
        assert all(len(system.names(name)) == 1 for name in CONTAINERS)
    finally:
        system.set(EPASS_VERSION="")


def test_a_secret_that_is_changed_as_documented_is_the_only_one_that_opens(system: Installation) -> None:
    file = system.secrets / "secrets.json"
    before = json.loads(file.read_text())
    changed = {name: f"changed-{uuid4()}" for name in ("broker verify", "database verify_app")}
    file.write_text(json.dumps(before | changed))
    system.make_secrets()
    system.compose("up", "--detach", "--wait", "--force-recreate")
    system.run_journey()

    def opens(secrets: dict[str, str]) -> tuple[bool, bool]:
        broker, database = secrets["broker verify"], secrets["database verify_app"]
        ask = ("exec", "-T", "-e", f"PGPASSWORD={database}", "postgres", "psql", "-h", "127.0.0.1")
        return (
            _done(system, "exec", "-T", "rabbitmq", "rabbitmqctl", "authenticate_user", "verify", broker),
            _done(system, *ask, "-U", "verify_app", "-d", "verify", "-c", "select 1"),
        )

    assert opens(changed) == (True, True)
    assert opens(before) == (False, False)


def _done(system: Installation, *command: str) -> bool:
    """Return whether a command of compose has succeeded."""
    try:
        system.compose(*command)
    except AssertionError:
        return False
    return True
