"""``deploy/kubernetes/overlays/trial``: everything on one node, without what others have made."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from contracts.subscriptions import SERVICES
from deploy.kubernetes import secrets, trial
from deploy.local.access import READERS
from deploy.local.secrets import SecretStore
from services.chassis.runtime.clock import now
from services.ops.grants import ROLES
from tests.support.stack import images
from tests.support.stack.paths import ROOT
from tests.unit.deploy.kubernetes import (
    Manifest,
    Network,
    Peer,
    build,
    contents,
    environment_of,
    labels_of,
    name_of,
    pod_of,
    secret_keys,
    selects,
    template_of,
    with_kustomize,
)

pytestmark = with_kustomize
TRIAL = "trial"
PLAIN = {
    "Namespace", "ConfigMap", "Deployment", "StatefulSet", "Job", "CronJob", "Service", "NetworkPolicy",
    "PodDisruptionBudget",
}  # fmt: skip
"""What each cluster knows by itself."""


def made(file: Path) -> dict[str, dict[str, str]]:
    """Return what the documented command puts into each Secret."""
    store = SecretStore(file)
    return contents([*secrets.manifests(store, {}), *trial.additions(store)])


def with_pods() -> list[Manifest]:
    return build(TRIAL).of("Deployment", "StatefulSet", "Job", "CronJob")


def test_a_cluster_without_anything_else_knows_all_of_it_and_only_its_pods_reach_it() -> None:
    manifests = build(TRIAL)
    assert {one["kind"] for one in manifests} == PLAIN
    assert {one["spec"].get("type", "ClusterIP") for one in manifests.of("Service")} == {"ClusterIP"}
    assert not re.findall(r"\b(?:HOST|PROXIES|ISSUER|CLASS)\b", json.dumps(manifests))


def test_every_object_meets_its_schema() -> None:
    import kubernetes_validate  # it reads a grammar for seconds

    for one in build(TRIAL):
        kubernetes_validate.validate(one, "1.34", strict=True)


def test_the_servers_are_those_of_compose_and_have_as_few_rights_as_the_processes() -> None:
    servers = build(TRIAL).of("StatefulSet")
    pinned = {images.pinned(f"EPASS_{name}_IMAGE") for name in ("RABBITMQ", "POSTGRES")}
    assert {pod_of(one)["containers"][0]["image"] for one in servers} == pinned
    process = build(TRIAL).one("Deployment", "relay")
    for one in servers:
        pod, (container,) = pod_of(one), pod_of(one)["containers"]
        assert container["securityContext"] == pod_of(process)["containers"][0]["securityContext"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        assert {"requests", "limits"} == container["resources"].keys()


def test_every_pod_finds_its_secrets(tmp_path: Path) -> None:
    content = made(tmp_path / "secrets.json")
    for one in with_pods():
        for name, keys in secret_keys(one).items():
            assert set(keys or []) <= content[name].keys(), name_of(one)


@pytest.mark.parametrize(("address", "port"), [(secrets.BROKER, 5671), (secrets.DATABASE_SERVER, 5432)])
def test_the_addresses_lead_to_the_servers_and_the_policies_let_their_clients_through(
    address: str, port: int
) -> None:
    manifests = build(TRIAL)
    service = manifests.one("Service", address.partition(".")[0])["spec"]
    (server,) = [one for one in with_pods() if selects({"matchLabels": service["selector"]}, labels_of(one))]
    ports = {one["name"]: one["containerPort"] for one in pod_of(server)["containers"][0]["ports"]}
    assert [(one["port"], ports[one["targetPort"]]) for one in service["ports"]] == [(port, port)]
    network = Network(manifests.of("NetworkPolicy"))
    peer = Peer("server", labels_of(server))
    for one in manifests.workloads():
        client = Peer(name_of(one), labels_of(one))
        is_client = {"broker": "broker", "database": "database-rw"}
        needs = any(
            labels_of(one).get(label) == "client" and address.startswith(name)
            for label, name in is_client.items()
        )
        passes = network.lets_out(client, peer, port) and network.lets_in(client, peer, port)
        assert passes is needs, client.name


def test_the_people_of_the_test_in_a_cluster_reach_the_pages_and_without_its_policies_do_not() -> None:
    manifests = build(TRIAL)
    gateway = manifests.one("Deployment", "gateway")
    ports = {one["name"]: one["containerPort"] for one in pod_of(gateway)["containers"][0]["ports"]}
    (asked,) = (one["targetPort"] for one in manifests.one("Service", "gateway")["spec"]["ports"])
    theirs = list(yaml.safe_load_all((ROOT / "tests/kubernetes/people.yaml").read_text()))
    (people,) = (one for one in theirs if one["kind"] == "Pod")
    source = Peer("people", people["metadata"]["labels"])
    target = Peer("gateway", labels_of(gateway), ports=ports)
    more = [one for one in theirs if one["kind"] == "NetworkPolicy"]
    for one in more:
        one["metadata"]["namespace"] = "epass"
    for added in (more, []):
        network = Network([*manifests.of("NetworkPolicy"), *added])
        passes = network.lets_out(source, target, asked) and network.lets_in(source, target, asked)
        assert passes is bool(added)


def test_every_process_is_in_local_mode_and_the_demonstrations_logins_are_made() -> None:
    manifests = build(TRIAL)
    for one in manifests.processes():
        environment = environment_of(one)
        assert environment["EPASS_LOCAL_MODE"] == environment["EPASS_LOCAL_MODE_IN_CONTAINER"] == "true"
    for name in ("accounts", "approval"):
        _, _, command = pod_of(manifests.one("Deployment", f"{name}-rpc"))["containers"][0]["command"]
        seed, _, serve = command.partition(" && exec ")
        assert seed.startswith(f"epass seed {name}")
        assert serve == f"epass serve {name} --only rpc"


def asked() -> Iterator[tuple[str, str]]:
    """Yield the Secret and each name of every certificate that an installation asks cert-manager for."""
    for one in build("small").of("Certificate"):
        for name in one["spec"].get("dnsNames", []):
            if not name.startswith("broker-server-"):  # between nodes, of which there is one
                yield one["spec"]["secretName"], name


def test_its_certificates_have_the_names_that_cert_manager_would_give_and_one_authority(
    tmp_path: Path,
) -> None:
    content = made(tmp_path / "secrets.json")
    wanted = {
        *asked(),
        ("database-tls", secrets.DATABASE_SERVER.partition(":")[0]),
        ("gateway-tls", "localhost"),
    }
    authority = x509.load_pem_x509_certificate(content["inside-ca"]["ca.crt"].encode())
    assert content["inside-ca"] == content["database-ca"]
    policy = PolicyBuilder().store(Store([authority])).time(now())
    for secret, name in wanted:
        certificate = x509.load_pem_x509_certificate(content[secret]["tls.crt"].encode())
        policy.build_server_verifier(x509.DNSName(name)).verify(certificate, [])
    certificate = x509.load_pem_x509_certificate(content["relay-tls"]["tls.crt"].encode())
    with pytest.raises(x509.verification.VerificationError):
        policy.build_server_verifier(x509.DNSName("sender")).verify(certificate, [])


def test_made_again_all_of_it_is_the_same(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    assert made(file) == made(file)
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_database_server_makes_every_role_with_its_password_and_a_database_for_each_service(
    tmp_path: Path,
) -> None:
    content = made(tmp_path / "secrets.json")
    sql = content["database-roles"]["roles.sql"]
    roles = dict(re.findall(r"CREATE ROLE (\w+) LOGIN PASSWORD '([\w-]+)';", sql))
    expected = {role: content[secrets.of_role(role)]["password"] for role in (*SERVICES, *ROLES, *READERS)}
    assert roles == expected
    owned = re.findall(r"CREATE DATABASE (\w+) OWNER (\w+);", sql)
    assert owned == [(service, service) for service in SERVICES]


def test_the_servers_read_the_secrets_that_are_made_for_them_and_take_nothing_in_clear() -> None:
    manifests = build(TRIAL)
    files = manifests.one("ConfigMap", "trial-servers")["data"]
    lines = files["rabbitmq.conf"].splitlines()
    assert "listeners.tcp = none" in lines
    read = {line.split(" = ")[1] for line in lines if line.partition(" = ")[2].startswith("/")}
    mounts = {
        f"{one['mountPath']}/"
        for one in pod_of(manifests.one("StatefulSet", "broker-server"))["containers"][0]["volumeMounts"]
    }
    assert all(any(path.startswith(mount) for mount in mounts) for path in read)
    remote = [line for line in files["pg_hba.conf"].splitlines() if not line.startswith("local ")]
    assert remote == ["hostssl all all all scram-sha-256"]
    assert template_of(manifests.one("StatefulSet", "database"))["spec"]["volumes"]
