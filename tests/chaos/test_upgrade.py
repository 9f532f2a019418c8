"""An upgrade from the previous release, and back: people go on, no request fails, nothing is a dead letter.

The previous release comes from git and runs in the environment of this one.
"""

import json
import os
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

import psycopg
import pytest

from contracts import event_samples
from contracts.events import ALL
from contracts.subscriptions import RPC_EXCHANGE, SERVICES
from deploy.local.access import MIGRATE
from deploy.local.permissions import PERMISSIONS, VHOST, Permission
from tests.chaos.replicas import people_at_work, restart, two_of_each
from tests.support.chaos import sabotage
from tests.support.chaos.crowd import findings
from tests.support.chaos.deployment import Deployment, settings_for
from tests.support.chaos.evidence import collect
from tests.support.chaos.promises import Promises
from tests.support.chaos.provider import Provider
from tests.support.chaos.scenario import Scenario, mobile_ending_in, replaced
from tests.support.stack.backends import TestStack, start_stack
from tests.support.stack.running import eventually
from tests.support.system.actors import Department
from tests.support.system.system import System

pytestmark = pytest.mark.outage
ROOT = Path(__file__).parents[2]
CODE = ("services", "contracts", "deploy")
"""What runs. A release in which nothing of it differs would prove nothing."""
FIRST = (0, 18, 0)
"""The first release that can be upgraded. `epass migrate` refuses the database of an earlier one."""
WITH_A_WAY_BACK = (0, 26, 0)
"""The first release whose jobs leave the database of a later one as it is. Those before refuse it."""
ORDER = ("verify", "notify", "sender", "application", "issuance", "approval", "accounts", "gateway", "relay")
"""Who reads an event comes before who writes it, as docs/upgrading.md has it. The way back is the reverse."""


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, check=True, timeout=60).stdout


def version_in(folder: Path) -> tuple[int, ...]:
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return tuple(int(part) for part in project["version"].split("."))


@pytest.fixture(scope="module")
def previous_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of the last release that can be upgraded and whose code differs from the present one."""
    try:
        releases = git("log", "--format=%H", "-G^version = ", "HEAD", "--", "pyproject.toml").decode().split()
        found = next((one for one in releases if git("diff", "--name-only", one, "--", *CODE)), None)
    except (OSError, subprocess.CalledProcessError):
        found = None
    if found is None:
        pytest.skip("this clone has no history, so the previous release is not here")
    print("the previous release:", git("show", "--no-patch", "--format=%h %s", found).decode())
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=BytesIO(git("archive", found))) as archive:
        archive.extractall(folder, filter="data")
    if version_in(folder) < FIRST:
        pytest.skip("there is nothing to upgrade from yet: 0.18.0 is the first release that can be upgraded")
    return folder


class Before(System):
    """The previous release at work."""

    def grant(self) -> None:
        """Grant what this code grants: that of the present release names tables that are not there yet."""
        if self.code is None:
            super().grant()
            return
        for service in SERVICES:
            self.epass(f"{MIGRATE}{service}", "grants", service, "--apply")


def rights_of(code: Path) -> dict[str, Permission]:
    """Return the rights on the broker that a release names, where they differ from the present ones."""
    dump = "print(json.dumps({name: one._asdict() for name, one in PERMISSIONS.items()}))"
    command = [sys.executable, "-c", f"import json; from deploy.local.permissions import PERMISSIONS; {dump}"]
    environment = {**os.environ, "PYTHONPATH": str(code)}
    found = subprocess.run(command, cwd=code, env=environment, capture_output=True, check=True, timeout=60)
    rights = {name: Permission(**one) for name, one in json.loads(found.stdout).items()}
    return {name: one for name, one in rights.items() if one != PERMISSIONS[name]}


def give(stack: TestStack, rights: Mapping[str, Permission]) -> None:
    """Give users of the broker these rights, as loading definitions does."""
    for name, one in rights.items():
        stack.broker_ctl("set_permissions", "-p", VHOST, name, one.configure, one.write, one.read)
        keys = (one.rpc_keys, one.rpc_bindings)
        stack.broker_ctl("set_topic_permissions", "-p", VHOST, name, RPC_EXCHANGE, *keys)


def reasons_of_failed_messages(stack: TestStack) -> set[str]:
    """Return why messages failed, whichever release's sender tried them."""
    url = stack.database_url("notify").replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url) as connection:
        found = connection.execute("select distinct reason from messages where state = 'failed'")
        return {str(reason) for (reason,) in found}


