"""``deploy/kubernetes``: no connection is in clear, and whoever asks checks whom they ask.

Whether a process that has these settings takes no less is shown on real servers:
``tests/integration/chassis/runtime/test_encryption.py`` and ``test_https.py`` beside it.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock
from urllib.parse import parse_qs, urlsplit

from aiormq.connection import DEFAULT_PORTS
from pydantic import SecretStr

from deploy.kubernetes import secrets
from services.chassis.messaging.broker import kombu_connection
from services.chassis.runtime.encryption import Files, encrypted_broker
from tests.unit.deploy.kubernetes import (
    BOX,
    KUBERNETES,
    POD,
    PROBES,
    SETTINGS,
    Checks,
    Manifest,
    Manifests,
    build_folder,
    changed,
    container_of,
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
INSIDE, DATABASES = "/run/tls/authorities/inside.crt", "/run/tls/authorities/database.crt"


def names(manifests: Manifests, certificate: str) -> set[str]:
    """Return the names in the certificate that lies in a Secret; none if nobody makes it."""
    found = [one["spec"] for one in manifests.of("Certificate") if one["spec"]["secretName"] == certificate]
    signed = [one for one in found if one["issuerRef"] == {"name": "inside", "kind": "Issuer"}]
    return set(signed[0]["dnsNames"]) if signed else set()


def files(workload: Manifest) -> dict[str, tuple[str, str]]:
    """Return the files below /run/tls in a container: the Secret and the key of each."""
    folders = {
        one["name"]: one["mountPath"]
        for one in container_of(workload)["volumeMounts"]
        if one["mountPath"].startswith("/run/tls") and one.get("readOnly")
    }
    found = {}
    for volume in pod_of(workload)["volumes"]:
        folder = folders.get(volume["name"])
        for source in volume.get("projected", {}).get("sources", []) if folder else []:
            for item in source["secret"]["items"]:
                found[f"{folder}/{item['path']}"] = source["secret"]["name"], item["key"]
        if folder and "secret" in volume:
            for key in ("tls.crt", "tls.key"):
                found[f"{folder}/{key}"] = volume["secret"]["secretName"], key
    return found


@checks.finds(
    {
        "nobody to believe": changed("Deployment", "relay", f"{BOX}.env.EPASS_BROKER_CA", None),
        "a job that believes anybody": changed("Job", "migrate-verify", f"{BOX}.env.EPASS_DATABASE_CA", None),
        "a command that does": changed(
            "CronJob", "administrator", f"spec.jobTemplate.{BOX}.env.EPASS_BROKER_CA", None
        ),
        "the authority of another": changed(
            "Deployment", "relay", f"{BOX}.env.EPASS_DATABASE_CA.value", INSIDE
        ),
        "a file that is not there": changed("Deployment", "relay", f"{BOX}.volumeMounts.authorities", None),
        "limits in clear": changed("Deployment", "gateway", f"{BOX}.env.EPASS_LIMITS_CA", None),
        "an exporter in clear": changed(
            "Deployment", "gateway", f"{BOX}.env.EPASS_OPS_URL.value", "http://exporter:9101"
        ),
        "a process in clear": changed(
            "Deployment", "exporter", f"{BOX}.env.EPASS_OPS_PROCESSES.value", "relay=http://relay:9100"
        ),
        "an exporter that believes anybody": changed(
            "Deployment", "exporter", f"{BOX}.env.EPASS_HTTP_CA", None
        ),
        "a process that serves in clear": changed(
            "Deployment", "sender", f"{BOX}.env.EPASS_HTTP_CERTIFICATE", None
        ),
        "a key of another": changed(
            "Deployment", "sender", f"{POD}.volumes.certificate.secret.secretName", "verify-tls"
        ),
        "no certificate": removed("Certificate", "sender"),
        "a certificate of another name": changed("Certificate", "notify", "spec.dnsNames", ["sender"]),
    }
)
def every_address_that_a_process_reads_is_asked_over_tls_by_its_name(manifests: Manifests) -> Iterator[str]:
    for one in manifests.workloads():
        process, there = labels_of(one)["process"], files(one)
        environment = environment_of(one)
        pairs = {"EPASS_BROKER_CA": ("inside-ca", "ca.crt"), "EPASS_DATABASE_CA": ("database-ca", "ca.crt")}
        if one["kind"] == "Deployment":
            own = f"{process}-tls"
            pairs |= {"EPASS_HTTP_CA": ("inside-ca", "ca.crt")}
            pairs |= {"EPASS_HTTP_CERTIFICATE": (own, "tls.crt"), "EPASS_HTTP_KEY": (own, "tls.key")}
            if {process, "epass.epass.svc"} - names(manifests, own) - {"gateway"}:
                yield f"{name_of(one)} is not known by its certificate"
        if process == "gateway":
            pairs |= {"EPASS_LIMITS_CA": ("inside-ca", "ca.crt")}
        for setting, expected in pairs.items():
            if there.get(environment.get(setting, "")) != expected:
                yield f"{name_of(one)}: {setting} is not {expected}"
        if re.search(r"\b(http|amqp|valkey|redis)://", str(environment)):
            yield f"{name_of(one)} asks something in clear"
        for address in addresses(one):
            yield from (f"{name_of(one)}: {why}" for why in weakness(manifests, address))


def addresses(workload: Manifest) -> Iterator[str]:
    """Yield each address of a server, as a process makes it of its Secret and its variables."""
    (secret,) = [
        one["secret"]["secretName"] for one in pod_of(workload)["volumes"] if one["name"] == "secrets"
    ]
    given = environment_of(workload)
    authorities = {name: path for name, path in given.items() if name.endswith("_CA")}
    others = {name: value for name, value in given.items() if not value.startswith("/run/")}
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, {**others, **secret_values()[secret]}, clear=True),
    ):
        for name, path in authorities.items():
            os.environ[name] = f"{folder}/{Path(path).name}"
            Path(os.environ[name]).touch()
        for kind in SETTINGS[labels_of(workload)["process"]]:
            for name, value in kind():
                if name.endswith(("database_url", "database_urls", "broker_urls", "limits_store")):
                    secretly = value.get_secret_value() if isinstance(value, SecretStr) else value
                    yield from secretly if isinstance(secretly, tuple) else [secretly]
                elif name in {"ops_processes", "ops_url"}:
                    yield from value if isinstance(value, tuple) else [value]


def weakness(manifests: Manifests, address: str) -> Iterator[str]:
    """Yield why somebody on the way could read what is sent to an address, or answer in its place."""
    url = urlsplit(re.sub(r"^\w+=(?=https?:|postgresql)", "", address))
    options = {name: values[-1] for name, values in parse_qs(url.query).items()}
    if url.scheme.startswith("postgresql"):
        if options.get("sslmode") != "verify-full" or not options["sslrootcert"].endswith("/database.crt"):
            yield f"{url.hostname} is not verified"
        return
    known = set().union(*(names(manifests, one["spec"]["secretName"]) for one in manifests.of("Certificate")))
    if url.scheme not in {"amqps", "https", "valkeys"}:
        yield f"{url.scheme}://{url.hostname} is in clear"
    elif url.scheme == "amqps" and not options["cafile"].endswith("/inside.crt"):
        yield f"{url.hostname} is not verified"
    elif url.hostname not in known:
        yield f"no certificate has the name {url.hostname}"


@checks.finds(
    {
        "a probe in clear": changed("Deployment", "gateway", f"{BOX}.livenessProbe.httpGet.scheme", "HTTP"),
        "a probe that says nothing": changed(
            "Deployment", "relay", f"{BOX}.readinessProbe.httpGet.scheme", None
        ),
    }
)
def every_probe_asks_over_tls(manifests: Manifests) -> Iterator[str]:
    for one in manifests.processes():
        for kind in PROBES:
            if container_of(one)[kind]["httpGet"].get("scheme") != "HTTPS":
                yield f"{name_of(one)}: {kind}"


@checks.finds(
    {
        "processes in clear": changed("ServiceMonitor", "epass", "spec.endpoints.0.scheme", None),
        "whoever answers": changed("ServiceMonitor", "rabbitmq", "spec.endpoints.0.tlsConfig.ca", None),
        "nobody's name": changed(
            "PodMonitor", "postgresql", "spec.podMetricsEndpoints.0.tlsConfig.serverName", "database"
        ),
        "a database that tells in clear": changed("Cluster", "database", "spec.monitoring", None),
        "a process that Prometheus does not know": changed(
            "Certificate", "relay", "spec.dnsNames", ["relay"]
        ),
    }
)
def prometheus_asks_over_tls_and_checks_whom(manifests: Manifests) -> Iterator[str]:
    """The server of CloudNativePG has the name of its Service for writing, in a certificate of its own CA."""
    asked = {
        "epass": ("inside-ca", [names(manifests, f"{process}-tls") for process in secrets.access.WATCHED]),
        "rabbitmq": ("inside-ca", [names(manifests, "broker-tls")]),
        "postgresql": ("database-ca", [{"database-rw"}]),
    }
    for one in manifests.of("ServiceMonitor", "PodMonitor"):
        spec = one["spec"]
        authority, known = asked[one["metadata"]["name"]]
        for endpoint in spec.get("endpoints", []) + spec.get("podMetricsEndpoints", []):
            tls = endpoint.get("tlsConfig", {})
            if endpoint.get("scheme") != "https" or tls.get("insecureSkipVerify"):
                yield f"{name_of(one)} asks in clear"
            if tls.get("ca") != {"secret": {"name": authority, "key": "ca.crt"}}:
                yield f"{name_of(one)} believes anybody"
            if not all(tls.get("serverName") in some for some in known):
                yield f"{name_of(one)} asks for {tls.get('serverName')}"
    if manifests.one("Cluster", "database")["spec"].get("monitoring") != {"tls": {"enabled": True}}:
        yield "the database server tells its figures in clear"


@checks.finds(
    {
        "pages in clear": removed("BackendTLSPolicy", "gateway"),
        "of another service": changed("BackendTLSPolicy", "gateway", "spec.targetRefs.0.name", "exporter"),
        "another name": changed(
            "BackendTLSPolicy", "gateway", "spec.validation.hostname", "epass.example.org"
        ),
        "another authority": changed(
            "BackendTLSPolicy", "gateway", "spec.validation.caCertificateRefs.0.name", "public-tls"
        ),
        "a port in clear": changed("Service", "gateway", "spec.ports.0.targetPort", 8080),
    }
)
def the_way_in_asks_the_gateways_over_tls(manifests: Manifests) -> Iterator[str]:
    policies = manifests.of("BackendTLSPolicy")
    (route,) = [one for one in manifests.of("HTTPRoute") if one["metadata"]["name"] == "gateway"]
    for rule in route["spec"]["rules"]:
        for backend in rule.get("backendRefs", []):
            service = manifests.one("Service", backend["name"])["spec"]
            (port,) = [one for one in service["ports"] if one["port"] == backend["port"]]
            target = {"group": "", "kind": "Service", "name": backend["name"], "sectionName": port["name"]}
            found = [one["spec"]["validation"] for one in policies if target in one["spec"]["targetRefs"]]
            if not found:
                yield f"{backend['name']} is asked in clear"
                continue
            (authority,) = found[0]["caCertificateRefs"]
            if authority != {"group": "", "kind": "Secret", "name": "gateway-tls"}:
                yield f"{authority} is believed"
            if found[0]["hostname"] not in names(manifests, "gateway-tls"):
                yield f"nobody is called {found[0]['hostname']}"
            for one in manifests.processes():
                if selects({"matchLabels": service["selector"]}, labels_of(one)) and str(
                    port["targetPort"]
                ) != environment_of(one).get("EPASS_GATEWAY_PORT"):
                    yield f"{name_of(one)} has no port {port['targetPort']}"


@checks.finds(
    {
        "a broker that listens in clear": changed(
            "RabbitmqCluster", "broker", "spec.tls.disableNonTLSListeners", False
        ),
        "a broker without a certificate": changed("RabbitmqCluster", "broker", "spec.tls", None),
        "nodes in clear": changed("RabbitmqCluster", "broker", "spec.rabbitmq.envConfig", None),
        "a node that nobody knows": changed("Certificate", "broker", "spec.dnsNames.3", "broker"),
        "nodes that believe anybody": changed(
            "ConfigMap", "broker-between-nodes", "data", {"tls.config": "[{server, []}, {client, []}]."}
        ),
        "a database that takes clear text": changed("Cluster", "database", "spec.postgresql.pg_hba", None),
        "counters in clear": changed(
            "Deployment", "limits", "spec.template.spec.containers.valkey.args.7", "6379"
        ),
        "KEDA in clear": changed(
            "TriggerAuthentication", "broker", "spec.secretTargetRef.0",
            {"parameter": "host", "name": "exporter", "key": "EPASS_BROKER_URLS"},
        ),
        "KEDA believes anybody": changed("TriggerAuthentication", "broker", "spec.secretTargetRef.2", None),
    }
)  # fmt: skip
def no_server_takes_clear_text(manifests: Manifests) -> Iterator[str]:
    broker = manifests.one("RabbitmqCluster", "broker")["spec"]
    if broker.get("tls") != {"secretName": "broker-tls", "disableNonTLSListeners": True}:
        yield "the broker takes clients in clear"
    nodes = {f"broker-server-{number}.broker-nodes.epass" for number in range(broker["replicas"])}
    if not {"broker.epass.svc", *nodes} <= names(manifests, "broker-tls"):
        yield "the broker is not known by its certificate"
    yield from between_nodes(manifests)
    if manifests.one("Cluster", "database")["spec"]["postgresql"].get("pg_hba") != [
        "hostnossl all all all reject"
    ]:
        yield "the database server takes clients in clear"
    (valkey,) = manifests.one("Deployment", "limits")["spec"]["template"]["spec"]["containers"]
    options = dict(zip(valkey["args"][::2], valkey["args"][1::2], strict=True))
    if (options.get("--port"), options.get("--tls-port")) != ("0", "6380"):
        yield "the counters are asked in clear"
    if options["--tls-cert-file"] not in valkey["livenessProbe"]["exec"]["command"]:
        yield "a renewed certificate of the counters is not noticed"
    asks = {
        one["parameter"]: (one["name"], one["key"])
        for one in manifests.one("TriggerAuthentication", "broker")["spec"]["secretTargetRef"]
    }
    if asks != {"host": ("keda", "host"), "tls": ("keda", "tls"), "ca": ("inside-ca", "ca.crt")}:
        yield f"KEDA asks {asks}"
    if (
        not secret_values()["keda"]["host"].startswith("amqps://")
        or secret_values()["keda"]["tls"] != "enable"
    ):
        yield "KEDA asks in clear"


def between_nodes(manifests: Manifests) -> Iterator[str]:
    """Yield what lets nodes of the broker talk in clear, or with a stranger."""
    broker = manifests.one("RabbitmqCluster", "broker")["spec"]
    pod = broker["override"]["statefulSet"]["spec"]["template"]["spec"]
    mounts = {one["name"]: one["mountPath"] for one in pod["containers"][0]["volumeMounts"]}
    sources = {one["name"]: one for one in pod["volumes"]}
    arguments = f'"-proto_dist inet_tls -ssl_dist_optfile {mounts["between-nodes"]}/tls.config"'
    for program in ("SERVER_ADDITIONAL_ERL_ARGS", "RABBITMQ_CTL_ERL_ARGS"):
        if f"{program}={arguments}" not in broker["rabbitmq"].get("envConfig", "").splitlines():
            yield f"{program} has no TLS"
    if sources["between-nodes"]["configMap"]["name"] != "broker-between-nodes":
        yield "the nodes read something else"
    if sources["certificate"]["secret"]["secretName"] != "broker-tls":
        yield "the nodes show something else"
    told = manifests.one("ConfigMap", "broker-between-nodes")["data"]["tls.config"]
    if told.count("verify_peer") != 2 or "{fail_if_no_peer_cert, true}" not in told:
        yield "the nodes believe anybody"
    named = set(re.findall(r'"(.+?)"', told))
    if named != {f"{mounts['certificate']}/{file}" for file in ("ca.crt", "tls.crt", "tls.key")}:
        yield f"the nodes read {named}"


test_each_overlay_keeps_what_the_check_demands, test_control_a_broken_copy_is_found = checks.tests()


def test_with_the_component_for_clear_text_all_agree_on_it_and_servers_are_verified_still(
    tmp_path: Path,
) -> None:
    folders = [
        os.path.relpath(KUBERNETES / path, tmp_path) for path in ("overlays/small", "components/clear-text")
    ]
    (tmp_path / "kustomization.yaml").write_text(f"resources: [{folders[0]}]\ncomponents: [{folders[1]}]\n")
    manifests = Manifests(json.loads(build_folder(tmp_path)))
    assert manifests.of("BackendTLSPolicy") == []
    for one in manifests.processes():
        environment, ports = environment_of(one), {each["name"] for each in container_of(one)["ports"]}
        assert [name for name in environment if name.startswith("EPASS_HTTP_")] == []
        assert {"EPASS_BROKER_CA", "EPASS_DATABASE_CA"} <= environment.keys()
        probes = [container_of(one)[kind]["httpGet"] for kind in PROBES]
        assert {(probe["port"], probe["scheme"]) for probe in probes} <= {("http", "HTTP"), ("pages", "HTTP")}
        assert "http" in ports
        assert "https" not in ports
        asked = [at for at in addresses(one) if "http" in at]
        assert all(re.search(r"(^|=)http://", at) for at in asked)
    for service in manifests.of("Service"):
        assert "https" not in {port.get("targetPort") for port in service["spec"]["ports"]}


def test_the_address_of_the_broker_leads_to_the_port_of_tls(tmp_path: Path) -> None:
    plain = secret_values()["verify"]["EPASS_BROKER_URLS"]
    assert urlsplit(plain).port is None
    ports = {}
    for address in (plain, encrypted_broker(plain, Files(tmp_path))):
        connection = kombu_connection([address])
        assert connection.port is None
        ports[urlsplit(address).scheme] = connection.transport.default_connection_params["port"]
    assert ports == {"amqp": 5672, "amqps": 5671} == DEFAULT_PORTS
