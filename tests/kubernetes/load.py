"""`python -m tests.kubernetes.load PROMETHEUS`: visits of `bench.scale` on 1, 2 and 4 gateways and verify.

It takes the trial that runs in the cluster that `kubectl` means, and a Prometheus at that address, which
scrapes the processes as their ServiceMonitor says: under the labels `process` and `part`. Each row has what
became of the visits, and what the autoscalers of an installation would have made of the same figures.

LOAD (`300 2 10`) is how many visits, how many of them begin in a second, and how many scans there are in one.
"""

import json
import os
import sys
import time
from typing import Any

import httpx
import yaml

from deploy.kubernetes.autoscaling import WAITING
from tests.kubernetes import cluster
from tests.kubernetes.cluster import here
from tests.kubernetes.work import HERE
from tests.support.stack.paths import ROOT

LOAD = os.environ.get("LOAD", "300 2 10").split()
SCALED = ("gateway", "verify-rpc", "verify-events")
REPLICAS = (1, 2, 4)
BUSY = 0.25 * 0.6
"""Processors of each gateway at which there is one more: what `overlays/small` requests, and its target."""
CPU = "sum(rate(process_cpu_seconds_total{{{}}}[30s]))"
QUEUES = "max(epass_queue_messages{queue=~'verify[.].*'})"
HEADS = (
    "replicas of each", "visits/s", "message p50, p99 (ms)", "scans/s", "scan p50, p99 (ms)", "refused",
    "processors of gateways, verify, all", "gateways by CPU", "longest queue of verify",
    "verify-events by KEDA",
)  # fmt: skip


def pod(number: int, image: str) -> str:
    """Return the people's pod and policies, for visits."""
    policy, to_gateway, people = yaml.safe_load_all(HERE.joinpath("people.yaml").read_text())
    people["metadata"]["name"] = "visits"
    (container,) = people["spec"]["containers"]
    container["image"], container["workingDir"] = image, "/people"
    arguments = ["https://gateway.epass.svc", "/run/secrets/demo/logins.json", str(number), *LOAD]
    container["command"] = ["python", "-m", "bench.cluster_visits", *arguments]
    container["env"] = [{"name": "SSL_CERT_FILE", "value": "/run/tls/authorities/ca.crt"}]
    container["volumeMounts"][0]["mountPath"] = "/people/bench"
    people["spec"]["restartPolicy"] = "Never"
    people["spec"]["volumes"][0]["configMap"]["name"] = "visits"
    return yaml.safe_dump_all([policy, to_gateway, people])


def asked(prometheus: str, query: str, at: float) -> float:
    """Return the one value of a query."""
    answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": query, "time": at}, trust_env=False)
    found = answer.raise_for_status().json()["data"]["result"]
    return float(found[0]["value"][1]) if found else float("nan")


def row(replicas: int, told: dict[str, Any], prometheus: str) -> list[str]:
    """Return what the visits and Prometheus say, once it has scraped the end."""
    time.sleep(15)
    span = f"[{told['ended'] - told['began']:.0f}s:5s]"

    def most(query: str) -> float:
        return asked(prometheus, f"max_over_time(({query}){span})", told["ended"])

    used = {name: most(CPU.format(f"process={name!r}")) for name in ("gateway", "verify")}
    queue = most(QUEUES)
    return [
        str(replicas),
        f"{told['visits_per_s']:.1f}",
        "{:.0f}, {:.0f}".format(*told["approve_to_message_ms"]),
        f"{told['scans_per_s']:.1f}",
        "{:.0f}, {:.0f}".format(*told["scan_ms"]),
        str(sum(told["refused"].values())),
        f"{used['gateway']:.2f}, {used['verify']:.2f}, {most(CPU.format('')):.2f}",
        f"{max(-(-used['gateway'] // BUSY), 1):.0f}",
        f"{queue:.0f}",
        f"{max(-(-queue // WAITING), 1):.0f}",
    ]


def main(prometheus: str) -> None:
    """Scale, let people visit, and print a table."""
    names = ("__init__", "journeys", "load", "cluster_visits")
    files = [f"--from-file={ROOT / 'bench' / name}.py" for name in names]
    here("create", "configmap", "visits", *files)
    (gateway, *_) = cluster.pods("-l", "process=gateway")
    image = gateway["spec"]["containers"][0]["image"]
    print(f"| {' | '.join(HEADS)} |\n|{'--:|' * len(HEADS)}")
    for replicas in REPLICAS:
        here("scale", "deployment", *SCALED, f"--replicas={replicas}")
        here("rollout", "status", "--timeout", "10m", "deployment")
        text = pod(int(time.time()) % 1000, image)
        here("apply", "-f", "-", text=text)
        here("wait", "--timeout", "20m", "--for", "jsonpath={.status.phase}=Succeeded", "pod/visits")
        told = json.loads(here("logs", "visits"))
        here("delete", "-f", "-", text=text)
        print(f"| {' | '.join(row(replicas, told, prometheus))} |", flush=True)
    here("scale", "deployment", *SCALED, "--replicas=1")
    here("delete", "configmap", "visits")


if __name__ == "__main__":
    main(sys.argv[1])
