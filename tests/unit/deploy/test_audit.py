"""`deploy.local.audit` reports each known weakness, and does not call sound what it could not look at."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from deploy.local import audit
from deploy.local.audit import Finding, of_python, of_web, report
from tests.support.stack.paths import ROOT

LOCK = "requirements.lock"
WEAKNESS = {"id": "PYSEC-2026-1", "fix_versions": ["2.1", "3.0"]}
UNSEEN = {"name": "segno", "skip_reason": "Dependency not found on PyPI"}
SOUND = {"name": "click", "version": "8.5", "vulns": []}
WEAK = {"name": "jinja2", "version": "2.0", "vulns": [WEAKNESS]}


def python(*dependencies: object) -> list[Finding]:
    asked: list[Sequence[str]] = []

    def run(command: Sequence[str], _folder: Path) -> str:
        asked.append(command)
        return json.dumps({"dependencies": dependencies, "fixes": []})

    found = list(of_python(run, Path("pip-audit"), LOCK))
    assert tuple(asked[0][1:3]) == ("--requirement", LOCK)
    return found


def test_a_weakness_is_reported_with_the_versions_that_mend_it() -> None:
    text, code = report(python(SOUND, WEAK))
    assert (text, code) == (f"{LOCK}: jinja2 2.0: PYSEC-2026-1, mended in 2.1, 3.0", 1)


def test_without_a_weakness_it_says_so() -> None:
    web = of_web(lambda _command, _folder: '{"vulnerabilities": {}, "metadata": {}}')
    assert report([*python(SOUND), *web]) == ("No dependency has a known weakness.", 0)


def test_a_dependency_that_nobody_knows_is_not_taken_for_a_sound_one() -> None:
    text, code = report(python(SOUND, UNSEEN))
    assert (code, "not audited: segno" in text, "internet" in text) == (2, True, True)
    assert report(python(WEAK, UNSEEN))[1] == 1


@pytest.mark.parametrize(
    "output", ["", "Traceback (most recent call last): …", '{"error": {"code": "ENOTFOUND"}}']
)
def test_offline_it_says_that_it_needs_the_internet(output: str) -> None:
    findings = [*of_python(lambda *_: output, Path("pip-audit"), LOCK), *of_web(lambda *_: output)]
    text, code = report(findings)
    assert (code, "This needs the internet" in text) == (2, True)
    assert {one.where for one in findings} == {LOCK, "web/package-lock.json"}


def test_a_weakness_of_the_web_assets_is_reported() -> None:
    answer = json.dumps({"vulnerabilities": {"esbuild": {"range": "<0.29", "severity": "high"}}})
    assert report(list(of_web(lambda *_: answer)))[1] == 1


def test_it_looks_at_every_file_of_locked_packages() -> None:
    locks = (*ROOT.glob("requirements.lock"), *ROOT.glob("*/requirements.lock"))
    assert {str(lock.relative_to(ROOT)) for lock in locks} == {*audit.LOCKS}
