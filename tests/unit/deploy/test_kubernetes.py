"""``deploy/kubernetes``: schemas, and what no schema says of pods and their containers."""

import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache

import click

from contracts.subscriptions import SERVICES
from deploy.kubernetes import secrets
from deploy.local.services import COMMANDS
from services.ops.cli import main
from tests.support.stack.paths import ROOT
from tests.support.stack.yaml_files import load
from tests.unit.deploy.kubernetes import (
    BOX,
    POD,
    PROBES,
    Checks,
    Manifests,
    changed,
    commands_of,
    container_of,
    environment_of,
    labels_of,
    name_of,
    pod_of,
    removed,
    routes,
    with_kustomize,
)

pytestmark = with_kustomize
checks = Checks()
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


SUPPORTED = ("1.34", "1.37")
"""The oldest and the newest Kubernetes whose schemas the manifests must meet."""
FIELDS = {
    "Issuer": "ca.secretName selfSigned",
    "Certificate": """commonName dnsNames[] duration isCA issuerRef.kind issuerRef.name privateKey.algorithm
        privateKey.encoding privateKey.rotationPolicy privateKey.size secretName usages[]""",
    "BackendTLSPolicy": """targetRefs[].group targetRefs[].kind targetRefs[].name targetRefs[].sectionName
        validation.caCertificateRefs[].group validation.caCertificateRefs[].kind
        validation.caCertificateRefs[].name validation.hostname""",
    "EnvoyProxy": """telemetry.accessLog.settings[].format.json telemetry.accessLog.settings[].format.type
        telemetry.accessLog.settings[].sinks[].file.path telemetry.accessLog.settings[].sinks[].type""",
    "Gateway": """gatewayClassName infrastructure.parametersRef.group infrastructure.parametersRef.kind
        infrastructure.parametersRef.name
        listeners[].hostname listeners[].name listeners[].port listeners[].protocol
        listeners[].tls.certificateRefs[].name""",
    "HTTPRoute": """hostnames[] parentRefs[].name parentRefs[].sectionName rules[].backendRefs[].name
        rules[].backendRefs[].port rules[].filters[].type rules[].filters[].requestRedirect.scheme
        rules[].filters[].requestRedirect.statusCode rules[].filters[].requestHeaderModifier.remove[]
        rules[].matches[].path.type
        rules[].matches[].path.value rules[].timeouts.request""",
    "ScaledObject": """minReplicaCount maxReplicaCount scaleTargetRef.name triggers[].type
        triggers[].authenticationRef.name triggers[].metadata.mode triggers[].metadata.queueName
        triggers[].metadata.value""",
    "TriggerAuthentication": "secretTargetRef[].key secretTargetRef[].name secretTargetRef[].parameter",
    "PodMonitor": """podMetricsEndpoints[].interval podMetricsEndpoints[].port podMetricsEndpoints[].scheme
        podMetricsEndpoints[].tlsConfig.ca.secret.key podMetricsEndpoints[].tlsConfig.ca.secret.name
        podMetricsEndpoints[].tlsConfig.serverName selector.matchLabels""",
    "ServiceMonitor": """endpoints[].interval endpoints[].port endpoints[].relabelings[].replacement
        endpoints[].relabelings[].targetLabel endpoints[].scheme endpoints[].tlsConfig.ca.secret.key
        endpoints[].tlsConfig.ca.secret.name endpoints[].tlsConfig.serverName podTargetLabels[]
        selector.matchLabels""",
    "PrometheusRule": """groups[].name groups[].rules[].alert groups[].rules[].expr groups[].rules[].for
        groups[].rules[].labels groups[].rules[].annotations""",
    "Database": "cluster.name databaseReclaimPolicy name owner",
    "Cluster": """affinity.podAntiAffinityType affinity.topologyKey bootstrap.initdb.dataChecksums
        bootstrap.initdb.encoding bootstrap.initdb.localeCType bootstrap.initdb.localeCollate imageName
        instances
        managed.roles[].login managed.roles[].name managed.roles[].passwordSecret.name
        monitoring.tls.enabled postgresql.parameters postgresql.pg_hba[]
        postgresql.synchronous.dataDurability postgresql.synchronous.failoverQuorum
        postgresql.synchronous.method postgresql.synchronous.number
        plugins[].name plugins[].isWALArchiver plugins[].parameters.barmanObjectName
        resources.limits resources.requests storage.size topologySpreadConstraints""",
    "ObjectStore": """configuration.data.compression configuration.data.encryption
        configuration.destinationPath configuration.endpointURL configuration.s3Credentials.accessKeyId.key
        configuration.s3Credentials.accessKeyId.name configuration.s3Credentials.secretAccessKey.key
        configuration.s3Credentials.secretAccessKey.name configuration.wal.compression
        configuration.wal.encryption retentionPolicy""",
    "ScheduledBackup": "backupOwnerReference cluster.name immediate method pluginConfiguration.name schedule",
    "RabbitmqCluster": """affinity.podAntiAffinity image override.statefulSet.spec.template.spec
        persistence.storage rabbitmq.additionalConfig rabbitmq.advancedConfig rabbitmq.envConfig replicas
        resources.limits
        resources.requests tls.disableNonTLSListeners tls.secretName""",
}
"""The fields of custom resources that are used, below ``spec``.

Each was looked up in the definitions of RabbitMQ's cluster operator 2.22, CloudNativePG 1.30 and its Barman
Cloud plugin 0.14, KEDA 2.20, the Prometheus operator 0.93, the Gateway API 1.6, Envoy Gateway 1.9 and
cert-manager 1.21.
"""


