"""Who is in a cluster: pods of e-Pass, its servers, those of others, and machines outside."""

from tests.unit.deploy.kubernetes import Manifests, Peer, container_of, labels_of

BROKER = Peer("broker", {"app.kubernetes.io/name": "broker"})
DATABASE = Peer("database", {"cnpg.io/cluster": "database"})
COUNTERS = Peer("limits", {"app.kubernetes.io/name": "limits"})
CERTIFICATES = Peer("certificates", {"acme.cert-manager.io/http01-solver": "true"})
STRANGER = Peer("a pod that somebody put here", {"app": "shell"})
DNS = Peer("dns", {"k8s-app": "kube-dns"}, "kube-system")
DNS_OF_THE_NODE = Peer("NodeLocal DNSCache", namespace="", address="169.254.20.10")
DNS_BESIDE = Peer(
    "NodeLocal DNSCache, where the plugin leads there", {"k8s-app": "node-local-dns"}, "kube-system"
)
PROMETHEUS = Peer("prometheus", {}, "monitoring")
KEDA = Peer("keda", {}, "keda")
OPERATOR = Peer("operator of the database", {}, "cnpg-system")
WAY_IN = Peer("way in", {}, "envoy-gateway-system")
ELSEWHERE = Peer("a pod elsewhere", {"process": "gateway", "broker": "client"}, "default")
VENDOR = Peer("vendor", namespace="", address="203.0.113.5")
INTRANET = Peer("a machine of the same network", namespace="", address="192.168.7.7")
OTHERS = (
    *(BROKER, DATABASE, COUNTERS, CERTIFICATES, STRANGER),
    *(DNS, DNS_OF_THE_NODE, DNS_BESIDE, PROMETHEUS, KEDA, OPERATOR, WAY_IN, ELSEWHERE, VENDOR, INTRANET),
)
SUBMISSION = (465, 587)
"""Of a mail server, with TLS at once and with STARTTLS."""
AMQP, POSTGRESQL, VALKEY, KUBERNETES_API = 5671, 5432, 6380, (443, 6443)
WATCHED, PAGES = 9100, 8443
"""Gateways believe the way in, so whoever else reached their pages could claim any address."""
BETWEEN_BROKERS = (4369, 25672, 6000, 6443, 6500, 35672, 35682)
PORTS = (
    *(22, 53, 80, 5672, 6379, 8000, 8080, 8089, 8443, 9100, 9101, 9187, 15671, 15672, 15691, 15692),
    *(AMQP, POSTGRESQL, VALKEY),
    *(*KUBERNETES_API, *BETWEEN_BROKERS),
)


def processes(manifests: Manifests) -> list[Peer]:
    return [
        Peer(
            one["metadata"]["name"],
            labels_of(one),
            ports={port["name"]: port["containerPort"] for port in container_of(one).get("ports", [])},
        )
        for one in manifests.workloads()
    ]
