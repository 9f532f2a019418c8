"""``components/cell``: several installations on one cluster, each in a namespace of its own."""

import json
import os
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from tests.support.stack.paths import ROOT
from tests.unit.deploy.commands import HERE, run
from tests.unit.deploy.kubernetes import (
    KUBERNETES,
    Manifests,
    Network,
    Peer,
    build,
    build_folder,
    contents,
    with_kustomize,
)
from tests.unit.deploy.peers import BROKER, COUNTERS, DATABASE, PORTS, processes

SNIPPET = HERE.split("### Several sites on one cluster", 1)[1].split("```yaml\n", 1)[1].split("```", 1)[0]
CELLS = ("ludhiana", "patiala")


def cell(folder: Path, name: str, overlay: str = "small", *components: str) -> Manifests:
    """Return what the overlay of the page describes, with another name, on top of one that is there."""
    own = yaml.safe_load(SNIPPET.replace("ludhiana", name))
    paths = [f"../{overlay}", *components, *own["components"]]
    above, *own["components"] = (
        os.path.relpath((KUBERNETES / "overlays" / overlay / path).resolve(), folder.resolve())
        for path in paths
    )
    own["resources"] = [above]
    folder.joinpath("kustomization.yaml").write_text(json.dumps(own))
    return Manifests(json.loads(build_folder(folder)))


@with_kustomize
@pytest.mark.parametrize("overlay", ["small", "large", "trial"])
def test_a_cell_is_the_overlay_under_another_name_and_nothing_of_it_names_the_namespace_epass(
    overlay: str, tmp_path: Path
) -> None:
    expected = json.dumps(build(overlay))
    for old, new in (
        ('"namespace": "epass"', '"namespace": "ludhiana"'),
        (".epass.svc", ".ludhiana.svc"),
        ("broker-nodes.epass", "broker-nodes.ludhiana"),
        (r"{namespace=\"epass\"}", r"{namespace=\"ludhiana\"}"),
        ("epass.example.org", "ludhiana.example.org"),
        ("localhost:8443", "ludhiana.example.org"),
        ('"s3://epass-backups/"', '"s3://epass-backups/ludhiana/"'),
    ):
        expected = expected.replace(old, new)
    wanted = Manifests(json.loads(expected))
    wanted.one("Namespace", "epass")["metadata"]["name"] = "ludhiana"
    found = cell(tmp_path, "ludhiana", overlay)
    assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, wanted))


@with_kustomize
def test_a_cell_may_speak_in_clear(tmp_path: Path) -> None:
    found = cell(tmp_path, "ludhiana", "small", "../../components/clear-text")
    assert {one["metadata"].get("namespace", "ludhiana") for one in found} == {"ludhiana"}
    assert not found.of("BackendTLSPolicy")


def peers(manifests: Manifests, namespace: str) -> list[Peer]:
    """Return the pods of a cell."""
    return [
        Peer(one.name, one.labels, namespace, one.ports)
        for one in (*processes(manifests), BROKER, DATABASE, COUNTERS)
    ]


def crossing(manifests: Manifests, cells: dict[str, list[Peer]]) -> list[str]:
    """Return the connections from a pod of one cell to one of another that the policies of both allow."""
    network = Network(manifests.of("NetworkPolicy"))
    one, other = cells.values()
    return [
        f"{source.name} of {source.namespace} to {target.name}:{port}"
        for source, target in (*product(one, other), *product(other, one))
        for port in PORTS
        if network.lets_out(source, target, port) and network.lets_in(source, target, port)
    ]


