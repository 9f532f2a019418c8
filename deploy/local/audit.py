"""Look for known weaknesses in all dependencies, which needs the internet, and for parts whose support ends.

pip-audit compares the two files of locked Python packages with the advisories of PyPI, npm those of the web
assets with its own. Exit code 0: there is none; 1: there are some, which it prints; 2: some package could not
be compared, so that nothing is known of it. A part of ``deploy/parts.toml`` whose support ends within 60 days
counts as weak. pip-audit lives in ``build/audit``, away from what it looks at.

Usage: python -m deploy.local.audit
"""

import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from deploy.parts import Part, ending, parts

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "build" / "audit"
PIP_AUDIT = "pip-audit==2.10.1"
LOCKS = ("requirements.lock", "deploy/requirements.lock")
Run = Callable[[Sequence[str], Path], str]
"""Runs a command in a folder, and returns its standard output, whatever its exit code is."""


class Finding(NamedTuple):
    """A dependency with a known weakness; without one, a dependency or a file that nobody could look at."""

    where: str
    what: str
    weakness: str = ""


def of_python(run: Run, tool: Path, lock: str) -> Iterator[Finding]:
    """Yield what pip-audit finds in a file of locked packages."""
    options = ("--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off")
    report = _parsed(run((str(tool), "--requirement", lock, *options), ROOT))
    if "dependencies" not in report:
        yield Finding(lock, "everything in it")
        return
    for one in report["dependencies"]:
        if "skip_reason" in one:
            yield Finding(lock, one["name"])
        for weakness in one.get("vulns", ()):
            fixed = ", ".join(weakness["fix_versions"]) or "no version"
            yield Finding(lock, f"{one['name']} {one['version']}", f"{weakness['id']}, mended in {fixed}")


def of_web(run: Run) -> Iterator[Finding]:
    """Yield what npm finds in the lock of the web assets."""
    lock = "web/package-lock.json"
    report = _parsed(run(("npm", "audit", "--package-lock-only", "--json"), ROOT / "web"))
    if "vulnerabilities" not in report:
        yield Finding(lock, "everything in it")
        return
    for name, one in report["vulnerabilities"].items():
        yield Finding(lock, f"{name} {one['range']}", f"{one['severity']}, `npm audit` has the details")


def of_parts(known: list[Part], today: date) -> Iterator[Finding]:
    """Yield the parts whose support has ended or ends soon."""
    return (Finding("deploy/parts.toml", name, why) for name, why in ending(known, today))


def _parsed(text: str) -> dict[str, Any]:
    try:
        report = json.loads(text)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def report(findings: Sequence[Finding]) -> tuple[str, int]:
    """Return what is printed, and the exit code."""
    weak = [one for one in findings if one.weakness]
    unseen = [one for one in findings if not one.weakness]
    lines = [f"{one.where}: {one.what}: {one.weakness}" for one in weak]
    if unseen:
        first = ", ".join(f"{one.what} ({one.where})" for one in unseen[:3])
        lines.append(f"not audited: {first}{' and more' if len(unseen) > 3 else ''}")
        lines.append(
            "The advisories could not be asked for. This needs the internet: PyPI and the npm registry."
        )
    return "\n".join(
        lines
    ) or "No dependency has a known weakness, and no part ends soon.", 1 if weak else 2 if unseen else 0


def _run(command: Sequence[str], folder: Path) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # where the npm of .venv is
    env = {**os.environ, "PATH": path}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return done.stdout


def main() -> int:
    """Audit everything and return the exit code."""
    tool = TOOL / "bin" / "pip-audit"
    if not tool.exists():
        venv.create(TOOL, with_pip=True, clear=True)
        install = (str(TOOL / "bin" / "python"), "-m", "pip", "install", "--quiet", PIP_AUDIT)
        subprocess.run(install, check=False, capture_output=True)
    findings = [one for lock in LOCKS for one in of_python(_run, tool, lock)] if tool.exists() else []
    if not tool.exists():
        findings = [Finding(lock, "everything in it") for lock in LOCKS]
    text, code = report([*findings, *of_web(_run), *of_parts(parts(), datetime.now(UTC).date())])
    print(text)
    return code


if __name__ == "__main__":
    sys.exit(main())
