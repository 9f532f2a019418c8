"""A cluster as `kubectl` reaches it: whether it is one to try things on, its images, and what runs in it."""

import json
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from services.chassis.runtime.settings import is_loopback
from tests.support.stack.paths import ROOT
from tests.support.stack.running import free_port

NAMESPACE = "epass"
SECOND = "epass-second"
"""Of another cell beside it (`cells`)."""
_meant = [NAMESPACE]
LOCAL = re.compile(r"^(kind-|k3d-|minikube|docker-desktop|colima|rancher-desktop|orbstack|microk8s)")
Pod = dict[str, Any]


class Skipped(Exception):
    """This cannot be tried here; the message says why."""


def looks_local(context: str, server: str) -> bool:
    """Return whether a context is one of a developer's machine, by its name, or `default` on this machine."""
    is_here = is_loopback(urlsplit(server).hostname or "")
    return bool(LOCAL.match(context)) or (context == "default" and is_here)


def run(*command: str, text: str = "", timeout: float = 1800) -> str:
    """Run a command and return its output; raise `AssertionError` if it fails."""
    done = subprocess.run(
        command, cwd=ROOT, input=text, capture_output=True, text=True, check=False, timeout=timeout
    )
    assert not done.returncode, f"{shlex.join(command)[:200]}: {done.stderr[-2000:]}{done.stdout[-1000:]}"
    return done.stdout


def kubectl(*arguments: str, **options: Any) -> str:
    """Run `kubectl`."""
    return run("kubectl", *arguments, **options)


def here(*arguments: str, **options: Any) -> str:
    """Run `kubectl` in the namespace."""
    return kubectl("-n", _meant[-1], *arguments, **options)


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Mean another namespace by `here`, and by what goes through it, for the length of the block."""
    _meant.append(namespace)
    try:
        yield
    finally:
        _meant.pop()


def refuse_what_is_not_for_tests(*, force: bool) -> None:
    """End where no cluster answers, or where other people's work may be."""
    try:
        view = json.loads(kubectl("config", "view", "--minify", "-o", "json"))
        names = (NAMESPACE, SECOND)
        there = kubectl("get", "namespace", *names, "--ignore-not-found", "-o", "name", timeout=30)
    except (OSError, AssertionError, subprocess.TimeoutExpired) as error:
        sys.exit(f"no cluster answers: {error}")
    context, server = view["current-context"], view["clusters"][0]["cluster"]["server"]
    if not force and not looks_local(context, server):
        sys.exit(f"{context} at {server} does not look local; FORCE=yes takes it all the same")
    if there:
        sys.exit(f"there is a {' and a '.join(there.split())} already, and this test deletes it")


def secret(name: str, key: str) -> str:
    """Return what is in a Secret."""
    return here("get", "secret", name, "-o", f'go-template={{{{index .data "{key}" | base64decode}}}}')


def commands(heading: str, page: str = "install") -> str:
    """Return the first block of commands after the line of a page of docs/ that begins so."""
    section = (ROOT / f"docs/{page}.md").read_text(encoding="utf-8").split(f"\n{heading}", 1)[1]
    return textwrap.dedent(section.split("```sh\n", 1)[1].split("```", 1)[0])


def for_here(script: str, overlay: Path, secrets: Path) -> str:
    """Return documented commands for another overlay, with secrets in another file, without operators."""
    made = f".venv/bin/python -m deploy.kubernetes.trial {shlex.quote(str(secrets))}"
    script = re.sub(r"^overlay=.*\n", "", script, flags=re.MULTILINE)
    script = re.sub(r"\.venv/bin/python -m deploy\.kubernetes\.\w+ \S+", made, script)
    kept = [line for line in script.splitlines() if "cnpg.io" not in line and not line.startswith("sleep ")]
    return "\n".join(["set -euo pipefail", f"overlay={shlex.quote(str(overlay))}", *kept])


def pods(*options: str) -> list[Pod]:
    """Return the pods of processes and servers; not those of Jobs, and not the people."""
    found: list[Pod] = json.loads(here("get", "pods", "-o", "json", *options))["items"]
    kinds = ("ReplicaSet", "StatefulSet")
    return [one for one in found if one["metadata"].get("ownerReferences", [{}])[0].get("kind") in kinds]


def is_ready(pod: Pod) -> bool:
    """Return whether a pod is ready, and stays."""
    conditions = {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


@contextmanager
def forwarded(service: str, port: int) -> Iterator[int]:
    """Forward a port of this machine to a service for the length of the block."""
    own = free_port()
    command = ["kubectl", "-n", _meant[-1], "port-forward", f"service/{service}", f"{own}:{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert "Forwarding" in said, said
            yield own
        finally:
            process.terminate()
