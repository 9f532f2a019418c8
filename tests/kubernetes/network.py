"""Who reaches whom, tried from the pods themselves, where the cluster's network plugin enforces policies."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from deploy.local.access import WATCHED
from tests.kubernetes.cluster import NAMESPACE, Pod, Skipped, here, pods

PROBE = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def opens(target):
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 3).close()
    except OSError:
        return False
    return True
with ThreadPoolExecutor(20) as pool:
    print(json.dumps(dict(zip(sys.argv[1:], pool.map(opens, sys.argv[1:])))))
"""
TARGETS = {
    f"broker.{NAMESPACE}.svc:5671": lambda labels: labels.get("broker") == "client",
    f"database-rw.{NAMESPACE}.svc:5432": lambda labels: labels.get("database") == "client",
    f"limits.{NAMESPACE}.svc:6380": lambda labels: labels["process"] == "gateway",
    "exporter:9101": lambda labels: labels["process"] == "gateway",
    **{
        f"{'gateways' if name == 'gateway' else name}:9100": lambda labels: labels["process"] == "exporter"
        for name in WATCHED
    },
    "gateway:443": lambda _labels: False,
}
"""Each address, and which pods may reach it. A process that asks itself does so within its pod."""


def check() -> str:
    """Try each address from a pod of each Deployment; return how many were tried."""
    sources = {one["metadata"]["labels"]["process"]: one for one in pods("-l", "process")}
    with ThreadPoolExecutor(4) as pool:
        found = dict(zip(sources, pool.map(reached, sources.values()), strict=True))
    if all(all(one.values()) for one in found.values()):
        raise Skipped("the network plugin enforces no NetworkPolicies: every address takes everybody")
    wrong = [
        f"{source} to {target} is {'open' if found[source][target] else 'refused'}"
        for source, pod in sources.items()
        for target, may in TARGETS.items()
        if not target.startswith((f"{source}:", f"{source}s:"))
        and found[source][target] is not may(pod["metadata"]["labels"])
    ]
    assert not wrong, wrong
    return f"{len(sources) * len(TARGETS)} connections tried"


def reached(pod: Pod, targets: Iterable[str] = TARGETS) -> dict[str, bool]:
    """Return which of the addresses take a connection from a pod."""
    return dict(json.loads(here("exec", pod["metadata"]["name"], "--", "python", "-c", PROBE, *targets)))
