"""A Prometheus with our rules that watches the nodes of a cluster.

Kubernetes has the metrics of PostgreSQL from the operator of CloudNativePG. Without it a page stands in for
them, with the operator's name for the number and the primary's own count.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.local.prometheus import is_installed
from tests.cluster.load import PATIENCE
from tests.support.chaos import alert_table
from tests.support.chaos.monitoring import Monitoring, monitoring
from tests.support.stack.running import eventually

with_prometheus = pytest.mark.skipif(
    not is_installed(), reason="Debian's package prometheus is not installed here"
)


class AlertsOf:
    """The alerts that name a failure in the table of ``docs/runbooks.md``."""

    def __init__(self, failure: str, monitor: Monitoring) -> None:
        self._alerts = {*alert_table.read()[failure].alerts}
        self._monitor = monitor

    def _firing(self) -> set[str]:
        return self._alerts & self._monitor.firing().keys()

    def until_they_fire(self) -> None:
        """Wait until all of them fire."""
        eventually(lambda: self._firing() == self._alerts, f"{self._alerts} fire", PATIENCE)

    def until_they_resolve(self) -> None:
        """Wait until none of them fires."""
        eventually(lambda: not self._firing(), f"{self._alerts} resolve", PATIENCE)


@contextmanager
def check_alerts(folder: Path, failure: str, *servers: str) -> Iterator[AlertsOf]:
    """Run a Prometheus, in fast motion, over the metrics of these servers for the length of the block.

    It begins when all of them have answered, the rules were looked at, and the alerts do not even wait.
    """
    with monitoring(folder / "prometheus", {}, *servers) as monitor:
        eventually(monitor.all_answer, "each server has answered Prometheus", PATIENCE)
        alerts = alert_table.read()[failure].alerts

        def quiet() -> bool:
            states = {rule["name"]: rule["state"] for rule in monitor.rules() if rule.get("evaluationTime")}
            return all(states.get(alert) == "inactive" for alert in alerts)

        eventually(quiet, f"{alerts} are looked at, and all is well", PATIENCE)
        yield AlertsOf(failure, monitor)


@contextmanager
def operators_page(standbys: Callable[[], int]) -> Iterator[str]:
    """Serve the number of standbys as CloudNativePG's operator does; return the address."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = f'cnpg_pg_replication_streaming_replicas{{namespace="epass"}} {standbys()}\n'
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(number.encode())

        def log_message(self, *_arguments: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
