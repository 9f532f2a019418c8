"""The commands of docs/install.md for Kubernetes, with a `kubectl` that refuses what the real one refuses."""

import json
import os
from pathlib import Path

import pytest
import yaml

from tests.unit.deploy.commands import HERE, run
from tests.unit.deploy.kubernetes import (
    KUBERNETES,
    Manifests,
    build,
    build_folder,
    container_of,
    with_kustomize,
)

SHELLS = """
shift 2
case "$1 $2" in
  "create job") if [ -e "job-$4" ]; then echo "$4 already exists" >&2; exit 1; fi; touch "job-$4" ;;
  wait*) for job in job-*; do touch "ready-$job"; done ;;
  "delete job") shift 2; for job; do rm "job-$job" "ready-job-$job"; done ;;
  exec*) for word; do case "$word" in job/*) [ -e "ready-job-${word#job/}" ] || exit 1 ;; esac; done ;;
esac
"""
"""A Job of a name is there once, its pod takes a command when it has been waited for, and goes with it."""


def test_the_pods_for_commands_are_waited_for_and_taken_away_so_that_the_commands_can_be_repeated(
    tmp_path: Path,
) -> None:
    (block,) = [one.split("```", 1)[0] for one in HERE.split("```sh\n")[1:] if "create job" in one]
    for name in ("sites.csv", "logins.csv"):
        tmp_path.joinpath(name).touch()
    for _ in range(2):
        done = run(block, SHELLS, tmp_path)
        assert done.returncode == 0, done.stderr
    assert [*tmp_path.glob("job-*")] == [], "initial passwords lie in one"


FAILED = """
echo "$3" >>asked
case "$3" in
  wait) exit 1 ;;
  get) printf 'topology Complete\\nmigrate-verify FailureTarget,Failed\\n' ;;
  logs) echo "what the pod said of $6" ;;
esac
"""


def test_a_job_that_has_failed_ends_the_waiting_at_once_with_what_it_said(tmp_path: Path) -> None:
    done = run(str(KUBERNETES / "jobs"), FAILED, tmp_path)
    assert done.returncode == 1
    assert "what the pod said of job/migrate-verify" in done.stdout
    assert "migrate-verify has failed" in done.stderr
    assert tmp_path.joinpath("asked").read_text().split() == ["wait", "get", "logs"]


def test_when_all_jobs_are_done_the_waiting_ends(tmp_path: Path) -> None:
    assert run(str(KUBERNETES / "jobs"), "exit 0", tmp_path).returncode == 0


def test_nothing_waits_for_jobs_in_another_way() -> None:
    assert HERE.count("deploy/kubernetes/jobs") >= 3, "installation, upgrade and trial"
    assert "condition=Complete" not in HERE


@with_kustomize
def test_an_overlay_on_top_of_one_gives_every_pod_the_image_as_the_page_says(tmp_path: Path) -> None:
    snippet = HERE.split("```yaml\n  images:\n", 1)[1].split("```", 1)[0].replace("VERSION", "1.2.3")
    added = build("small").one("Deployment", "relay")
    added["metadata"]["name"], container = "second-relay", added["spec"]["template"]["spec"]["containers"][0]
    container["image"] = "epass"
    tmp_path.joinpath("added.yaml").write_text(json.dumps(added))
    small = os.path.relpath(KUBERNETES / "overlays" / "small", tmp_path)
    own = {"resources": [small, "added.yaml"], "images": yaml.safe_load(snippet)}
    tmp_path.joinpath("kustomization.yaml").write_text(json.dumps(own))
    manifests = Manifests(json.loads(build_folder(tmp_path)))
    images = {container_of(one)["image"] for one in manifests.workloads()}
    assert images == {"registry.example.gov.in/epass:1.2.3"}


@with_kustomize
def test_where_a_node_without_a_zone_gets_no_pod_the_page_says_how_to_label_it() -> None:
    strict = [
        constraint["topologyKey"]
        for one in build("large").processes()
        for constraint in one["spec"]["template"]["spec"]["topologySpreadConstraints"]
        if constraint["whenUnsatisfiable"] == "DoNotSchedule"
    ]
    assert {f"kubectl label node NODE {key}=ZONE" in HERE for key in strict} == {True}


@with_kustomize
def test_the_page_names_the_least_kubernetes_that_knows_every_field() -> None:
    (gateway,) = [one for one in build("small").processes() if one["metadata"]["name"] == "gateway"]
    assert "sleep" in container_of(gateway)["lifecycle"]["preStop"]
    assert "Kubernetes 1.30 or later" in " ".join(HERE.split())


@pytest.mark.parametrize(
    ("case", "command"),
    [
        ("a registry asks for a password", """patch '{"imagePullSecrets":[{"name":"registry"}]}'"""),
        ("a Job is to change outside of an upgrade", "`kubectl -n epass delete job -l stage=jobs`"),
    ],
)
def test_before_the_first_command_the_page_says_what_to_do_if(case: str, command: str) -> None:
    assert command in " ".join(HERE.split("kubectl apply -k $overlay", 1)[0].split()), case
