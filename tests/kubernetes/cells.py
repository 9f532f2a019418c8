"""A second cell beside the first: each has its own data, and nothing of one reaches the other."""

import contextlib
import io
import json
import secrets
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx

from contracts.rpc.verify.scans import ScanPass
from deploy.local.access import WATCHED
from deploy.local.smoke_journey import INDIA, SmokeJourney
from epass_client import Client, Problem, calls
from tests.kubernetes import cluster, network
from tests.kubernetes.cluster import NAMESPACE, SECOND, Skipped, inside, pods
from tests.support.stack.running import eventually

CELLS = (NAMESPACE, SECOND)
SITE = {
    "name": "site",
    "behavior": "merge",
    "literals": [f"namespace={SECOND}", "host=localhost:8444", "backup-folder=none"],
}
OPEN = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: control}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{namespaceSelector: {}}]}]
  egress: [{to: [{namespaceSelector: {}}]}]
"""
"""The control: with it in both cells everything is open."""


class Journey(SmokeJourney):
    """A journey that keeps its pass."""

    def _enter(self, token: str) -> Client:
        self.pass_ = token
        return super()._enter(token)


class Cell:
    """One of the two, through a port of this machine."""

    def __init__(self, name: str, port: int, folder: Path) -> None:
        self._address = f"https://localhost:{port}"
        self._trust = ssl.create_default_context(cadata=cluster.secret("inside-ca", "ca.crt"))
        self._logins = folder / f"{name}-logins.json"
        self._logins.write_text(cluster.secret("demo", "logins.json"))
        self._name, login = name, json.loads(self._logins.read_text())["security"]
        self._gate = login["gate"]
        self._officer = Client(self._address, http=self._http()).sign_in(login["login_id"], login["password"])
        self.session = self._officer.token

    def _http(self) -> httpx.Client:
        return httpx.Client(timeout=20, trust_env=False, verify=self._trust)

    def applications(self) -> int:
        """Return how many are in its database."""
        query = ("psql", "-U", "postgres", "-Atc", "select count(*) from applications", "application")
        return int(cluster.kubectl("-n", self._name, "exec", "database-0", "--", *query))

    def journey(self) -> str:
        """Go through a journey, and return its pass."""
        journey = Journey(self._address, self._logins, self._http(), 30)
        with contextlib.redirect_stdout(io.StringIO()):
            journey.run()
        return journey.pass_

    def verdict(self, token: str, session: str) -> str:
        """Return what its gate says of a pass to an officer with a session, or the status of a refusal."""
        seen = datetime.now(INDIA)
        scan = ScanPass(token=token, gate=self._gate, nonce=secrets.token_hex(16), scanned_at=seen)
        try:
            return self._officer.with_token(session).send(calls.scan_pass(scan)).verdict
        except Problem as problem:
            return str(problem.status)


def check(overlay: Path, folder: Path) -> str:
    """Bring up the second cell by the commands of the page, try to cross, and take it away.

    Args:
        overlay: of the second cell.
        folder: for its secrets, and for the logins of both.
    """
    script = cluster.for_here(cluster.commands("### A trial on one node"), overlay, folder / f"{SECOND}.json")
    for first, second in (
        (f"-n {NAMESPACE} ", f"-n {SECOND} "),
        ("deploy/kubernetes/jobs", f"deploy/kubernetes/jobs {SECOND}"),
        (f"{SECOND}.json", f"{SECOND}.json {SECOND}"),
    ):
        assert first in script, first
        script = script.replace(first, second)
    try:
        cluster.run("bash", "-c", script)
        with _cell(NAMESPACE, folder) as first, _cell(SECOND, folder) as second:
            for own, other in ((first, second), (second, first)):
                _have_apart(own, other)
        return f"data, passes and sessions are apart; {_connections()}"
    finally:
        cluster.kubectl("delete", "namespace", SECOND, "--ignore-not-found")


@contextmanager
def _cell(name: str, folder: Path) -> Iterator[Cell]:
    with inside(name), cluster.forwarded("gateway", 443) as port:
        yield Cell(name, port, folder)


def _have_apart(own: Cell, other: Cell) -> None:
    """Go through a journey in one cell: the other has no data of it, nor knows its pass and session."""
    before = own.applications(), other.applications()
    token = own.journey()
    assert (own.applications(), other.applications()) == (before[0] + 1, before[1])
    answers = [cell.verdict(token, by.session) for cell, by in ((own, own), (other, other), (other, own))]
    assert answers == ["already_used", "422", "401"], answers


def _connections() -> str:
    """Try every address of a cell from the pods of the other one, and again with a policy that allows it."""
    closed = [*_tried(NAMESPACE, SECOND), *_tried(SECOND, NAMESPACE)]
    if all(is_open for *_, is_open in closed):
        raise Skipped("the network plugin enforces no NetworkPolicies: every address takes everybody")
    wrong = [f"{source} to {target}" for source, target, is_open in closed if is_open]
    assert not wrong, wrong
    for cell in CELLS:
        cluster.kubectl("-n", cell, "apply", "-f", "-", text=OPEN)
    eventually(lambda: all(is_open for *_, is_open in _tried(NAMESPACE, SECOND)), "the control is open", 60)
    for cell in CELLS:
        cluster.kubectl("-n", cell, "delete", "networkpolicy", "control")
    return f"{len(closed)} connections closed, and open where a policy lets them cross"


def _tried(own: str, other: str) -> list[tuple[str, str, bool]]:
    """Return which addresses of a cell each kind of pod of another one reaches."""
    ports = {"broker": 5671, "database-rw": 5432, "limits": 6380, "exporter": 9101, "gateway": 443}
    ports |= {"gateways" if name == "gateway" else name: 9100 for name in WATCHED}
    targets = [f"{name}.{other}.svc:{port}" for name, port in ports.items()]
    with inside(own), ThreadPoolExecutor(4) as pool:
        sources = {one["metadata"]["labels"]["process"]: one for one in pods("-l", "process")}
        found = pool.map(lambda pod: network.reached(pod, targets), sources.values())
        return [
            (f"{source} of {own}", target, is_open)
            for source, reached in zip(sources, found, strict=True)
            for target, is_open in reached.items()
        ]
