"""`deploy.local.audit` reports each known weakness, and does not call sound what it could not look at."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from deploy.local import audit
from deploy.local.audit import Finding, of_parts, of_python, of_web, report
from deploy.parts import parts
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
    assert report([*python(SOUND), *web]) == ("No dependency has a known weakness, and no part ends soon.", 0)


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


@pytest.mark.parametrize(
    ("today", "why"),
    [
        (date(2027, 5, 31), ""),
        (date(2027, 6, 1), "its support ends on 2027-07-31"),
        (date(2027, 8, 1), "its support ended on 2027-07-31"),
    ],
)
def test_a_part_is_named_from_sixty_days_before_its_end_on(today: date, why: str) -> None:
    declared = (
        '[[part]]\nname = "Prometheus"\nline = "3"\nends = 2027-07-31\nlooked = 2026-08-22\nsource = "it"'
    )
    text, code = report(list(of_parts(parts(declared), today)))
    assert (why in text, code) == (True, 1 if why else 0)


def test_a_part_without_an_end_is_named_when_nobody_has_looked_for_half_a_year() -> None:
    declared = '[[part]]\nname = "Caddy"\nline = "2"\nends = ""\nlooked = 2026-01-01\nsource = "it"'
    assert report(list(of_parts(parts(declared), date(2026, 6, 30))))[1] == 0
    text, code = report(list(of_parts(parts(declared), date(2026, 7, 1))))
    assert ("nobody has read up since 2026-01-01" in text, code) == (True, 1)
