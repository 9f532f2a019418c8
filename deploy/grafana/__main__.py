"""Write the dashboards into ``dashboards/``. Usage: python -m deploy.grafana [--check]."""

import sys
from pathlib import Path

from contracts.documents import write_or_check
from deploy.grafana.broker import BROKER
from deploy.grafana.departments import DEPARTMENTS
from deploy.grafana.gates import GATES
from deploy.grafana.messages import MESSAGES
from deploy.grafana.overview import OVERVIEW
from deploy.grafana.services import SERVICES

FOLDER = Path(__file__).with_name("dashboards")
DASHBOARDS = (OVERVIEW, SERVICES, BROKER, GATES, MESSAGES, DEPARTMENTS)


def main() -> int:
    """Write each dashboard into its file. With ``--check``, return 1 if a file differs."""
    return max(write_or_check(FOLDER / f"{one.name}.json", one.text()) for one in DASHBOARDS)


if __name__ == "__main__":
    sys.exit(main())
