"""What `kustomize build` makes of ``deploy/kubernetes``, how Kubernetes reads it, and checks of it."""

import json
import shlex
import shutil
import subprocess
import tempfile
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deploy.kubernetes import secrets
from deploy.local.secrets import SecretStore
from services.chassis.runtime.health import Health
from services.chassis.runtime.settings import Section
from services.gateway.app import create_app
from services.gateway.settings import GatewaySettings
from services.ops.settings import (
    BrokerCommandSettings,
    DirectoryCommandSettings,
    InvariantsCommandSettings,
    LoginImportSettings,
    MigrationSettings,
)
from tests.support.stack.paths import ROOT
from tests.support.stack.running import free_port
from tests.support.stack.settings import PROCESSES, make_settings

KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("small", "large")
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
SETTINGS: dict[str, tuple[type[Section], ...]] = {
    **{process: (kind,) for process, kind in PROCESSES.items()},
    "administrator": (BrokerCommandSettings, InvariantsCommandSettings),
    "import-logins": (LoginImportSettings, DirectoryCommandSettings),
    "topology": (BrokerCommandSettings,),
    "migrate": (MigrationSettings,),
}
"""What each workload reads, by the label ``process`` of its pods."""
Manifest = dict[str, Any]
with_kustomize = pytest.mark.skipif(
    shutil.which("kustomize") is None, reason="Debian's package kustomize is not installed here"
)


class Manifests(list[Manifest]):
    """All objects of one overlay."""

    def of(self, *kinds: str) -> list[Manifest]:
        return [one for one in self if one["kind"] in kinds]

    def one(self, kind: str, name: str) -> Manifest:
        (found,) = [one for one in self.of(kind) if one["metadata"]["name"] == name]
        return found

    def processes(self) -> list[Manifest]:
        """Return the Deployments of e-Pass: all but the counters, which are a server."""
        return [one for one in self.of("Deployment") if "process" in one["metadata"]["labels"]]

    def workloads(self) -> list[Manifest]:
        """Return everything that has pods of e-Pass."""
        return [*self.processes(), *self.of("Job", "CronJob")]


@lru_cache
def _built(overlay: str) -> str:
    return build_folder(KUBERNETES / "overlays" / overlay)