def paths(value: object, at: str, known: set[str]) -> Iterator[str]:
    """Yield the path of each value, as deep as ``known`` names it."""
    if at in known or not isinstance(value, dict | list):
        yield at
    elif isinstance(value, list):
        for item in value:
            yield from paths(item, f"{at}[]", known)
    else:
        for key, inner in value.items():
            yield from paths(inner, f"{at}.{key}".lstrip("."), known)


@checks.finds(
    {
        "a misspelt field": changed("Deployment", "relay", f"{BOX}.livenessProb", {}),
        "a number as text": changed("Deployment", "relay", "spec.replicas", "two"),
        "a field unknown to KEDA": changed("ScaledObject", "verify-events", "spec.minReplicas", 2),
        "a field unknown to CloudNativePG": changed("Cluster", "database", "spec.replicas", 3),
    }
)
def every_object_meets_its_schema(manifests: Manifests) -> Iterator[str]:
    for one in manifests:
        if one["kind"] in FIELDS:
            known = set(FIELDS[one["kind"]].split())
            yield from (f"{name_of(one)}: {path}" for path in {*paths(one["spec"], "", known)} - known)
            continue
        for version in SUPPORTED:
            if wrong := error_in(json.dumps(one, sort_keys=True), version):
                yield f"{name_of(one)} in {version}: {wrong}"


