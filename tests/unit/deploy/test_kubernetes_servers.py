"""``deploy/kubernetes``: broker, database server, what Prometheus sees, and the way in."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from contracts.subscriptions import SERVICES
from deploy.kubernetes import alerts, secrets
from deploy.local import broker, postgres
from deploy.local.access import READERS
from services.ops.grants import ROLES
from tests.support.kubernetes import (
    OVERLAYS,
    Break,
    Check,
    Checks,
    Manifests,
    build,
    changed,
    container_of,
    labels_of,
    name_of,
    problems,
    removed,
    routes,
    secret_values,
    selects,
    with_kustomize,
)
from tests.support.paths import ROOT

pytestmark = with_kustomize
checks = Checks()
ALERTS = yaml.safe_load(alerts.RULES.read_text())


def broker_configuration(manifests: Manifests) -> dict[str, str]:
    text = manifests.one("RabbitmqCluster", "broker")["spec"]["rabbitmq"]["additionalConfig"]
    return dict(line.split(" = ") for line in text.splitlines())


@checks.finds(
    {
        "two brokers": changed("RabbitmqCluster", "broker", "spec.replicas", 2),
        "queues on one": changed(
            "RabbitmqCluster",
            "broker",
            "spec.rabbitmq.additionalConfig",
            "cluster_partition_handling = ignore",
        ),
    }
)
def every_queue_is_on_three_brokers_and_a_minority_pauses(manifests: Manifests) -> Iterator[str]:
    spec = manifests.one("RabbitmqCluster", "broker")["spec"]
    configuration = broker_configuration(manifests)
    group = "quorum_queue.continuous_membership_reconciliation"
    if spec["replicas"] != 3:
        yield f"{spec['replicas']} brokers"
    wanted = {
        f"{group}.enabled": "true",
        f"{group}.target_group_size": "3",
        "cluster_partition_handling": "pause_minority",
        "net_ticktime": "4",
        "queue_leader_locator": "balanced",
    }
    yield from (name for name, value in wanted.items() if configuration.get(name) != value)


@checks.finds(
    {
        "another secret": changed(
            "RabbitmqCluster",
            "broker",
            "spec.override.statefulSet.spec.template.spec.volumes.definitions.secret.secretName",
            "gateway",
        ),
    }
)
def the_broker_loads_users_and_rights_from_their_secret(manifests: Manifests) -> Iterator[str]:
    pod = manifests.one("RabbitmqCluster", "broker")["spec"]["override"]["statefulSet"]["spec"]["template"][
        "spec"
    ]
    (volume,) = pod["volumes"]
    (mount,) = pod["containers"][0]["volumeMounts"]
    path = Path(broker_configuration(manifests)["definitions.local.path"])
    content = secret_values().get(volume["secret"]["secretName"], {})
    if mount["name"] != volume["name"] or mount["mountPath"] != str(path.parent) or path.name not in content:
        yield f"{path} is not what {mount} holds"


@checks.finds(
    {
        "a broker of another name": changed("RabbitmqCluster", "broker", "metadata.name", "rabbitmq"),
        "servers in another namespace": changed("Cluster", "database", "metadata.namespace", "postgres"),
    }
)
def the_addresses_lead_to_the_two_servers_from_every_namespace(manifests: Manifests) -> Iterator[str]:
    (broker_,), (database,) = manifests.of("RabbitmqCluster"), manifests.of("Cluster")
    expected = {
        secrets.BROKER: (broker_, "", 5672),
        secrets.DATABASE_SERVER: (database, "-rw", 5432),
    }
    for address, (server, suffix, port) in expected.items():
        where = server["metadata"]
        if address != f"{where['name']}{suffix}.{where['namespace']}.svc:{port}":
            yield f"{address} is not {where}"


@checks.finds(
    {
        "asynchronous": changed("Cluster", "database", "spec.postgresql.synchronous", None),
        "no database": removed("Database", "verify"),
        "another owner": changed("Database", "verify", "spec.owner", "notify"),
        "a service without a role": changed(
            "Cluster", "database", "spec.managed.roles.verify_app.login", False
        ),
        "the password of another": changed(
            "Cluster", "database", "spec.managed.roles.accounts.passwordSecret.name", "database-ops"
        ),
    }
)
def every_service_owns_a_database_and_commits_reach_a_standby(manifests: Manifests) -> Iterator[str]:
    spec = manifests.one("Cluster", "database")["spec"]
    synchronous = spec["postgresql"].get("synchronous", {})
    if spec["instances"] != 3 or (synchronous.get("number"), synchronous.get("dataDurability")) != (
        1,
        "required",
    ):
        yield "a primary and two standbys, one of which has each commit"
    owners = {one["spec"]["name"]: one["spec"]["owner"] for one in manifests.of("Database")}
    if owners != {service: service for service in SERVICES}:
        yield f"databases {owners}"
    roles = {one["name"]: one["passwordSecret"]["name"] for one in spec["managed"]["roles"] if one["login"]}
    if roles != {role: secrets.of_role(role) for role in (*SERVICES, *ROLES, *READERS)}:
        yield f"roles {roles}"
    for role, secret in roles.items():
        if secret_values().get(secret, {}).get("username") != role:
            yield f"{role} has the password of another"


@checks.finds(
    {
        "another threshold": changed("PrometheusRule", "epass", "spec.groups.0.rules.0.for", "9m"),
    }
)
def the_alerts_are_those_of_prometheus(manifests: Manifests) -> Iterator[str]:
    if manifests.one("PrometheusRule", "epass")["spec"] != ALERTS:
        yield "run `make contracts`"


@checks.finds(
    {
        "not selected": changed(
            "Deployment", "relay", "spec.template.metadata.labels.app~kubernetes~io/part-of", None
        ),
        "no label": changed("ServiceMonitor", "epass", "spec.podTargetLabels", ["part"]),
        "another job": changed(
            "ServiceMonitor", "rabbitmq", "spec.endpoints.0.relabelings.0.replacement", "broker"
        ),
    }
)
def prometheus_finds_every_process_under_the_names_of_the_rules(manifests: Manifests) -> Iterator[str]:
    service = manifests.one("Service", "epass")
    monitor = manifests.one("ServiceMonitor", "epass")["spec"]
    if not selects(monitor["selector"], service["metadata"]["labels"]):
        yield "the Service is not found"
    ports = {port["name"]: port["targetPort"] for port in service["spec"]["ports"]}
    for one in manifests.of("Deployment"):
        names = [port["name"] for port in container_of(one)["ports"]]
        if not selects({"matchLabels": service["spec"]["selector"]}, labels_of(one)):
            yield f"{name_of(one)} is not selected"
        if ports.get(monitor["endpoints"][0]["port"]) not in names:
            yield f"{name_of(one)} has no such port"
    if "process" not in monitor["podTargetLabels"]:
        yield "no label `process`"
    rabbitmq = manifests.one("ServiceMonitor", "rabbitmq")["spec"]["endpoints"][0]["relabelings"]
    jobs = {
        service["metadata"]["name"],
        *(one["replacement"] for one in rabbitmq if one["targetLabel"] == "job"),
    }
    configured = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    if (
        not set(re.findall(r'job="(\w+)"', str(ALERTS)))
        <= jobs
        <= {one["job_name"] for one in configured["scrape_configs"]}
    ):
        yield f"jobs {jobs}"


@checks.finds(
    {
        "no TLS": changed("Gateway", "public", "spec.listeners.https.tls", None),
        "pages over http": changed("HTTPRoute", "gateway", "spec.parentRefs.0.sectionName", "http"),
        "programs over http": changed("HTTPRoute", "to-https", "spec.rules.1.matches.0", None),
        "ids of strangers": changed("HTTPRoute", "gateway", "spec.rules.0.filters", None),
        "figures for everybody": changed("HTTPRoute", "gateway", "spec.rules.1.matches.0", None),
        "another process": changed("Service", "gateway", "spec.selector.process", "verify"),
    }
)
def the_way_in_is_https_and_leads_to_the_pages_alone(manifests: Manifests) -> Iterator[str]:
    listeners = {one["name"]: one for one in manifests.one("Gateway", "public")["spec"]["listeners"]}
    secure, route = (
        manifests.one("HTTPRoute", "to-https")["spec"],
        manifests.one("HTTPRoute", "gateway")["spec"],
    )
    if (
        not listeners["https"].get("tls", {}).get("certificateRefs")
        or listeners["https"]["protocol"] != "HTTPS"
    ):
        yield "no TLS"
    if [one["sectionName"] for one in route["parentRefs"]] != ["https"]:
        yield "pages over http"
    refused = [one["matches"] for one in secure["rules"] if "filters" not in one]
    if refused != [[{"path": {"type": "PathPrefix", "value": "/api"}}]]:
        yield "programs over http"
    removed = {
        name
        for one in route["rules"][0].get("filters", [])
        for name in one.get("requestHeaderModifier", {}).get("remove", [])
    }
    if removed != {"X-Request-Id", "Traceparent"}:
        yield "ids of strangers"
    if [one for one in secure["rules"] if "filters" in one] != [
        {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}]}
    ]:
        yield "http is not sent to https"
    if (
        len({*(one["hostname"] for one in listeners.values()), *secure["hostnames"], *route["hostnames"]})
        != 1
    ):
        yield "several hosts"
    closed = {
        match["path"]["value"]
        for rule in route["rules"]
        if "backendRefs" not in rule
        for match in rule["matches"]
    }
    if (
        closed != {"/metrics", "/docs", "/openapi.json", "/dev"}
        or not closed - {"/dev"} <= routes()["gateway"]
    ):
        yield f"closed are {closed}"
    for rule in route["rules"]:
        for backend in rule.get("backendRefs", []):
            service = manifests.one("Service", backend["name"])["spec"]
            if backend["port"] not in [port["port"] for port in service["ports"]]:
                yield "no such port"
            chosen = [
                one
                for one in manifests.workloads()
                if selects({"matchLabels": service["selector"]}, labels_of(one))
            ]
            if [name_of(one) for one in chosen] != ["Deployment gateway"]:
                yield f"the pages are at {chosen}"


@checks.finds(
    {
        "another service": changed("Service", "limits", "metadata.name", "valkey"),
        "a selector of nothing": changed("Service", "limits", "spec.selector", {"app": "valkey"}),
        "a password that it does not read": changed(
            "StatefulSet", "limits", "spec.template.spec.containers.valkey.command", ["valkey-server"]
        ),
        "root": changed("StatefulSet", "limits", "spec.template.spec.securityContext.runAsNonRoot", None),
        "no limit": changed(
            "StatefulSet", "limits", "spec.template.spec.containers.valkey.resources.limits", None
        ),
    }
)
def the_counters_of_rate_limits_have_a_password_and_few_rights(manifests: Manifests) -> Iterator[str]:
    one = manifests.one("StatefulSet", "limits")
    pod = one["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (mount,) = container["volumeMounts"]
    services = [other for other in manifests.of("Service") if other["metadata"]["name"] == "limits"]
    password = secret_values()["limits"]["valkey.conf"].split()[1]
    facts = {
        "the address": f"limits.{one['metadata']['namespace']}.svc:6379" == secrets.LIMITS_STORE,
        "the gateway's password": f":{password}@{secrets.LIMITS_STORE}"
        in secret_values()["gateway"]["EPASS_LIMITS_STORE"],
        "a service": [other["spec"]["selector"] for other in services]
        == [one["spec"]["template"]["metadata"]["labels"]],
        "the file of the password": container["command"][1:] == [f"{mount['mountPath']}/valkey.conf"],
        "not root": pod["securityContext"].get("runAsNonRoot") is True,
        "few rights": container["securityContext"]["capabilities"] == {"drop": ["ALL"]},
        "limits": "limits" in container["resources"],
    }
    yield from (fact for fact, holds in facts.items() if not holds)


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("check", checks.all())
def test_in_each_overlay(check: Check, overlay: str) -> None:
    assert problems(check, overlay) == []


@pytest.mark.parametrize(("check", "fault"), checks.controls())
def test_control_a_broken_copy_is_found(check: Check, fault: Break) -> None:
    assert problems(check, fault=fault) != []


def test_the_alerts_file_is_up_to_date() -> None:
    assert alerts.FILE.read_text() == alerts.text(), "run `make contracts`"


def test_rabbitmq_knows_every_line_of_the_configuration() -> None:
    names = broker_configuration(build("small"))
    assert len(names) > 4
    assert [name for name in names if name not in of_rabbitmq()] == []
    assert "quorum_queue.target_group_size" not in of_rabbitmq(), "control: not every name is known"


def of_rabbitmq() -> set[str]:
    """Return the names that the configuration of the installed RabbitMQ may have."""
    root = broker._script().parents[1]
    (schema,) = root.glob("plugins/rabbit-*/priv/schema/rabbit.schema")
    return set(re.findall(r'^{mapping, "([\w.]+)"', schema.read_text(), re.MULTILINE))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_postgresql_knows_every_parameter(overlay: str) -> None:
    parameters = build(overlay).one("Cluster", "database")["spec"]["postgresql"]["parameters"]
    described = subprocess.run(
        [str(postgres.programs() / "postgres"), "--describe-config"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    known = {line.split("\t")[0] for line in described.splitlines()}
    assert parameters.keys() <= known
    assert "max_connection" not in known, "control: not every name is known"