@pytest.fixture
def deployment(previous_release: Path, tmp_path: Path) -> Iterator[Deployment]:
    """The previous release, at work."""
    (tmp_path / "stack").mkdir()
    with start_stack(tmp_path / "stack", empty=True) as stack, Provider(tmp_path) as provider:
        give(stack, rights_of(previous_release))
        with Before(stack, previous_release, **settings_for(provider)) as system:
            yield Deployment(stack, system, provider)


def prepare(system: Before) -> None:
    """Run the jobs of a release, which come before its processes."""
    system.epass("administrator", "topology", "apply")
    for service in SERVICES:
        system.epass(f"{MIGRATE}{service}", "migrate", service)
    system.grant()


def test_an_upgrade_from_the_previous_release_and_the_way_back_fail_no_request_and_leave_no_dead_letter(
    deployment: Deployment, previous_release: Path
) -> None:
    promises, system = Promises(), deployment.system
    assert isinstance(system, Before)
    with two_of_each(system) as pairs, people_at_work(deployment, pairs, promises) as gateways:
        for code, order in ((None, ORDER), (previous_release, ORDER[::-1])):
            system.code = code
            if code is None:
                give(deployment.stack, PERMISSIONS)  # the relay of before goes on under the rights of now
            if code is None or version_in(code) >= WITH_A_WAY_BACK:
                prepare(system)
            for name in order:
                for process in pairs[name]:
                    decided = len(promises.decided)
                    process.code = code
                    restart(process)
                    eventually(lambda before=decided: len(promises.decided) > before, "people are at work")
            print(f"{gateways.asked} requests, {len(promises.mobiles)} applications")
    assert gateways.failed == []
    assert not promises.unanswered
    assert findings(deployment, promises).problems() == {}
    assert reasons_of_failed_messages(deployment.stack) == set()
    assert system.try_epass("administrator", "invariants", "--grace", "10").returncode == 0


READER = """
import json, sys
from contracts.envelope import PersonalKeyRing, open_envelope, read_envelope
from contracts.events import BY_NAME

unreadable = {}
for name, text in json.load(sys.stdin).items():
    if json.loads(text)["type"] in BY_NAME:
        try:
            open_envelope(read_envelope(text.encode()), PersonalKeyRing([sys.argv[1]]))
        except Exception as error:
            unreadable[name] = f"{type(error).__name__}: {error}"
print(json.dumps(unreadable))
"""
"""What the previous release runs. A type that it does not know reaches no queue of its consumers."""


def unreadable_for(code: Path, events: Mapping[str, str]) -> dict[str, str]:
    """Return the events that the contracts of another release do not read, each with its error."""
    done = subprocess.run(
        [sys.executable, "-c", READER, event_samples.KEY],
        cwd=code, env={**os.environ, "PYTHONPATH": str(code)}, input=json.dumps(events),
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_the_previous_release_reads_the_events_of_this_one(previous_release: Path) -> None:
    written = {event.__name__: event_samples.envelope_of(event).to_bytes().decode() for event in ALL}
    assert unreadable_for(previous_release, written) == {}
    damaged = json.loads(written["PassIssued"])
    damaged["data"].pop("pass_number")
    assert unreadable_for(previous_release, {"control": json.dumps(damaged)}).keys() == {"control"}


def test_control_without_a_step_from_the_version_before_its_events_are_dead_letters(
    deployment: Deployment,
) -> None:
    system = deployment.system
    system.code = None
    system.epass("administrator", "topology", "apply")
    system.epass(f"{MIGRATE}verify", "migrate", "verify")
    system.epass(f"{MIGRATE}verify", "grants", "verify", "--apply")
    with replaced(system, ["verify"], sabotage.no_upgrade_step):
        scenario = Scenario(
            deployment.stack, system, deployment.provider, Department(system), mobile_ending_in(2)
        )
        scenario.issued(scenario.apply())
        eventually(
            lambda: "verify.PassIssued.dead" in collect(deployment.stack, set()).dead, "a dead letter", 60
        )
