"""The workloads of ``deploy/kubernetes`` as processes: their commands, settings and Secrets carry one visit.

A private broker and database server stand for those of the operators. Only the addresses of the two and the
ports are replaced, and messages go to the local phone instead of a vendor.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from deploy.kubernetes import secrets
from deploy.local.secrets import SecretStore
from deploy.local.smoke_journey import SmokeJourney
from tests.support.stack import forks
from tests.support.stack.backends import TestStack, start_stack
from tests.support.stack.extent import long
from tests.support.stack.running import Process, free_port
from tests.support.system.system import DEMO_LOGINS
from tests.unit.deploy.kubernetes import (
    PROBES,
    Manifest,
    build,
    commands_of,
    container_of,
    contents,
    environment_of,
    labels_of,
    secret_keys,
    with_kustomize,
)

pytestmark = with_kustomize


class Cluster:
    """The workloads of an overlay on one broker and one database server, as far as processes can be pods."""

    def __init__(self, stack: TestStack, overlay: str) -> None:
        self.manifests = build(overlay)
        self.folder = stack.folder / "cluster"
        self.folder.mkdir()
        self.port = free_port()
        self._addresses = {
            secrets.BROKER: urlsplit(stack.broker_url("relay")).netloc.rpartition("@")[2],
            secrets.DATABASE_SERVER: urlsplit(stack.database_url("relay")).netloc.rpartition("@")[2],
            "?sslmode=require": "",
        }
        store = SecretStore(stack.folder / "secrets.json")  # the two servers have their passwords from it
        self._secrets = contents(secrets.manifests(store, {}))
        self.processes = {one["metadata"]["name"]: self._process(one) for one in self.manifests.processes()}

    def run(self, workload: Manifest, *commands: list[str]) -> None:
        """Run commands of `epass` with the settings of a workload, by default its own; all must succeed."""
        for command in commands or commands_of(workload):
            done = forks.run(["-m", "services.ops.cli", *command[1:]], self._environment(workload))
            assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"

    def _environment(self, workload: Manifest) -> dict[str, str]:
        folder = self.folder / workload["metadata"]["name"]
        folder.mkdir(exist_ok=True)
        for name, keys in secret_keys(workload).items():
            for key in keys or self._secrets[name]:
                value = self._secrets[name][key]
                for address, own in self._addresses.items():
                    value = value.replace(address, own)
                (folder / key).write_text(value)
        return {
            "PATH": os.environ["PATH"],
            **environment_of(workload),
            "EPASS_SECRETS_DIR": str(folder),
            "EPASS_HEALTH_HOST": "127.0.0.1",
            "EPASS_GATEWAY_HOST": "127.0.0.1",
            "EPASS_OPS_HOST": "127.0.0.1",
            "EPASS_GATEWAY_PORT": str(self.port),
            "EPASS_LOCAL_MODE": "true",
        }

    def _process(self, workload: Manifest) -> Process:
        ((_, *arguments),) = commands_of(workload)
        process = Process(
            ["-m", "services.ops.cli", *arguments],
            self._environment(workload),
            self.folder / f"{workload['metadata']['name']}.log",
            inherit=False,
        )
        if labels_of(workload)["process"] == "gateway":
            process.port = self.port
        return process


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with start_stack(tmp_path_factory.mktemp("kubernetes"), empty=True) as stack:
        cluster = Cluster(stack, "small")
        try:
            yield cluster
        finally:
            for process in cluster.processes.values():
                process.kill()


@long
def test_jobs_prepare_and_deployments_carry_a_visit_from_the_code_to_the_way_out(
    cluster: Cluster, tmp_path: Path
) -> None:
    manifests, logins = cluster.manifests, tmp_path / "logins.json"
    for job in manifests.of("Job"):
        cluster.run(job)
    logins.write_text(json.dumps(DEMO_LOGINS))
    cluster.run(manifests.one("Deployment", "approval-rpc"), ["epass", "seed", "approval"])
    cluster.run(
        manifests.one("Deployment", "accounts-rpc"), ["epass", "seed", "accounts", "--logins", str(logins)]
    )
    table, initial_passwords = tmp_path / "logins.csv", tmp_path / "passwords.csv"
    table.write_text("role,name,department,site,gate\nado,Gurpreet Kaur,,,\n")
    cluster.run(
        manifests.one("CronJob", "import-logins"),
        ["epass", "import", "logins", str(table), "--apply", "--passwords", str(initial_passwords)],
    )
    assert "Gurpreet Kaur" in initial_passwords.read_text()
    for process in cluster.processes.values():
        process.start(ready=False)
    for process in cluster.processes.values():
        process.wait_ready(120)

    for name, process in cluster.processes.items():
        for kind in PROBES:
            path = container_of(manifests.one("Deployment", name))[kind]["httpGet"]["path"]
            asked = httpx.get(f"http://127.0.0.1:{process.port}{path}", timeout=5, trust_env=False)
            assert asked.status_code == 200, f"{name} {path}"
    SmokeJourney(f"http://127.0.0.1:{cluster.port}", logins).run()
    cluster.run(
        manifests.one("CronJob", "administrator"), ["epass", "topology", "check"], ["epass", "invariants"]
    )

    assert {name: process.stop(45) for name, process in cluster.processes.items()} == dict.fromkeys(
        cluster.processes, 0
    )
