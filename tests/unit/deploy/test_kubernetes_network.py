"""``deploy/kubernetes``: who may talk to whom, and nobody else to nobody else.

Every pair of pods, other namespaces and addresses is tried on every port against the NetworkPolicies. What is
allowed is derived from the settings: who reads the address of the broker needs the broker, and so on.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from tests.unit.deploy.kubernetes import (
    BOX,
    KUBERNETES,
    SETTINGS,
    Checks,
    Manifests,
    Network,
    Peer,
    build,
    build_folder,
    changed,
    environment_of,
    labels_of,
    name_of,
    removed,
    with_kustomize,
)
from tests.unit.deploy.peers import (
    AMQP,
    BETWEEN_BROKERS,
    BROKER,
    CERTIFICATES,
    COUNTERS,
    DATABASE,
    DNS,
    DNS_BESIDE,
    DNS_OF_THE_NODE,
    KEDA,
    KUBERNETES_API,
    OPERATOR,
    OTHERS,
    PAGES,
    PORTS,
    POSTGRESQL,
    PROMETHEUS,
    STRANGER,
    SUBMISSION,
    VALKEY,
    VENDOR,
    WATCHED,
    WAY_IN,
    processes,
)

pytestmark = with_kustomize
checks = Checks()


def expected(own: list[Peer]) -> Iterator[tuple[str, str, int]]:
    """Yield who may connect to whom, on which port."""
    here = (*own, BROKER, DATABASE, COUNTERS, CERTIFICATES, STRANGER)
    yield from ((one.name, dns.name, 53) for one in here for dns in (DNS, DNS_OF_THE_NODE, DNS_BESIDE))
    for one in own:
        fields = {name for kind in SETTINGS[one.labels["process"]] for name in kind.model_fields}
        if "broker_urls" in fields:
            yield one.name, BROKER.name, AMQP
        if fields & {"database_url", "relay_database_urls", "ops_database_urls"}:
            yield one.name, DATABASE.name, POSTGRESQL
        if "limits_store" in fields:
            yield one.name, COUNTERS.name, VALKEY
        if "smtp_password" in fields:
            yield from ((one.name, VENDOR.name, port) for port in (443, *SUBMISSION))
        if one.ports:
            yield PROMETHEUS.name, one.name, WATCHED
        if "ops_processes" in fields:
            yield from ((one.name, other.name, WATCHED) for other in own if other.ports)
        if "ops_url" in fields:
            yield from ((one.name, other.name, other.ports["ops"]) for other in own if "ops" in other.ports)
        if one.name == "gateway":
            yield WAY_IN.name, one.name, PAGES
    yield from ((BROKER.name, BROKER.name, port) for port in (*BETWEEN_BROKERS, 6379, VALKEY))  # 6000 to 6500
    yield from ((DATABASE.name, DATABASE.name, port) for port in (POSTGRESQL, 8000))
    yield from ((OPERATOR.name, DATABASE.name, port) for port in (POSTGRESQL, 8000))
    yield KEDA.name, BROKER.name, AMQP
    yield PROMETHEUS.name, BROKER.name, 15691
    yield PROMETHEUS.name, DATABASE.name, 9187
    yield WAY_IN.name, CERTIFICATES.name, 8089
    # The two servers ask the API of Kubernetes, whose address nobody knows beforehand.
    for server in (BROKER, DATABASE):
        for anywhere in OTHERS:
            if anywhere not in here:
                yield from ((server.name, anywhere.name, port) for port in KUBERNETES_API)


@checks.finds(
    {
        "a gateway that reaches databases": changed(
            "Deployment", "gateway", "spec.template.metadata.labels.database", "client"
        ),
        "a relay that does not": changed(
            "Deployment", "relay", "spec.template.metadata.labels.database", None
        ),
        "a job without the broker": changed("Job", "topology", "spec.template.metadata.labels.broker", None),
        "everybody": removed("NetworkPolicy", "nobody"),
        "no names": removed("NetworkPolicy", "to-dns"),
        "no names where each node keeps them": changed("NetworkPolicy", "to-dns", "spec.egress.0.to.1", None),
        "no figures": removed("NetworkPolicy", "processes"),
        "a gateway for every namespace": changed("NetworkPolicy", "gateway", "spec.ingress.0.from", None),
        "a broker for strangers": changed("NetworkPolicy", "broker", "spec.ingress.0.from.0.podSelector", {}),
        "a broker without KEDA": changed("NetworkPolicy", "broker", "spec.ingress.0.from.1", None),
        "a database on another port": changed(
            "NetworkPolicy", "database", "spec.ingress.0.ports.0.port", 5433
        ),
        "a sender that reaches the intranet": changed(
            "NetworkPolicy", "sender", "spec.egress.0.to.0.ipBlock.except", []
        ),
        "vendors for everybody": changed("NetworkPolicy", "sender", "spec.podSelector", {}),
        "an exporter for everybody": changed("NetworkPolicy", "exporter", "spec.ingress.0.from", None),
        "an exporter that asks nobody": changed("NetworkPolicy", "exporter", "spec.egress", []),
        "counters for everybody": changed("NetworkPolicy", "limits", "spec.ingress.0.from", None),
        "a gateway that does not count": removed("NetworkPolicy", "to-limits"),
        "a gateway that asks no exporter": removed("NetworkPolicy", "gateway-to-exporter"),
        "another port of the gateway": changed("Deployment", "gateway", f"{BOX}.ports.https.name", "web"),
        "pages for whoever watches": changed(
            "Deployment", "gateway", f"{BOX}.ports.https.containerPort", 8443
        ),
    }
)
def everybody_reaches_whom_they_need_and_nobody_else(manifests: Manifests) -> Iterator[str]:
    network, own = Network(manifests.of("NetworkPolicy")), processes(manifests)
    here = (*own, BROKER, DATABASE, COUNTERS, CERTIFICATES, STRANGER)
    everybody = (*own, *OTHERS)
    tried = [(source, target, port) for source in everybody for target in everybody for port in PORTS]
    allowed = set(expected(own))
    for source, target, port in tried:
        wanted = (source.name, target.name, port) in allowed
        what = f"{source.name} to {target.name}:{port}"
        lets_out, lets_in = network.lets_out(source, target, port), network.lets_in(source, target, port)
        if wanted and not (lets_out and lets_in):
            yield f"{what} is refused"
        if not wanted and source in own and lets_out:
            yield f"{what} is let out"
        if not wanted and target in here and lets_in:
            yield f"{what} is let in"
        if not wanted and source in here and lets_out and lets_in:
            yield f"{what} is allowed"


@checks.finds(
    {
        "names over TCP alone": changed("NetworkPolicy", "to-dns", "spec.egress.0.ports.0", None),
        "a vendor over UDP": changed("NetworkPolicy", "sender", "spec.egress.0.ports.0.protocol", "UDP"),
    }
)
def names_alone_are_asked_for_over_udp(manifests: Manifests) -> Iterator[str]:
    for one in manifests.of("NetworkPolicy"):
        rules = [*one["spec"].get("egress", []), *one["spec"].get("ingress", [])]
        over_udp = [
            port["port"] for rule in rules for port in rule["ports"] if port.get("protocol", "TCP") != "TCP"
        ]
        if over_udp != ([53] if one["metadata"]["name"] == "to-dns" else []):
            yield f"{one['metadata']['name']}: {over_udp}"


def test_the_component_of_traces_gives_each_process_a_collector_and_the_way_to_it(tmp_path: Path) -> None:
    folders = [
        os.path.relpath(KUBERNETES / path, tmp_path) for path in ("overlays/small", "components/traces")
    ]
    (tmp_path / "kustomization.yaml").write_text(f"resources: [{folders[0]}]\ncomponents: [{folders[1]}]\n")
    manifests, without = Manifests(json.loads(build_folder(tmp_path))), build("small")
    traced = {name_of(one) for one in manifests.workloads() if "EPASS_OTLP_ENDPOINT" in environment_of(one)}
    assert traced == {name_of(one) for one in without.processes()}
    for one in manifests.processes():
        (kind,) = SETTINGS[labels_of(one)["process"]]
        assert "otlp_endpoint" in kind.model_fields
    collector = Peer("collector", {}, "tracing")
    with_traces, network = (Network(one.of("NetworkPolicy")) for one in (manifests, without))
    for process in processes(without):
        is_process = not process.name.startswith(("migrate", "topology", "administrator", "import"))
        assert with_traces.lets_out(process, collector, 4318) == is_process, process.name
        assert not with_traces.lets_out(process, collector, 4317), process.name
        assert not network.lets_out(process, collector, 4318), process.name


test_each_overlay_keeps_what_the_check_demands, test_control_a_broken_copy_is_found = checks.tests()
