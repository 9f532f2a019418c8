"""What `make kubernetes-test` refuses, and which commands of the page it runs."""

import json
from pathlib import Path

import pytest

from tests.kubernetes import cluster

HERE, ELSEWHERE = "https://127.0.0.1:6443", "https://10.20.30.40:6443"
CASES = {
    ("kind-epass", HERE): True,
    ("k3d-one", "https://0.0.0.0:41234"): True,
    ("minikube", "https://192.168.49.2:8443"): True,
    ("docker-desktop", "https://kubernetes.docker.internal:6443"): True,
    ("colima", HERE): True,
    ("rancher-desktop", HERE): True,
    ("default", HERE): True,
    ("default", ELSEWHERE): False,
    ("admin@secretariat", HERE): False,
    ("not-kind-at-all", ELSEWHERE): False,
}


@pytest.mark.parametrize("case", CASES)
def test_only_a_context_of_a_developers_machine_looks_local(case: tuple[str, str]) -> None:
    assert cluster.looks_local(*case) is CASES[case]


@pytest.mark.parametrize(
    ("context", "namespace", "force", "why"),
    [
        ("secretariat", "", False, "does not look local"),
        ("kind-epass", "namespace/epass\n", False, "there is a namespace/epass already"),
        ("secretariat", "namespace/epass\n", True, "there is a namespace/epass already"),
        ("kind-epass", "namespace/epass-second\n", False, "there is a namespace/epass-second already"),
        ("secretariat", "", True, ""),
        ("kind-epass", "", False, ""),
    ],
)
def test_a_cluster_with_the_work_of_others_is_refused(
    context: str, namespace: str, force: bool, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = json.dumps({"current-context": context, "clusters": [{"cluster": {"server": ELSEWHERE}}]})
    answers = {"config": view, "get": namespace}
    monkeypatch.setattr(cluster, "kubectl", lambda *arguments, **_: answers[arguments[0]])
    if not why:
        cluster.refuse_what_is_not_for_tests(force=force)
        return
    with pytest.raises(SystemExit, match=why):
        cluster.refuse_what_is_not_for_tests(force=force)


@pytest.mark.parametrize("heading", ["### A trial on one node", "An upgrade takes the order of"])
def test_it_runs_the_commands_of_the_page_for_its_own_overlay_and_secrets(
    heading: str, tmp_path: Path
) -> None:
    script = cluster.for_here(cluster.commands(heading), Path("/its/overlay"), Path("/its/secrets.json"))
    assert "overlay=/its/overlay" in script
    assert script.count("deploy.kubernetes.trial /its/secrets.json | kubectl apply -f -") == 1
    assert "deploy/kubernetes/jobs" in script
    others = ("~/", "cnpg.io", "deploy.kubernetes.secrets", "overlays/trial")
    assert [word for word in others if word in script] == []


@pytest.mark.parametrize("step", [1, 4, 6])
def test_the_drill_of_a_restore_runs_the_commands_of_the_page(step: int) -> None:
    script = cluster.commands(f"{step}. **", "backup")
    assert all(line.startswith(("kubectl ", "deploy/")) for line in script.splitlines()), script
    assert "…" not in script
