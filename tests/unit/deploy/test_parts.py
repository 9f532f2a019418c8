"""Every image that others make is a part with a known end of support, and can be named by its digest."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from deploy.parts import Part, parts
from tests.support.stack.paths import ROOT
from tests.unit.deploy.compose_file import DEPLOY, resolved

FILES = ("*compose*.yaml", "Dockerfile", "kubernetes/**/*.yaml")
IMAGE = re.compile(r"^ *(?:- )?(?:image|imageName|FROM):? +([a-z][\w./-]*:[\w.-]+)", re.MULTILINE)
DIGEST = f"sha256:{'0' * 64}"


def images() -> set[str]:
    """Return the images of others in all files that name one."""
    texts = [resolved(file.read_text()) for kind in FILES for file in DEPLOY.glob(kind)]
    return {image for text in texts for image in IMAGE.findall(text) if not image.startswith("epass:")}


def unknown(found: set[str], known: list[Part]) -> set[str]:
    """Return the images of which no part tells the end of support."""
    lines = {(one.image, one.line) for one in known}
    lines = {one.image: one.line for one in known}

    def is_known(image: str) -> bool:
        name, _, tag = image.rpartition(":")
        return name in lines and tag.startswith(lines[name])

    return {image for image in found if not is_known(image)}


def test_every_image_has_a_known_end_of_support() -> None:
    assert unknown(images(), parts()) == set()
    assert len(images()) > 9
    assert unknown({"rabbitmq:4.0-management", "postgres:17"}, parts()) == {"rabbitmq:4.0-management"}


def test_no_part_is_declared_that_nothing_runs() -> None:
    names = {image.rpartition(":")[0] for image in images()}
    assert {one.image for one in parts() if one.image} <= names
    locked = (ROOT / "requirements.lock").read_text()
    for name in ("nameko", "eventlet"):
        (line,) = (one.line for one in parts() if one.name.partition(",")[0] == name)
        assert f"\n{name}=={line} " in locked


@pytest.fixture
def engine(tmp_path: Path) -> dict[str, str]:
    """The environment of `deploy/compose/pin`, with an engine that knows a digest of every image."""
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\n[ "$1" = pull ] || echo "registry/x@{DIGEST}"\n')
    docker.chmod(0o755)
    return {**os.environ, "DOCKER": str(docker), "EPASS_ENV": str(tmp_path / ".env")}


def pin(engine: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(DEPLOY / "compose" / "pin"), *arguments]
    return subprocess.run(command, cwd=ROOT, env=engine, capture_output=True, text=True, check=False)


def test_every_server_of_compose_can_be_named_by_its_digest(engine: dict[str, str]) -> None:
    file = Path(engine["EPASS_ENV"])
    file.write_text("EPASS_HOST=localhost\nEPASS_POSTGRES_IMAGE=postgres:17.9\n")
    assert "EPASS_GRAFANA_IMAGE" in pin(engine, "check").stderr
    for _ in range(2):  # pinning again takes the tag that is pinned
        assert not pin(engine).returncode
        lines = file.read_text().splitlines()
        assert lines[0] == "EPASS_HOST=localhost"
        assert f"EPASS_POSTGRES_IMAGE=postgres:17.9@{DIGEST}" in lines
        assert f"EPASS_RABBITMQ_IMAGE=rabbitmq:4.3-management@{DIGEST}" in lines
    checked = pin(engine, "check")
    assert (checked.returncode, checked.stderr.count("\n")) == (0, 1)
    assert "EPASS_POSTGRES_IMAGE stays at postgres:17.9; this release names postgres:17" in checked.stderr
    images = set(re.findall(r"^ *image: (.*)$", (DEPLOY / "compose.yaml").read_text(), re.MULTILINE))
    assert len(images) == len(lines) - 1 + 1, "each but ours has a setting"


def test_an_image_that_no_registry_knows_is_not_pinned(engine: dict[str, str]) -> None:
    Path(engine["DOCKER"]).write_text("#!/bin/sh\n")
    done = pin(engine)
    assert (done.returncode, "has no digest" in done.stderr) == (1, True)
    assert not Path(engine["EPASS_ENV"]).exists()
