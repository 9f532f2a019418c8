"""``deploy/kubernetes``: broker, database server, what Prometheus sees, and the way in."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.subscriptions import SERVICES
from deploy.kubernetes import alerts, secrets
from deploy.local import broker, postgres
from deploy.local.access import READERS
from services.gateway.caches.polled_replies import STREAM_SECONDS
from services.ops.grants import ROLES
from tests.cluster.brokers import MANIFEST, liveness_probe
from tests.support.stack import images
from tests.support.stack.paths import ROOT
from tests.support.stack.yaml_files import load
from tests.unit.deploy.kubernetes import (
    OVERLAYS,
    Checks,
    Manifests,
    build,
    changed,
    container_of,
    labels_of,
    name_of,
    removed,
    routes,
    secret_values,
    selects,
    with_kustomize,
)

pytestmark = with_kustomize
checks = Checks()
ALERTS = load(alerts.RULES.read_text())


STATEFUL = "spec.override.statefulSet.spec.template.spec"


def broker_configuration(manifests: Manifests) -> dict[str, str]:
    text = manifests.one("RabbitmqCluster", "broker")["spec"]["rabbitmq"]["additionalConfig"]
    return dict(line.split(" = ") for line in text.splitlines())


@checks.finds(
    {
        "two brokers": changed("RabbitmqCluster", "broker", "spec.replicas", 2),
        "a node that hangs for a week": changed(
            "RabbitmqCluster",
            "broker",
            f"{STATEFUL}.containers.rabbitmq.livenessProbe.terminationGracePeriodSeconds",
            None,
        ),
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
    (container,) = spec["override"]["statefulSet"]["spec"]["template"]["spec"]["containers"]
    if (
        container["livenessProbe"].get("terminationGracePeriodSeconds", 604_800) > 30
    ):  # the operator's: a week
        yield "a node that is to be restarted is waited for"


@checks.finds(
    {
        "the operator's, which 4.0 does not answer": changed(
            "RabbitmqCluster", "broker", f"{STATEFUL}.containers.rabbitmq.startupProbe", None
        ),
        "both at once, which Kubernetes refuses": changed(
            "RabbitmqCluster",
            "broker",
            f"{STATEFUL}.containers.rabbitmq.startupProbe.httpGet",
            {"path": "/api/health/checks/reached-target-cluster-size", "port": "management-tls"},
        ),
        "less time than a busy machine needs": changed(
            "RabbitmqCluster", "broker", f"{STATEFUL}.containers.rabbitmq.startupProbe.timeoutSeconds", 5
        ),
    }
)
def the_broker_starts_by_a_probe_that_every_version_answers(manifests: Manifests) -> Iterator[str]:
    spec = manifests.one("RabbitmqCluster", "broker")["spec"]["override"]["statefulSet"]["spec"]
    probe = spec["template"]["spec"]["containers"][0].get("startupProbe", {})
    if {"exec"} != probe.keys() - {"periodSeconds", "timeoutSeconds", "failureThreshold"}:
        yield f"it is asked by {[*probe]}"
    elif probe["timeoutSeconds"] < 20:
        yield "it has to answer at once"


def version_of(image: str) -> str:
    """Return the version that a tag begins with, such as 4.0; empty if it names none."""
    found = re.search(r":(\d+(?:\.\d+)*)", image)
    return found[1] if found else ""


@checks.finds(
    {
        "what the operator takes": changed("RabbitmqCluster", "broker", "spec.image", None),
        "a later broker": changed("RabbitmqCluster", "broker", "spec.image", "rabbitmq:4.4-management"),
        "what CloudNativePG takes": changed("Cluster", "database", "spec.imageName", None),
        "a later database server": changed(
            "Cluster", "database", "spec.imageName", "ghcr.io/cloudnative-pg/postgresql:18-standard-trixie"
        ),
        "whichever Valkey is new": changed(
            "Deployment", "limits", "spec.template.spec.containers.0.image", "valkey/valkey:8"
        ),
    }
)
def the_servers_are_of_the_versions_that_compose_runs(manifests: Manifests) -> Iterator[str]:
    broker_ = manifests.one("RabbitmqCluster", "broker")["spec"].get("image", "")
    if broker_ != images.pinned("EPASS_RABBITMQ_IMAGE"):
        yield f"the broker is {broker_ or 'what the operator takes'}"
    database = manifests.one("Cluster", "database")["spec"].get("imageName", "")
    if version_of(database) != version_of(images.pinned("EPASS_POSTGRES_IMAGE")) != "":
        yield f"the database server is {database or 'what CloudNativePG takes'}"
    limits = manifests.one("Deployment", "limits")["spec"]["template"]["spec"]["containers"][0]["image"]
    if limits != images.pinned("EPASS_VALKEY_IMAGE"):
        yield f"the counters of rate limits are in {limits}"


@checks.finds(
    {
        "no archive": changed("Cluster", "database", "spec.plugins", []),
        "an archive that is not there": changed("ObjectStore", "backups", "metadata.name", "others"),
        "a copy that nobody makes": changed("ScheduledBackup", "nightly", "spec.cluster.name", "other"),
        "a store that writes in clear": changed("ObjectStore", "backups", "spec.configuration.wal", {}),
        "kept for ever": changed("ObjectStore", "backups", "spec.retentionPolicy", None),
    }
)
def the_databases_are_archived_encrypted_and_copied_each_night(manifests: Manifests) -> Iterator[str]:
    archives = [
        plugin["parameters"]["barmanObjectName"]
        for plugin in manifests.one("Cluster", "database")["spec"].get("plugins", [])
        if plugin["isWALArchiver"]
    ]
    stores = {one["metadata"]["name"]: one["spec"] for one in manifests.of("ObjectStore")}
    if archives != [*stores]:
        yield f"the log goes to {archives}"
    for name, store in stores.items():
        kinds = [store["configuration"][kind].get("encryption") for kind in ("wal", "data")]
        if kinds != ["AES256", "AES256"] or not store.get("retentionPolicy"):
            yield f"{name}: {kinds}, {store.get('retentionPolicy')}"
    copies = [one["spec"] for one in manifests.of("ScheduledBackup")]
    if [(one["cluster"]["name"], one["method"]) for one in copies] != [("database", "plugin")]:
        yield "no copies"


@checks.finds(
    {
        "another secret": changed(
            "RabbitmqCluster",
            "broker",
            "spec.override.statefulSet.spec.template.spec.volumes.definitions.secret.secretName",
            "gateway",
        )
    }
)
def the_broker_loads_users_and_rights_from_their_secret(manifests: Manifests) -> Iterator[str]:
    pod = manifests.one("RabbitmqCluster", "broker")["spec"]["override"]["statefulSet"]["spec"]["template"][
        "spec"
    ]
    volume, *_ = pod["volumes"]
    mount, *_ = pod["containers"][0]["volumeMounts"]
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
    expected = {secrets.BROKER: (broker_, ""), secrets.DATABASE_SERVER: (database, "-rw")}
    for address, (server, suffix) in expected.items():
        where = server["metadata"]
        if address.removesuffix(":5432") != f"{where['name']}{suffix}.{where['namespace']}.svc":
            yield f"{address} is not {where}"


@checks.finds(
    {
        "standbys of which no alert knows": changed("Cluster", "database", "spec.instances", 4),
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
    expected = {"number": 1, "dataDurability": "required", "failoverQuorum": True}
    if spec["instances"] != 3 or not expected.items() <= synchronous.items():
        yield "a primary and two standbys, one of which has each commit, and only that one is promoted"
    owners = {one["spec"]["name"]: one["spec"]["owner"] for one in manifests.of("Database")}
    if owners != {service: service for service in SERVICES}:
        yield f"databases {owners}"
    roles = {one["name"]: one["passwordSecret"]["name"] for one in spec["managed"]["roles"] if one["login"]}
    if roles != {role: secrets.of_role(role) for role in (*SERVICES, *ROLES, *READERS)}:
        yield f"roles {roles}"
    for role, secret in roles.items():
        if secret_values().get(secret, {}).get("username") != role:
            yield f"{role} has the password of another"


@checks.finds({"another threshold": changed("PrometheusRule", "epass", "spec.groups.0.rules.0.for", "9m")})
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
    for one in manifests.processes():
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
    configured = load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
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
        "streams that are cut": changed("HTTPRoute", "gateway", "spec.rules.0.timeouts.request", "60s"),
        "streams that are cut where the implementation likes": changed(
            "HTTPRoute", "gateway", "spec.rules.0.timeouts", None
        ),
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
    timeout = route["rules"][0].get("timeouts", {}).get("request", "0s")
    if float(timeout.removesuffix("s")) <= STREAM_SECONDS:
        yield f"an answer is cut off after {timeout}, and a stream lasts {STREAM_SECONDS} s"
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


LOGGED = "spec.telemetry.accessLog.settings.0.format.json"


@checks.finds(
    {
        "the links of passes": changed(
            "EnvoyProxy", "public", f"{LOGGED}.path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"
        ),
        "what a client sends": changed("EnvoyProxy", "public", f"{LOGGED}.referer", "%REQ(REFERER)%"),
        "where an answer leads": changed("EnvoyProxy", "public", f"{LOGGED}.to", "%RESP(LOCATION)%"),
        "the default format": changed("EnvoyProxy", "public", "spec.telemetry.accessLog.settings", []),
        "nobody reads it": changed("Gateway", "public", "spec.infrastructure", None),
    }
)
def the_way_in_logs_each_access_without_what_a_path_or_a_header_holds(manifests: Manifests) -> Iterator[str]:
    settings = manifests.one("EnvoyProxy", "public")["spec"]["telemetry"]["accessLog"]["settings"]
    if len(settings) != 1:
        yield "Envoy Gateway takes its own format, with the path"
    for one in settings:
        written = set(re.findall(r"%(.+?)%", "".join(one["format"]["json"].values())))
        headers = {operator for operator in written if "(" in operator or "PATH" in operator}
        yield from headers - {"REQ(:METHOD)", "RESP(X-REQUEST-ID)"}
    expected = {"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": "public"}
    if manifests.one("Gateway", "public")["spec"].get("infrastructure") != {"parametersRef": expected}:
        yield "nobody reads it"


@checks.finds(
    {
        "another service": changed("Service", "limits", "metadata.name", "valkey"),
        "a selector of nothing": changed("Service", "limits", "spec.selector", {"app": "valkey"}),
        "a password that it does not read": changed(
            "Deployment", "limits", "spec.template.spec.containers.valkey.command", ["valkey-server"]
        ),
        "two that count apart": changed("Deployment", "limits", "spec.strategy", None),
        "a pod that stays on a dead node": changed("Deployment", "limits", "kind", "StatefulSet"),
        "root": changed("Deployment", "limits", "spec.template.spec.securityContext.runAsNonRoot", None),
        "no limit": changed(
            "Deployment", "limits", "spec.template.spec.containers.valkey.resources.limits", None
        ),
    }
)
def the_counters_of_rate_limits_have_a_password_and_few_rights(manifests: Manifests) -> Iterator[str]:
    kinds = [other["kind"] for other in manifests if name_of(other).endswith("Set limits")]
    if kinds:
        yield f"it is a {kinds[0]}"
        return
    one = manifests.one("Deployment", "limits")
    pod = one["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mount, *_ = container["volumeMounts"]
    services = [other for other in manifests.of("Service") if other["metadata"]["name"] == "limits"]
    password = secret_values()["limits"]["valkey.conf"].split()[1]
    facts = {
        "the address": f"limits.{one['metadata']['namespace']}.svc:6380" == secrets.LIMITS_STORE,
        "the gateway's password": f":{password}@{secrets.LIMITS_STORE}"
        in secret_values()["gateway"]["EPASS_LIMITS_STORE"],
        "one at a time": (one["spec"]["replicas"], one["spec"].get("strategy")) == (1, {"type": "Recreate"}),
        "a service": [other["spec"]["selector"] for other in services]
        == [one["spec"]["template"]["metadata"]["labels"]],
        "the file of the password": f"{mount['mountPath']}/valkey.conf"
        in " ".join(container["command"]).split(),
        "not root": pod["securityContext"].get("runAsNonRoot") is True,
        "few rights": container["securityContext"]["capabilities"] == {"drop": ["ALL"]},
        "limits": "limits" in container["resources"],
    }
    yield from (fact for fact, holds in facts.items() if not holds)


test_each_overlay_keeps_what_the_check_demands, test_control_a_broken_copy_is_found = checks.tests()


def test_rabbitmq_knows_every_line_of_the_configuration() -> None:
    names = broker_configuration(build("small"))
    assert len(names) > 4
    assert [name for name in names if name not in of_rabbitmq()] == []
    assert "quorum_queue.target_group_size" not in of_rabbitmq(), "control: not every name is known"


@pytest.mark.parametrize("are_there", [True, False])
def test_the_startup_probe_waits_until_all_nodes_are_there(are_there: bool, tmp_path: Path) -> None:
    (cluster,) = build("small").of("RabbitmqCluster")
    (container,) = cluster["spec"]["override"]["statefulSet"]["spec"]["template"]["spec"]["containers"]
    *command, expression = container["startupProbe"]["exec"]["command"]
    assert command == ["rabbitmqctl", "--quiet", "eval"]
    nodes = f"-export([reached_target_cluster_size/0]).\nreached_target_cluster_size() -> {are_there}."
    assert fails(expression, {"rabbit_nodes": nodes.lower()}, tmp_path) is not are_there


MODULES = {
    "4.2 or before, in one piece": ("partitions() -> [].", False),
    "4.2 or before, apart from two of three": ("partitions() -> [b, c].", True),
    "4.3": ("", False),
}
"""What each version of RabbitMQ has in its module, and whether the probe fails then."""


@pytest.mark.parametrize("version", MODULES)
def test_the_liveness_probe_fails_only_where_a_node_is_apart_from_most_of_the_others(
    version: str, tmp_path: Path
) -> None:
    function, fails = MODULES[version]
    assert is_killed(liveness_probe(MANIFEST.read_text())[-1], function, tmp_path) is fails


def test_control_a_probe_that_asks_for_the_function_kills_each_node_of_a_version_without_it(
    tmp_path: Path,
) -> None:
    probe = liveness_probe(MANIFEST.read_text())[-1]
    bare = re.sub(r"andalso erlang:function_exported\(.*?\) ", "", probe)
    assert bare != probe
    assert is_killed(bare, "", tmp_path)


def is_killed(probe: str, function: str, folder: Path) -> bool:
    """Run the probe's expression in an Erlang node whose broker has this function, and say if it fails."""
    modules = {
        "rabbit_node_monitor": f"{'-export([partitions/0]).' if function else ''}\n{function}",
        "rabbit_nodes": "-export([list_members/0]).\nlist_members() -> [a, b, c].",
    }
    return fails(probe, modules, folder)


def fails(probe: str, modules: dict[str, str], folder: Path) -> bool:
    """Run an expression in an Erlang node that has these modules, and say if it fails."""
    for name, text in modules.items():
        folder.joinpath(f"{name}.erl").write_text(f"-module({name}).\n{text}\n")
    program = f"""
        [{{ok, Module}} = compile:file(Module) || Module <- [{", ".join(modules)}]],
        [code:ensure_loaded(Module) || Module <- [{", ".join(modules)}]],
        register(rabbit_node_monitor, self()),
        {{ok, Tokens, _}} = erl_scan:string({json.dumps(probe)}),
        {{ok, Expressions}} = erl_parse:parse_exprs(Tokens),
        try erl_eval:exprs(Expressions, []) of {{value, _, _}} -> halt(0) catch _:_ -> halt(1) end."""
    done = subprocess.run(
        ["erl", "-noshell", "-boot", "start_clean", "-pa", ".", "-eval", program],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode in {0, 1}, done.stderr
    assert "init terminating" not in done.stdout + done.stderr, done.stdout
    return done.returncode == 1


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