@cache
def error_in(manifest: str, version: str) -> str:
    """Return what the schema of Kubernetes refuses, or nothing; most manifests are the same in each copy."""
    import kubernetes_validate  # it reads a grammar for seconds

    try:
        kubernetes_validate.validate(json.loads(manifest), version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return str(error.message)
    return ""


@checks.finds(
    {
        "another namespace": changed("Job", "topology", "metadata.namespace", "default"),
        "a host left open": changed("Gateway", "public", "spec.listeners.http.hostname", "HOST"),
    }
)
def everything_is_in_one_namespace_and_nothing_was_left_open(manifests: Manifests) -> Iterator[str]:
    for one in manifests:
        if one["kind"] != "Namespace" and one["metadata"].get("namespace") != secrets.NAMESPACE:
            yield f"{name_of(one)} is in no namespace"
        if left := re.findall(r"\b(?:HOST|PROXIES|ISSUER|CLASS|STORE|FOLDER)\b", str(one)):
            yield f"{name_of(one)} has {left}"


@checks.finds(
    {
        "no stage": changed("Service", "gateway", "metadata.labels.stage", None),
        "late counters": changed("Deployment", "limits", "metadata.labels.stage", "processes"),
        "a late job": changed("Job", "topology", "metadata.labels.stage", "processes"),
    }
)
def every_object_is_applied_in_one_of_the_stages(manifests: Manifests) -> Iterator[str]:
    stages = {"Deployment": "processes", "Job": "jobs", "Cluster": "servers", "RabbitmqCluster": "servers"}
    for one in manifests:
        stage = one["metadata"].get("labels", {}).get("stage")
        expected = {"Deployment limits": "servers"}.get(name_of(one), stages.get(one["kind"], stage))
        if stage not in {"servers", "jobs", "processes"} or stage != expected:
            yield f"{name_of(one)} is of stage {stage}"


@checks.finds(
    {
        "no relay": removed("Deployment", "relay"),
        "RPC and events together": changed(
            "Deployment", "verify-rpc", f"{BOX}.command", ["epass", "serve", "verify"]
        ),
        "another's label": changed(
            "Deployment", "verify-rpc", "spec.template.metadata.labels.process", "notify"
        ),
    }
)
def every_process_has_a_deployment_and_rpc_and_events_are_apart(manifests: Manifests) -> Iterator[str]:
    expected = sorted(
        ["epass", *command.split(), *part]
        for command in COMMANDS.values()
        for part in ([["--only", "rpc"], ["--only", "events"]] if command.startswith("serve ") else [[]])
    )
    found = sorted(command for one in manifests.processes() for command in commands_of(one))
    yield from (f"missing: {one}" for one in expected if one not in found)
    yield from (f"too much: {one}" for one in found if one not in expected)
    for one in manifests.processes():
        command = container_of(one)["command"]
        process = command[2] if command[1] == "serve" else command[1].removeprefix("ops-")
        part = {"part": command[-1]} if command[1] == "serve" else {}
        if not ({"process": process} | part).items() <= labels_of(one).items():
            yield f"{name_of(one)} is labelled {labels_of(one)}"


@checks.finds(
    {
        "no migration": removed("Job", "migrate-verify"),
        "no rights": changed("Job", "migrate-verify", f"{BOX}.command", ["epass", "migrate", "verify"]),
    }
)
def the_jobs_declare_the_topology_migrate_each_database_and_grant_rights(
    manifests: Manifests,
) -> Iterator[str]:
    expected = {"topology": [["epass", "topology", "apply"]]} | {
        f"migrate-{one}": [["epass", "migrate", one], ["epass", "grants", one, "--apply"]] for one in SERVICES
    }
    found = {one["metadata"]["name"]: commands_of(one) for one in manifests.of("Job")}
    yield from (name for name in {*found, *expected} if found.get(name) != expected.get(name))


@checks.finds(
    {
        "a pod that imports": changed(
            "CronJob",
            "import-logins",
            f"spec.jobTemplate.{BOX}.command",
            ["epass", "import", "logins", "/tmp/f"],
        )
    }
)
def commands_run_by_exec_so_that_no_log_of_a_node_has_first_passwords(manifests: Manifests) -> Iterator[str]:
    for one in manifests.of("CronJob"):
        if container_of(one)["command"] != ["sleep", "3600"]:
            yield f"{name_of(one)} writes a log"


@checks.finds(
    {
        "a misspelt part": changed("Deployment", "verify-rpc", f"{BOX}.command.4", "rcp"),
        "a command that is not there": changed("Deployment", "relay", f"{BOX}.command.1", "relais"),
    }
)
def the_command_line_understands_every_command(manifests: Manifests) -> Iterator[str]:
    for one in manifests.workloads():
        for command in commands_of(one):
            if command[0] == "epass":
                try:
                    parse(main, command[1:])
                except click.ClickException as error:
                    yield f"{name_of(one)}: {error.message}"


def parse(command: click.Command, arguments: list[str]) -> None:
    """Parse the arguments of a command without running it."""
    if not isinstance(command, click.Group):
        command.make_context(command.name, list(arguments))
        return
    with command.make_context(command.name, list(arguments)) as context:
        _, inner, rest = command.resolve_command(context, list(arguments))
    assert inner is not None
    parse(inner, rest)


@checks.finds(
    {
        "no limit of memory": changed("Deployment", "gateway", f"{BOX}.resources.limits.memory", None),
        "no requests": changed("Job", "topology", f"{BOX}.resources.requests", None),
        "a file system to write to": changed(
            "Deployment", "gateway", f"{BOX}.securityContext.readOnlyRootFilesystem", False
        ),
        "escalation": changed(
            "Job", "migrate-verify", f"{BOX}.securityContext.allowPrivilegeEscalation", True
        ),
        "root": changed("Deployment", "gateway", f"{POD}.securityContext.runAsNonRoot", None),
        "an older image": changed(
            "Deployment", "gateway", f"{BOX}.image", "registry.example.org/epass:0.1.0"
        ),
        "a command with a capability": changed(
            "CronJob",
            "administrator",
            "spec.jobTemplate.spec.template.spec.containers.epass.securityContext.capabilities",
            {},
        ),
    }
)
def every_container_has_limits_and_few_rights(manifests: Manifests) -> Iterator[str]:
    for one in manifests.workloads():
        pod, container = pod_of(one), container_of(one)
        resources = container.get("resources", {})
        own = container.get("securityContext", {})
        facts = {
            "requests": set(resources.get("requests", {})) == {"cpu", "memory"},
            "limits": set(resources.get("limits", {})) == {"cpu", "memory"},
            "image": container.get("image", "").endswith(f"/epass:{VERSION}"),
            "read-only root": own.get("readOnlyRootFilesystem") is True,
            "no escalation": own.get("allowPrivilegeEscalation") is False,
            "no capabilities": own.get("capabilities") == {"drop": ["ALL"]},
            "not root": pod["securityContext"].get("runAsNonRoot") is True,
            "a user": pod["securityContext"].get("runAsUser", 0) > 0,
            "seccomp": pod["securityContext"].get("seccompProfile") == {"type": "RuntimeDefault"},
            "no token": pod.get("automountServiceAccountToken") is False,
            "a folder for secrets": environment_of(one).get("EPASS_SECRETS_DIR")
            in [mount["mountPath"] for mount in container.get("volumeMounts", []) if mount.get("readOnly")],
            "something to write to": "/tmp" in [mount["mountPath"] for mount in container["volumeMounts"]],
            "no host": not {"hostNetwork", "hostPID", "hostIPC"} & set(pod),
        }
        yield from (f"{name_of(one)}: {fact}" for fact, holds in facts.items() if not holds)


@checks.finds(
    {
        "no such page": changed("Deployment", "gateway", f"{BOX}.livenessProbe.httpGet.path", "/alive"),
        "a page of the gateway alone": changed(
            "Deployment", "verify-rpc", f"{BOX}.livenessProbe.httpGet.path", "/docs"
        ),
        "a restart because the broker is away": changed(
            "Deployment", "verify-rpc", f"{BOX}.livenessProbe.httpGet.path", "/readyz"
        ),
        "another port": changed("Deployment", "verify-rpc", f"{BOX}.ports.0.containerPort", 9101),
        "no probe": changed("Deployment", "sender", f"{BOX}.startupProbe", None),
        "no gateway without a broker": changed(
            "Deployment", "gateway", f"{BOX}.readinessProbe.httpGet.path", "/readyz"
        ),
        "listening to itself": changed(
            "Deployment", "sender", f"{BOX}.env.EPASS_HEALTH_HOST.value", "127.0.0.1"
        ),
    }
)
def every_probe_is_a_route_of_its_process(manifests: Manifests) -> Iterator[str]:
    for one in manifests.processes():
        process, environment = labels_of(one)["process"], environment_of(one)
        ports = {port["name"]: str(port["containerPort"]) for port in container_of(one)["ports"]}
        for kind in PROBES:
            is_page = process == "gateway" and kind == "readinessProbe"
            name = "GATEWAY" if is_page else "HEALTH"
            if environment.get(f"EPASS_{name}_HOST") != "0.0.0.0":
                yield f"{name_of(one)} listens to itself alone"
            probe = container_of(one).get(kind, {}).get("httpGet", {})
            if probe.get("path") not in routes()["gateway" if is_page else ""]:
                yield f"{name_of(one)}: {kind} asks {probe.get('path')}"
            elif (probe["path"] == "/readyz") is not (kind == "readinessProbe" and process != "gateway"):
                yield f"{name_of(one)}: {kind} must not ask {probe['path']}"
            elif ports.get(probe["port"], "") != environment.get(f"EPASS_{name}_PORT"):
                yield f"{name_of(one)}: {kind} asks port {probe['port']}"


@checks.finds(
    {
        "a busy machine starts it for ever": changed(
            "Deployment", "verify-rpc", f"{BOX}.startupProbe.failureThreshold", 30
        )
    }
)
def a_process_has_as_long_to_start_as_in_compose(manifests: Manifests) -> Iterator[str]:
    (patient,) = {one["start_period"] for one in started_by_compose()}
    for one in manifests.processes():
        probe = container_of(one)["startupProbe"]
        if probe["periodSeconds"] * probe["failureThreshold"] < int(patient.removesuffix("s")):
            yield name_of(one)


def started_by_compose() -> list[dict[str, str]]:
    """Return the checks of the processes of e-Pass, as compose has them."""
    services = load((ROOT / "deploy" / "compose.yaml").read_text())["services"].values()
    return [
        one["healthcheck"] for one in services if "deploy.compose.health" in str(one.get("healthcheck", ""))
    ]


@checks.finds(
    {
        "pods that are refused in silence": changed(
            "Namespace", "epass", "metadata.labels.pod-security~kubernetes~io/warn", None
        )
    }
)
def the_namespace_says_at_once_what_it_would_refuse(manifests: Manifests) -> Iterator[str]:
    labels = manifests.one("Namespace", "epass")["metadata"]["labels"]
    yield from (
        kind
        for kind in ("enforce", "warn", "audit")
        if labels.get(f"pod-security.kubernetes.io/{kind}") != "restricted"
    )


@checks.finds(
    {
        "a strategy that is filled in": changed("Deployment", "relay", "spec.strategy.type", None),
        "a protocol that is": changed("NetworkPolicy", "to-broker", "spec.egress.0.ports.0.protocol", None),
    }
)
def applied_twice_nothing_changes(manifests: Manifests) -> Iterator[str]:
    """What the server fills in, each later `kubectl apply` would call a change."""
    yield from (name_of(one) for one in manifests.processes() if "type" not in one["spec"]["strategy"])
    for one in manifests.of("NetworkPolicy"):
        rules = [*one["spec"].get("egress", []), *one["spec"].get("ingress", [])]
        yield from (
            name_of(one) for rule in rules for port in rule.get("ports", []) if "protocol" not in port
        )


@checks.finds(
    {
        "a failure that takes half an hour": changed("Job", "topology", "spec.backoffLimit", 10),
        "a failure of which no pod is left": changed(
            "Job", "migrate-verify", f"{POD}.restartPolicy", "OnFailure"
        ),
    }
)
def a_job_that_cannot_succeed_fails_soon_and_leaves_what_it_said(manifests: Manifests) -> Iterator[str]:
    for one in manifests.of("Job"):
        if one["spec"]["backoffLimit"] > 3 or pod_of(one)["restartPolicy"] != "Never":
            yield name_of(one)


@checks.finds(
    {"killed early": changed("Deployment", "verify-rpc", f"{POD}.terminationGracePeriodSeconds", 30)}
)
def a_process_may_take_as_long_to_stop_as_it_needs(manifests: Manifests) -> Iterator[str]:
    for one in manifests.processes():
        before = container_of(one).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if pod_of(one).get("terminationGracePeriodSeconds", 30) - before < 40:
            yield name_of(one)


test_each_overlay_keeps_what_the_check_demands, test_control_a_broken_copy_is_found = checks.tests()
