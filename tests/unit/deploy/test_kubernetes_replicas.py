"""``deploy/kubernetes``: how many pods there are, where, and who decides about it."""

import json
import re
from collections.abc import Iterator

import pytest

from bench import sizes
from bench.scale_page import newest
from contracts.subscriptions import SERVICES, SUBSCRIPTIONS
from deploy.local.services import COMMANDS
from tests.support.stack.paths import ROOT
from tests.unit.deploy.kubernetes import (
    POD,
    Checks,
    Manifest,
    Manifests,
    build,
    changed,
    environment_of,
    labels_of,
    name_of,
    pod_of,
    removed,
    secret_values,
    selects,
    with_kustomize,
)

pytestmark = with_kustomize
checks = Checks()


@checks.finds(
    {
        "pods of another": changed(
            "Deployment", "verify-rpc", "spec.selector.matchLabels", {"process": "verify"}
        ),
        "no budget": removed("PodDisruptionBudget", "gateway"),
        "a budget for another": changed(
            "PodDisruptionBudget", "verify-rpc", "spec.selector.matchLabels.part", "events"
        ),
        "a node that cannot be drained": changed("PodDisruptionBudget", "gateway", "spec.maxUnavailable", 0),
    }
)
def every_deployment_selects_its_own_pods_and_has_a_budget_of_its_own(manifests: Manifests) -> Iterator[str]:
    budgets = {name_of(one): one["spec"] for one in manifests.of("PodDisruptionBudget")}
    deployments = manifests.processes()
    for one in deployments:
        chosen = [
            other for other in manifests.workloads() if selects(one["spec"]["selector"], labels_of(other))
        ]
        if chosen != [one]:
            yield f"{name_of(one)} selects {[name_of(other) for other in chosen]}"
        own = [name for name, spec in budgets.items() if selects(spec["selector"], labels_of(one))]
        if own != [f"PodDisruptionBudget {one['metadata']['name']}"]:
            yield f"{name_of(one)} is covered by {own}"
    if budgets.keys() != {f"PodDisruptionBudget {one['metadata']['name']}" for one in deployments} | {
        "PodDisruptionBudget broker"
    }:
        yield f"budgets {sorted(budgets)}"
    yield from (
        f"{name} lets no node be drained" for name, spec in budgets.items() if spec.get("maxUnavailable") != 1
    )


@checks.finds(
    {
        "not over zones": changed("Deployment", "relay", f"{POD}.topologySpreadConstraints.1", None),
        "held up by a zone that is dead": changed(
            "Deployment", "relay", f"{POD}.topologySpreadConstraints.1.nodeTaintsPolicy", None
        ),
        "with all others": changed(
            "Deployment", "relay", f"{POD}.topologySpreadConstraints.0.matchLabelKeys", ["pod-template-hash"]
        ),
    }
)
def the_pods_of_a_deployment_are_spread_over_nodes_and_zones(manifests: Manifests) -> Iterator[str]:
    for one in manifests.processes():
        spread = pod_of(one).get("topologySpreadConstraints", [])
        if [item["topologyKey"] for item in spread] != [
            "kubernetes.io/hostname",
            "topology.kubernetes.io/zone",
        ]:
            yield f"{name_of(one)} is not spread"
        if [item.get("nodeTaintsPolicy") for item in spread] != ["Honor"] * len(spread):
            yield f"{name_of(one)} waits for nodes that are gone"
        for item in spread:
            keys = set(item["matchLabelKeys"])
            same = {"matchLabels": {key: labels_of(one)[key] for key in keys & set(labels_of(one))}}
            chosen = [
                other
                for other in manifests.workloads()
                if selects(item["labelSelector"], labels_of(other)) and selects(same, labels_of(other))
            ]
            if chosen != [one] or "pod-template-hash" not in keys:
                yield f"{name_of(one)} is spread with {[name_of(other) for other in chosen]}"


@checks.finds(
    {
        "a scaler that `-l process=…` leaves out": changed(
            "ScaledObject", "notify-events", "metadata.labels", {}
        )
    }
)
def who_applies_one_process_applies_its_numbers_too(manifests: Manifests) -> Iterator[str]:
    for one in manifests.of("ScaledObject", "HorizontalPodAutoscaler"):
        target = manifests.one("Deployment", one["spec"]["scaleTargetRef"]["name"])
        if one["metadata"].get("labels", {}).get("process") != labels_of(target)["process"]:
            yield f"{name_of(one)} is not of the process of its target"


def scalers(manifests: Manifests) -> dict[str, Manifest]:
    return {
        one["spec"]["scaleTargetRef"]["name"]: one["spec"]
        for one in manifests.of("ScaledObject", "HorizontalPodAutoscaler")
    }


def replicas(manifests: Manifests) -> dict[str, tuple[int, int]]:
    """Return how few and how many pods each Deployment has."""
    found = {}
    for one in manifests.processes():
        name = one["metadata"]["name"]
        fixed = one["spec"].get("replicas", 1)
        scaler = scalers(manifests).get(name, {})
        few = scaler.get("minReplicaCount", scaler.get("minReplicas", fixed))
        many = scaler.get("maxReplicaCount", scaler.get("maxReplicas", fixed))
        found[name] = (few, many)
    return found