@with_kustomize
def test_two_cells_have_no_object_host_or_backup_in_common_and_no_pod_of_one_reaches_the_other(
    tmp_path: Path,
) -> None:
    made = {name: cell(tmp_path, name) for name in CELLS}
    for what in (
        lambda one: (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]),
        lambda one: str(one["spec"]["hostnames"]) if one["kind"] == "HTTPRoute" else one,
        lambda one: one["spec"]["configuration"]["destinationPath"] if one["kind"] == "ObjectStore" else one,
    ):
        first, second = ({str(what(one)) for one in manifests} for manifests in made.values())
        assert not first & second
    cells = {name: peers(manifests, name) for name, manifests in made.items()}
    both = Manifests([*made["ludhiana"], *made["patiala"]])
    assert crossing(both, cells) == []
    # the control: a policy of each side that names pods of every namespace
    for policy, way, peer in (("to-broker", "egress", "to"), ("broker", "ingress", "from")):
        for manifests in made.values():
            rule = manifests.one("NetworkPolicy", policy)["spec"][way][0]
            rule[peer] = [{**one, "namespaceSelector": {}} for one in rule[peer]]
    assert "relay of ludhiana to broker:5671" in crossing(both, cells)


def printed(what: str, file: Path, *namespace: str) -> subprocess.CompletedProcess[str]:
    """Run a documented command that prints Secrets."""
    command = [sys.executable, "-m", f"deploy.kubernetes.{what}", str(file), *namespace]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def secrets_of(what: str, file: Path, *namespace: str) -> dict[str, dict[str, str]]:
    """Return what is in the Secrets that a command prints, all of which are in that namespace."""
    items = json.loads(printed(what, file, *namespace).stdout)["items"]
    assert {one["metadata"]["namespace"] for one in items} == {*namespace}
    return contents(items)


def test_the_secrets_of_a_cell_lead_to_its_own_servers_and_no_other_cell_has_one_of_them(
    tmp_path: Path,
) -> None:
    made = [secrets_of("trial", tmp_path / name, name) for name in CELLS]
    for name, other, content in zip(CELLS, reversed(CELLS), made, strict=True):
        text = json.dumps(content)
        assert f"@broker.{name}.svc" in content["relay"]["EPASS_BROKER_URLS"]
        assert f"@database-rw.{name}.svc:5432" in content["relay"]["EPASS_RELAY_DATABASE_URLS"]
        assert f"@limits.{name}.svc:6380" in content["gateway"]["EPASS_LIMITS_STORE"]
        assert not re.search(rf"\.(epass|{other})\.", text)
        certificate = x509.load_pem_x509_certificate(content["gateway-tls"]["tls.crt"].encode())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        expected = [f"gateway.{name}.svc", "gateways", f"epass.{name}.svc", "localhost"]
        assert names.get_values_for_type(x509.DNSName) == expected
    known = {"username", "tls", "logins.json", "EPASS_LOCAL_MODE"}
    first, second = (
        {value for own in content.values() for key, value in own.items() if key not in known}
        for content in made
    )
    assert not first & second


@pytest.mark.parametrize("what", ["secrets", "trial"])
@pytest.mark.parametrize("before", ["epass", "ludhiana", "a release that had one namespace"])
def test_a_file_of_secrets_serves_one_cell(what: str, before: str, tmp_path: Path) -> None:
    file, own = tmp_path / "secrets.json", before if before in {"epass", "ludhiana"} else "epass"
    if before == own:
        secrets_of(what, file, own)
    else:
        file.write_text("{}")
    refused = printed(what, file, "patiala")
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert f"has the secrets of {own}; patiala needs a file of its own" in refused.stderr
    again = json.loads(printed(what, file).stdout)["items"]
    assert {one["metadata"]["namespace"] for one in again} == {own}


def test_the_jobs_of_a_cell_are_waited_for_in_its_namespace(tmp_path: Path) -> None:
    asked = 'echo "$1 $2" >>asked'
    assert run(f"{KUBERNETES / 'jobs'} ludhiana", asked, tmp_path).returncode == 0
    assert run(f"{KUBERNETES / 'jobs'}", asked, tmp_path).returncode == 0
    assert tmp_path.joinpath("asked").read_text().splitlines() == ["-n ludhiana", "-n epass"]
