"""The alerts of ``deploy/prometheus/alerts.yml`` as a PrometheusRule.

Usage: python -m deploy.kubernetes.alerts [--check]
"""

import sys
from pathlib import Path

from contracts.documents import write_or_check

HERE = Path(__file__).parent
RULES = HERE.parent / "prometheus" / "alerts.yml"
FILE = HERE / "base" / "processes" / "alerts.yaml"
HEAD = """\
# Generated from deploy/prometheus/alerts.yml by `make contracts`.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: epass}
spec:
"""


def text() -> str:
    """Return the content of the file: the groups as they are, below ``spec``."""
    lines = RULES.read_text(encoding="utf-8").splitlines()
    groups = lines[lines.index("groups:") :]
    return HEAD + "".join(f"  {line}\n" if line else "\n" for line in groups)


if __name__ == "__main__":
    sys.exit(write_or_check(FILE, text()))