@checks.finds(
    {
        "one sender": changed("Deployment", "sender", "spec.replicas", 1),
        "two exporters": changed("Deployment", "exporter", "spec.replicas", 2),
        "a number and a scaler": changed("Deployment", "gateway", "spec.replicas", 2),
        "no scaler": removed("ScaledObject", "notify-events"),
    }
)
def every_deployment_has_two_replicas_at_least_and_one_who_decides_about_them(
    manifests: Manifests,
) -> Iterator[str]:
    for name, (few, many) in replicas(manifests).items():
        least = 1 if name == "exporter" else 2
        if not least <= few <= many or (name == "exporter" and many > 1):
            yield f"{name} has {few} to {many}"
        if name in scalers(manifests) and "replicas" in manifests.one("Deployment", name)["spec"]:
            yield f"{name} has a number of replicas and a scaler"
    expected = {*(f"{service}-events" for service in SUBSCRIPTIONS), "gateway"}
    if scalers(manifests).keys() != expected:
        yield f"scaled are {sorted(scalers(manifests))}"


@checks.finds(
    {
        "no address": changed(
            "TriggerAuthentication", "broker", "spec.secretTargetRef.0.key", "EPASS_BROKER_URL"
        )
    }
)
def keda_has_an_address_of_the_broker(manifests: Manifests) -> Iterator[str]:
    asks = manifests.one("TriggerAuthentication", "broker")["spec"]["secretTargetRef"]
    known = {one["parameter"]: secret_values().get(one["name"], {}).get(one["key"], "") for one in asks}
    if not known.get("host"):
        yield f"KEDA has no address of the broker: {asks}"


@checks.finds(
    {"too few": changed("Cluster", "database", "spec.postgresql.parameters.max_connections", "300")}
)
def the_database_server_takes_the_connections_of_all_processes(manifests: Manifests) -> Iterator[str]:
    """Each process may open its pool and two more; relay, exporter and sender need what is counted here."""
    others = {"relay": len(SERVICES), "exporter": 2 * len(SERVICES), "gateway": 0}
    needed = 3 * len(SERVICES)  # the administrator's commands and the Jobs
    for name, (_, many) in replicas(manifests).items():
        pool = environment_of(manifests.one("Deployment", name)).get("EPASS_DATABASE_POOL")
        each = others[name] if pool is None else int(pool) + 2 + (name == "sender")
        needed += each * (many + 1)  # one more while they are replaced
    allowed = int(manifests.one("Cluster", "database")["spec"]["postgresql"]["parameters"]["max_connections"])
    if allowed - 20 < needed:
        yield f"{needed} connections are needed, {allowed} are allowed, and the operator needs some"


test_each_overlay_keeps_what_the_check_demands, test_control_a_broken_copy_is_found = checks.tests()


@pytest.mark.parametrize(("overlay", "case"), [("small", sizes.CASES[0]), ("large", sizes.CASES[2])])
def test_an_overlay_has_the_replicas_that_the_page_about_scaling_counts(
    overlay: str, case: sizes.Case
) -> None:
    found = json.loads(newest().read_text())
    many = {name: most for name, (_, most) in replicas(build(overlay)).items()}
    too_few = {
        f"{name} has {most} at most": needed
        for name, most in many.items()
        if (process := name.removesuffix("-rpc").removesuffix("-events")) in sizes.PROCESSES
        and most < (needed := sizes.replicas(found, process, case.visits_per_s))
    }
    assert too_few == {}


@pytest.mark.parametrize(("overlay", "case"), [("small", sizes.CASES[0]), ("large", sizes.CASES[2])])
def test_the_disks_of_an_overlay_hold_a_year_of_what_the_page_about_scaling_counts(
    overlay: str, case: sizes.Case
) -> None:
    """With a fifth more: the write-ahead log, and time to order larger ones."""
    found, manifests = json.loads(newest().read_text()), build(overlay)
    database = manifests.one("Cluster", "database")["spec"]["storage"]["size"]
    broker = manifests.one("RabbitmqCluster", "broker")["spec"]["persistence"]["storage"]
    assert bytes_of(database) > 1.2 * sizes.database_bytes(found, case.visitors, 1)
    assert bytes_of(broker) > 1.2 * sizes.stream_bytes(found, case.visitors)


def bytes_of(size: str) -> int:
    assert size.endswith("Gi")
    return int(size.removesuffix("Gi")) << 30


def test_the_commands_of_an_upgrade_name_every_process_in_the_order_of_the_page_of_upgrading() -> None:
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    (loop,) = re.findall(r"^for process in (.+); do$", page, re.MULTILINE)
    named = loop.split()
    assert sorted(named) == sorted(set(COMMANDS) - {"exporter"})
    steps = (ROOT / "docs" / "upgrading.md").read_text(encoding="utf-8")
    order = re.findall(r"^2\. (.+?): who reads", steps, re.MULTILINE | re.DOTALL)[0]
    words = re.findall(r"[a-z]+", order.replace("and the", ""))
    assert named == [*words, "gateway", "relay"]
    labelled = {one["metadata"]["labels"].get("process") for one in build("small").processes()}
    assert set(named) < labelled


def test_the_commands_of_an_upgrade_bring_secrets_and_servers_before_jobs_and_those_before_processes() -> (
    None
):
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    _, recipe = page.split("An upgrade takes the order of", 1)
    commands = recipe.split("```sh\n", 1)[1].split("```", 1)[0]
    steps = (
        "deploy.kubernetes.secrets", "-l stage=servers", "condition=Ready clusters", "delete job",
        "-l stage=jobs\ndeploy/kubernetes/jobs", "-l process=$process", "apply -k $overlay\n",
    )  # fmt: skip
    places = [commands.find(step) for step in steps]
    assert -1 not in places
    assert places == sorted(places)
    assert "deploy.kubernetes.secrets ~/epass-secrets.json" in page.split(recipe)[0], "as at the installation"
    assert "statefulset/broker-server" in recipe, "the operator calls the nodes of `broker` so"
    build("small").one("RabbitmqCluster", "broker")
