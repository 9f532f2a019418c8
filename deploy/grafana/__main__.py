"""Write the dashboards into ``dashboards/``. Usage: python -m deploy.grafana."""

from pathlib import Path

from deploy.grafana.broker import BROKER
from deploy.grafana.departments import DEPARTMENTS
from deploy.grafana.gates import GATES
from deploy.grafana.messages import MESSAGES
from deploy.grafana.overview import OVERVIEW
from deploy.grafana.services import SERVICES

FOLDER = Path(__file__).with_name("dashboards")
DASHBOARDS = (OVERVIEW, SERVICES, BROKER, GATES, MESSAGES, DEPARTMENTS)


def main() -> None:
    """Write each dashboard into its file."""
    for dashboard in DASHBOARDS:
        FOLDER.joinpath(f"{dashboard.name}.json").write_text(dashboard.text())


if __name__ == "__main__":
    main()