def build_folder(folder: Path) -> str:
    """Return the objects that a folder describes, as JSON."""
    done = subprocess.run(
        ["kustomize", "build", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.dumps(list(yaml.load_all(done.stdout, yaml.CSafeLoader)))


def build(overlay: str) -> Manifests:
    """Return the objects of an overlay, as new ones that a test may change."""
    return Manifests(json.loads(_built(overlay)))


def name_of(manifest: Manifest) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def template_of(workload: Manifest) -> Manifest:
    """Return the template of a workload's pods."""
    spec = workload["spec"]
    found: Manifest = (spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec)["template"]
    return found


def pod_of(workload: Manifest) -> Manifest:
    found: Manifest = template_of(workload)["spec"]
    return found


def labels_of(workload: Manifest) -> dict[str, str]:
    """Return the labels of a workload's pods."""
    found: dict[str, str] = template_of(workload)["metadata"].get("labels", {})
    return found


def container_of(workload: Manifest) -> Manifest:
    (found,) = pod_of(workload)["containers"]
    return dict(found)


def commands_of(workload: Manifest) -> list[list[str]]:
    """Return the commands that a container runs one after the other."""
    command = container_of(workload)["command"]
    lines = command[2].split(" && ") if command[:2] == ["sh", "-c"] else [shlex.join(command)]
    return [shlex.split(line) for line in lines]


def environment_of(workload: Manifest) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container_of(workload).get("env", [])}


def secret_keys(workload: Manifest) -> dict[str, list[str] | None]:
    """Return the Secrets that a workload mounts, each with the keys that it takes; None means all."""
    return {
        volume["secret"].get("secretName", volume["secret"].get("name")): [
            item["key"] for item in volume["secret"]["items"]
        ]
        if "items" in volume["secret"]
        else None
        for volume in pod_of(workload).get("volumes", [])
        for volume in (volume, *volume.get("projected", {}).get("sources", []))
        if "secret" in volume
    }


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether a label selector selects these labels; an empty one selects everything."""
    holds = {
        "In": lambda one: labels.get(one["key"]) in one["values"],
        "NotIn": lambda one: labels.get(one["key"]) not in one["values"],
        "Exists": lambda one: one["key"] in labels,
        "DoesNotExist": lambda one: one["key"] not in labels,
    }
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        holds[one["operator"]](one) for one in selector.get("matchExpressions", [])
    )


Check = Callable[[Manifests], Iterator[str]]
Break = Callable[[Manifests], object]


class Checks:
    """Checks that yield what is wrong with an overlay, each with the faults that it must find."""

    def __init__(self) -> None:
        self._faults: dict[Check, dict[str, Break]] = {}

    def finds(self, faults: dict[str, Break]) -> Callable[[Check], Check]:
        """Register what follows as a check."""

        def register(check: Check) -> Check:
            self._faults[check] = faults
            return check

        return register

    def tests(self) -> tuple[Callable[..., None], Callable[..., None]]:
        """Return a test of each check in each overlay, and one of each fault, which the check has to find."""
        every = [pytest.param(check, id=check.__name__) for check in self._faults]
        faults = [
            pytest.param(check, fault, id=f"{what}: {check.__name__}")
            for check, faults in self._faults.items()
            for what, fault in faults.items()
        ]

        @pytest.mark.parametrize("overlay", OVERLAYS)
        @pytest.mark.parametrize("check", every)
        def keeps(check: Check, overlay: str) -> None:
            assert list(check(build(overlay))) == []

        @pytest.mark.parametrize(("check", "fault"), faults)
        def finds(check: Check, fault: Break) -> None:
            manifests = build("small")
            fault(manifests)
            assert next(check(manifests), None) is not None

        return keeps, finds


def removed(kind: str, name: str) -> Break:
    return lambda manifests: manifests.remove(manifests.one(kind, name))


def changed(kind: str, name: str, path: str, value: Any) -> Break:
    """Return what sets the value at a path, such as ``spec.listeners.https.hostname``; None removes it.

    In a list an item is found by its name or its place. ``~`` in a key is a full stop.
    """

    def change(manifests: Manifests) -> None:
        at: Any = manifests.one(kind, name)
        *way, last = path.split(".")
        for key in way:
            at = at[place(at, key)]
        last = place(at, last)
        if value is None:
            del at[last]
        else:
            at[last] = value

    return change


def place(at: Any, key: str) -> Any:
    if isinstance(at, dict):
        return key.replace("~", ".")
    return int(key) if key.isdigit() else [item["name"] for item in at].index(key)


POD = "spec.template.spec"
BOX = f"{POD}.containers.epass"


@lru_cache
def routes() -> dict[str, set[str]]:
    """Return the paths that answer, for the gateway and for every other process."""
    app = create_app(make_settings(GatewaySettings))
    port = free_port()
    server = Health().serve("127.0.0.1", port)
    assert server is not None
    probed = ("/healthz", "/readyz", "/metrics", "/no-such-page")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        served = {path for path in probed if client.get(path).status_code != 404}
    server.shutdown()
    server.server_close()
    return {"gateway": {getattr(route, "path", "") for route in app.routes}, "": served}


@lru_cache
def secret_values() -> dict[str, dict[str, str]]:
    """Return the content of every Secret, by its name."""
    with tempfile.TemporaryDirectory() as folder:
        return contents(secrets.manifests(SecretStore(Path(folder, "secrets.json")), {}))


def contents(made: Iterable[Manifest]) -> dict[str, dict[str, str]]:
    """Return what is in each Secret."""
    return {
        one["metadata"]["name"]: {key: b64decode(text).decode() for key, text in one["data"].items()}
        for one in made
    }


@dataclass(frozen=True)
class Peer:
    """One end of a connection: pods with these labels, or an address outside of the cluster."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    namespace: str = "epass"
    ports: Mapping[str, int] = field(default_factory=dict, hash=False)
    address: str = "10.1.2.3"


class Network:
    """The NetworkPolicies, as a network plugin applies them."""

    def __init__(self, policies: list[Manifest]) -> None:
        self._policies = policies
        self._applying = lru_cache(self._applies)

    def lets_out(self, source: Peer, target: Peer, port: int) -> bool:
        """Return whether the policies of the source allow a connection."""
        return self._passes("Egress", source, target, target, port)

    def lets_in(self, source: Peer, target: Peer, port: int) -> bool:
        """Return whether the policies of the target allow a connection."""
        return self._passes("Ingress", target, source, target, port)

    def _passes(self, direction: str, own: Peer, other: Peer, target: Peer, port: int) -> bool:
        specs, peers = self._applying(direction, own), {"Egress": "to", "Ingress": "from"}[direction]
        return not specs or any(
            _is_open(rule.get("ports"), target, port) and _is_among(rule.get(peers), other, own.namespace)
            for spec in specs
            for rule in spec.get(direction.lower(), [])
        )

    def _applies(self, direction: str, own: Peer) -> list[Manifest]:
        """Return what applies to a pod. Where nothing does, everything is allowed."""
        return [
            policy["spec"]
            for policy in self._policies
            if policy["metadata"]["namespace"] == own.namespace
            and direction in policy["spec"]["policyTypes"]
            and selects(policy["spec"]["podSelector"], own.labels)
        ]


def _is_among(peers: list[Manifest] | None, other: Peer, own_namespace: str) -> bool:
    return peers is None or any(_is_meant(peer, other, own_namespace) for peer in peers)


def _is_meant(peer: Manifest, other: Peer, own_namespace: str) -> bool:
    if "ipBlock" in peer:
        networks = [peer["ipBlock"]["cidr"], *peer["ipBlock"].get("except", [])]
        inside = [ip_address(other.address) in ip_network(one) for one in networks]
        return inside[0] and not any(inside[1:])
    if not other.namespace:
        return False
    if "namespaceSelector" in peer:
        in_namespace = selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": other.namespace})
    else:
        in_namespace = other.namespace == own_namespace
    return in_namespace and selects(peer.get("podSelector", {}), other.labels)


def _is_open(ports: list[Manifest] | None, target: Peer, port: int) -> bool:
    return ports is None or any(_covers(one, target, port) for one in ports)


def _covers(one: Manifest, target: Peer, port: int) -> bool:
    """Return whether a rule's port is this one. UDP, which only DNS uses, is not looked at."""
    first = target.ports.get(one["port"]) if isinstance(one["port"], str) else one["port"]
    is_tcp = one.get("protocol", "TCP") == "TCP"
    return first is not None and is_tcp and first <= port <= one.get("endPort", first)
