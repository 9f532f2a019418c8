"""`make kubernetes-test`: e-Pass in a cluster: started, killed, restarted, upgraded, rolled back, restored.

It takes the cluster that `kubectl` means, if that looks local (FORCE=yes takes any), and its namespace
`epass`, which must not be there, and which it deletes at the end (KEEP=yes leaves it after a failure).

- EPASS_LOAD brings an image into the cluster, with the image's name as its last argument, such as `kind load
  docker-image`. EPASS_IMAGE is another name than `epass`, for `docker push`; DOCKER another engine's command.
- EPASS_CRDS is a folder with the operators' definitions, which it applies; or overlays for sites are skipped.

The exit code is 1 if a journey was lost, a request failed where none may, or a pod did not come back.
"""

import contextlib
import io
import json
import os
import shlex
import ssl
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx

from deploy.local.smoke_journey import SmokeJourney
from tests.kubernetes import cells, cluster, network, restore, work
from tests.kubernetes.cluster import Skipped, here, kubectl
from tests.support.stack.paths import ROOT

KUBERNETES = ROOT / "deploy" / "kubernetes"
SITES = {
    "small": ("overlays/small",),
    "large": ("overlays/large",),
    "traces": ("overlays/small", "components/traces"),
}
SETTING = os.environ.get


