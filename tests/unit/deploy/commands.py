"""The commands of docs/install.md for Kubernetes, run as a shell runs them."""

import os
import subprocess
from pathlib import Path

from tests.support.stack.paths import ROOT

PAGE = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
HERE = PAGE.split("\n## Install on Kubernetes\n", 1)[1].split("\n## ", 1)[0]


def run(script: str, kubectl: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script of bash that finds this text as the program `kubectl`; it stops at what fails."""
    folder.joinpath("kubectl").write_text(f"#!/bin/bash\n{kubectl}")
    folder.joinpath("kubectl").chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-e", "-O", "expand_aliases", "-c", script],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
