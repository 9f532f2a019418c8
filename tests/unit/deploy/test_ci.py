"""``deploy/ci``: what runs each week."""

import json
import re

import yaml

from tests.support.stack.paths import ROOT
from tests.unit.deploy.kubernetes import build, build_folder, with_kustomize

CI = ROOT / "deploy" / "ci"
ROWS = {
    "cert-manager": "cert-manager ",
    "cluster-operator": "RabbitMQ's cluster operator ",
    "cloudnative-pg": "CloudNativePG ",
    "plugin-barman-cloud": "Barman Cloud plugin ",
    "keda": "KEDA ",
    "prometheus-operator": "Prometheus operator ",
    "gateway": "Envoy Gateway ",
}
"""The project of each operator, and what stands before its version in docs/install.md."""


def test_the_cluster_of_each_week_has_the_operators_in_the_versions_of_the_page() -> None:
    page = (ROOT / "docs/install.md").read_text()
    named = yaml.safe_load((CI / "cluster.yml").read_text())["env"]["OPERATORS"]
    found = dict(re.findall(r"/([\w-]+)/releases/download/v([\d.]+)/", named))
    assert found.keys() == ROWS.keys()
    for project, version in found.items():
        (line,) = re.findall(rf"^\| .*{ROWS[project]}(\d+\.\d+(?:\.\d+)?)", page, re.MULTILINE)
        assert version == line or version == f"{line}.0", project


@with_kustomize
def test_its_site_is_small_without_an_object_store_and_fits_a_machine_of_four_processors() -> None:
    made, small = json.loads(build_folder(CI / "operators")), build("small")
    gone = {"ObjectStore", "ScheduledBackup"}
    assert {one["kind"] for one in small} - {one["kind"] for one in made} == gone
    servers = {one["kind"]: one["spec"] for one in made if one["kind"] in ("Cluster", "RabbitmqCluster")}
    assert "plugins" not in servers["Cluster"]
    assert {spec["resources"]["requests"]["cpu"] for spec in servers.values()} == {"100m"}
