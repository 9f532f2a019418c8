"""What is done to the pods while people work, and what became of the people's requests."""

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.kubernetes.cluster import NAMESPACE, Pod, here, is_ready, kubectl, pods
from tests.support.stack.running import eventually

HERE = Path(__file__).parent
PATIENCE = 300  # seconds within which a pod has to come back, or a journey to end
OURS = ("process", "app.kubernetes.io/name in (broker, limits)", "cnpg.io/cluster")
"""Processes first, servers last: what is drained, and nothing of others."""


class Work:
    """People in a pod of their own."""

    def start(self, image: str) -> str:
        """Start them with this image of e-Pass, and wait until the first of them is through."""
        here("create", "configmap", "people", f"--from-file={HERE / 'people.py'}")
        here("apply", "-f", "-", text=HERE.joinpath("people.yaml").read_text().replace("IMAGE", image))
        here("wait", "--timeout", "2m", "--for", "condition=Ready", "pod/people")
        eventually(lambda: ended(self._told()), "the first of them is through", PATIENCE)
        return "five requests and two scans a second, and journeys"

    def stop(self) -> str:
        """End their work; each scan that was answered is stored, and once."""
        told = self._told()
        here("delete", "--now", "-f", str(HERE / "people.yaml"))
        here("delete", "configmap", "people")
        query = "select count(*), count(distinct nonce) from scans where nonce like 'people-%'"
        found = here("exec", "database-0", "--", "psql", "-U", "postgres", "-At", "-c", query, "verify")
        stored, nonces = map(int, found.split("|"))
        assert stored == nonces >= told["scanned"], f"{told['scanned']} scans answered, {found} stored"
        return f"{told['asked']} requests, {told['journeys']} journeys, {told['scanned']} scans in all"

    def during(self, do: Callable[[], str], *, is_strict: bool) -> str:
        """Do something, wait for a journey that began after it, and say what became of people meanwhile."""
        before = self._told()
        said = do()
        begun = ended(self._told())
        eventually(lambda: ended(self._told()) >= begun + 2, "a journey has ended since", PATIENCE)
        last = self._told()
        failed, lost = (last[what][len(before[what]) :] for what in ("failed", "lost"))
        said += (
            f"; {last['asked'] - before['asked']} requests, {len(failed)} failed"
            f"; {last['journeys'] - before['journeys']} journeys, {len(lost)} lost"
            f"; {last['scanned'] - before['scanned']} scans"
        )
        assert not lost, f"{said}: {lost}"
        assert not (is_strict and failed), f"{said}: {failed[:5]}"
        return said

    def _told(self) -> dict[str, Any]:
        told = here("exec", "people", "--", "sh", "-c", "cat /tmp/told.json || true")
        return dict(json.loads(told or '{"asked": 0, "failed": [], "journeys": 0, "lost": [], "scanned": 0}'))


def ended(told: dict[str, Any]) -> int:
    """Return how many journeys have ended, well or not."""
    return int(told["journeys"]) + len(told["lost"])


def wait_replaced(gone: list[Pod], count: int) -> None:
    """Wait until as many pods are ready as before, none of them one of those that are gone."""
    ids = {one["metadata"]["uid"] for one in gone}

    def look() -> bool:
        return len([one for one in pods() if is_ready(one) and one["metadata"]["uid"] not in ids]) >= count

    eventually(look, f"{count} pods are ready", PATIENCE)


def replace_each() -> str:
    """Delete one pod after the other at once, and wait until another one is in its place."""
    before, longest = pods(), 0.0
    for pod in before:
        began = time.monotonic()
        here("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force", "--wait=false")
        wait_replaced([pod], len(before))
        longest = max(longest, time.monotonic() - began)
    return f"{len(before)} pods, each back within {longest:.1f} s"


def evict_all() -> str:
    """Evict all pods, as draining their node does: again and again where a budget refuses it."""
    before, refused = pods(), 0
    for name in [pod["metadata"]["name"] for pod in before]:
        asked = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": NAMESPACE},
        }
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/eviction"
        until = time.monotonic() + PATIENCE
        while True:
            try:
                here("create", "--raw", path, "-f", "-", text=json.dumps(asked))
                break
            except AssertionError as error:
                if "disruption budget" not in str(error) or time.monotonic() > until:
                    raise
                refused += 1
                time.sleep(1)
    wait_replaced(before, len(before))
    return f"{len(before)} pods, refused {refused} times"


def drain() -> str:
    """Drain the node that has most of the pods; once they are gone, it may have pods again."""
    before, began = pods(), time.monotonic()
    ((node, _),) = Counter(one["spec"]["nodeName"] for one in before).most_common(1)
    gone = [one for one in before if one["spec"]["nodeName"] == node]
    own = ("--delete-emptydir-data", "--ignore-daemonsets", "--timeout", "10m", "--pod-selector")
    try:
        for selector in OURS:
            kubectl("drain", node, *own, selector)
    finally:
        kubectl("uncordon", node)
    drained = time.monotonic() - began
    wait_replaced(gone, len(before))
    back = time.monotonic() - began - drained
    return f"{len(gone)} pods of one node gone in {drained:.0f} s, back in {back:.0f} s"


def restart_all() -> str:
    """Restart all Deployments together."""
    here("rollout", "restart", "deployment")
    here("rollout", "status", "--timeout", "15m", "deployment")
    return f"{len(pods('-l', 'process'))} pods"
