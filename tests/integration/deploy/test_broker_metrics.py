"""What our alerts and dashboards read of the broker's own metrics is there, whichever line it is of."""

import re

from tests.support.stack.backends import TestStack
from tests.support.stack.paths import ROOT
from tests.support.stack.plain_http import asks

READ_IN = [ROOT / "deploy/prometheus/alerts.yml", *(ROOT / "deploy/grafana/dashboards").glob("*.json")]


def test_the_broker_has_each_series_that_an_alert_or_a_dashboard_reads(topology: TestStack) -> None:
    read = {name for file in READ_IN for name in re.findall(r"\brabbitmq_\w+", file.read_text())}
    page = asks.get(f"http://{topology.broker_metrics()}/metrics").text
    assert len(read) > 10
    assert read - {*re.findall(r"^rabbitmq_\w+", page, re.MULTILINE)} == set()