class Trial:
    """One run, which keeps overlays and secrets in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._image = SETTING("EPASS_IMAGE", "epass")
        self._tag = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
        self._tags = (self._tag, f"{self._tag}-next")
        self._secrets, self._logins = folder / "secrets.json", folder / "logins.json"
        images = {tag: [{"name": "epass", "newName": self._image, "newTag": tag}] for tag in self._tags}
        for tag, own in images.items():
            self._overlay(tag, "overlays/trial", images=own)
        self._databases = f"{self._image}-databases"
        server = {"name": "postgres-with-barman", "newName": self._databases, "newTag": self._tag}
        archive = os.path.relpath(restore.ARCHIVE, KUBERNETES)
        archived = self._overlay("archive", "overlays/trial", archive, images=[*images[self._tag], server])
        self._drill = restore.Drill(archived, self._secrets, self._journey)
        self._work = work.Work()
        self._began = time.monotonic()
        self.rows: list[tuple[str, str, float, str]] = []

    def _overlay(self, name: str, resource: str, *components: str, **own: object) -> str:
        """Make an overlay on top of one of deploy/kubernetes, and return its folder."""
        folder = self._folder / name
        folder.mkdir()
        paths = [os.path.relpath(KUBERNETES / one, folder.resolve()) for one in (resource, *components)]
        described = {"resources": paths[:1], "components": paths[1:], **own}
        folder.joinpath("kustomization.yaml").write_text(json.dumps(described))
        return str(folder)

    def run(self) -> None:
        """Do all of it; without an installation the rest has no sense."""
        if not (
            self.step("images are loaded", self._load)
            and self.step("overlays for sites, as the server checks them", self._check_sites)
            and self.step("from nothing, as documented", self._start)
            and self.step("a journey by port-forward", self._journey)
        ):
            return
        self.step("invariants, topology, dead letters", self._balance)
        self.step("who reaches whom", network.check)
        if self.step("people go to work", partial(self._work.start, f"{self._image}:{self._tag}")):
            for what, do, is_strict in (
                ("each pod is deleted, grace 0", work.replace_each, False),
                ("all pods are evicted", work.evict_all, False),
                ("a node is drained", work.drain, False),
                ("everything is restarted", work.restart_all, True),
                ("upgraded, as documented", partial(self._change, self._tags[1]), True),
                ("rolled back, as documented", partial(self._change, self._tags[0]), True),
            ):
                self.step(what, partial(self._work.during, do, is_strict=is_strict))
        self.step("people go home", self._work.stop)
        self.step("applied again, nothing changes", self._apply_again)
        self.step("invariants, topology, dead letters", self._balance)
        self.step("a second cell beside it", self._second_cell)
        if (
            self.step("the log is archived, the databases copied", self._drill.archive)
            and self.step("everything is lost", self._drill.lose)
            and self.step("back to a moment, as documented", self._drill.restore)
        ):
            self.step("a journey after that", self._journey)
            self.step("invariants, topology, dead letters", self._balance)

    def step(self, what: str, do: Callable[[], str]) -> bool:
        """Do one thing, make a row of it, and return whether one can go on."""
        print(f"… {what}")
        began, state = time.monotonic(), "ok"
        try:
            said = do()
        except Skipped as why:
            state, said = "skipped", str(why)
        except Exception as error:  # noqa: BLE001  whatever it is, it is a row of the table
            state, said = "FAILED", f"{type(error).__name__}: {error}"
        self.rows.append((what, state, time.monotonic() - began, said))
        print(f"  {state}: {said}")
        return state != "FAILED"

    def _load(self) -> str:
        if not SETTING("EPASS_LOAD"):
            raise Skipped("EPASS_LOAD is not set: the cluster has to have both tags already")
        engine = shlex.split(SETTING("DOCKER", "docker"))
        names = [f"{self._image}:{tag}" for tag in self._tags]
        for name in names:
            cluster.run(*engine, "tag", f"epass:{self._tag}", name)
        databases = f"{self._databases}:{self._tag}"
        cluster.run(*engine, "build", "--tag", databases, str(restore.ARCHIVE))
        for name in (*names, databases):
            cluster.run(*shlex.split(SETTING("EPASS_LOAD", "")), name)
        return ", ".join(self._tags)

    def _check_sites(self) -> str:
        if folder := SETTING("EPASS_CRDS"):
            kubectl("apply", "--server-side", "--force-conflicts", "--recursive", "-f", folder)
            kubectl("wait", "--timeout", "2m", "--for", "condition=Established", "crd", "--all")
        elif "rabbitmqclusters" not in kubectl("api-resources", "-o", "name"):
            raise Skipped("the cluster does not know the operators' kinds, and EPASS_CRDS names no folder")
        kubectl("apply", "-f", str(KUBERNETES / "base/servers/namespace.yaml"))  # the server looks for it
        strict = ("--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts")
        folders = {name: self._overlay(f"site-{name}", *parts) for name, parts in SITES.items()}
        found = {
            name: len(kubectl("apply", "-k", one, *strict).splitlines()) for name, one in folders.items()
        }
        return ", ".join(f"{name}: {count} objects" for name, count in found.items())

    def _run(self, heading: str, tag: str) -> None:
        script = cluster.for_here(cluster.commands(heading), self._folder / tag, self._secrets)
        cluster.run("bash", "-c", script)

    def _start(self) -> str:
        self._began = time.monotonic()
        self._run("### A trial on one node", self._tag)
        self._logins.write_text(cluster.secret("demo", "logins.json"))
        restarts = [one["status"]["containerStatuses"][0]["restartCount"] for one in cluster.pods()]
        return f"{len(restarts)} pods, {sum(restarts)} restarts"

    def _journey(self) -> str:
        trust = ssl.create_default_context(cadata=cluster.secret("inside-ca", "ca.crt"))
        http = httpx.Client(timeout=20, trust_env=False, verify=trust)
        with cluster.forwarded("gateway", 443) as port, contextlib.redirect_stdout(io.StringIO()):
            SmokeJourney(f"https://localhost:{port}", self._logins, http, 30).run()
        return f"{time.monotonic() - self._began:.0f} s from nothing"

    def _balance(self) -> str:
        here("create", "job", "--from=cronjob/administrator", "shell")
        here("wait", "--timeout", "5m", "--for", "jsonpath={.status.ready}=1", "job/shell")
        epass = partial(here, "exec", "job/shell", "--", "epass")
        epass("invariants", "--grace", "10")
        epass("topology", "check")
        letters = epass("dead-letters", "list").strip()
        here("delete", "job", "shell")
        assert letters == "no dead letters", letters
        return letters

    def _change(self, tag: str) -> str:
        self._run("An upgrade takes the order of", tag)
        here("rollout", "status", "--timeout", "10m", "deployment")  # that of the exporter is not waited for
        ready = filter(cluster.is_ready, cluster.pods("-l", "process"))
        images = {one["spec"]["containers"][0]["image"] for one in ready}
        assert {image.rpartition(":")[2] for image in images} == {tag}, images
        return tag

    def _apply_again(self) -> str:
        """Apply all of it; PodDisruptionBudgets are `configured` each time, which is kubectl's own."""
        secrets = cluster.run(sys.executable, "-m", "deploy.kubernetes.trial", str(self._secrets))
        done = kubectl("apply", "-k", str(self._folder / self._tag)) + kubectl(
            "apply", "-f", "-", text=secrets
        )
        changed = [line for line in done.splitlines() if not line.endswith(" unchanged")]
        assert all(line.startswith("poddisruptionbudget") for line in changed), changed
        return f"{len(done.splitlines())} objects"

    def _second_cell(self) -> str:
        own = [{"name": "epass", "newName": self._image, "newTag": self._tag}]
        parts = ("components/site", "components/cell")
        overlay = self._overlay("cell", "overlays/trial", *parts, images=own, configMapGenerator=[cells.SITE])
        return cells.check(Path(overlay), self._folder)

    def table(self) -> str:
        """Return all rows."""
        width = max(len(what) for what, *_ in self.rows)
        return "\n".join(
            f"{what:<{width}}  {state:<7} {seconds:6.1f} s  {said}"
            for what, state, seconds, said in self.rows
        )


def main() -> int:
    """Return 0 if all went well."""
    cluster.refuse_what_is_not_for_tests(force=SETTING("FORCE") == "yes")
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(Path(folder))
        try:
            trial.run()
        finally:
            is_whole = all(state != "FAILED" for _, state, *_ in trial.rows)
            if is_whole or SETTING("KEEP") != "yes":
                trial.step(
                    "the namespace is deleted", partial(kubectl, "delete", "namespace", cluster.NAMESPACE)
                )
            print(f"\n{trial.table()}")
    return int(any(state == "FAILED" for _, state, *_ in trial.rows))


if __name__ == "__main__":
    sys.exit(main())
