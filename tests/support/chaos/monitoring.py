"""A real Prometheus that monitors a system of the tests in fast motion.

Rules and configuration are those of ``deploy/prometheus``. In production their durations are minutes; here
each minute is three seconds, and the 15 s between two scrapes are one. That is the only difference: see
:func:`quickened`.
"""

import json
import math
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from deploy.local.prometheus import COPIED, Prometheus
from tests.support.stack.running import Process, free_port

_OF_EACH_ALERT = {"__name__", "alertname", "alertstate", "severity", "instance", "job"}


def quickened(text: str) -> str:
    """Return rules or configuration in fast motion: ``1m`` becomes ``3s``, ``10m`` ``30s``, and ``15s``
    ``1s``."""
    return re.sub(r"\b(\d+)m\b", lambda minutes: f"{3 * int(minutes[1])}s", text.replace("15s", "1s"))


class Monitoring:
    """A client of a Prometheus, which has its configuration in a folder."""

    def __init__(self, url: str, folder: Path) -> None:
        self._folder = folder
        self._http = httpx.Client(base_url=f"{url}/api/v1", timeout=10, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def ask(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return labels and value of each series that an expression finds now, without those that are no
        number."""
        answer = self._http.get("/query", params={"query": expression}).json()
        assert answer["status"] == "success", f"{expression}: {answer}"
        found = ((series["metric"], float(series["value"][1])) for series in answer["data"]["result"])
        return [(labels, value) for labels, value in found if math.isfinite(value)]

    def one(self, expression: str) -> float | None:
        """Return the value of the one series, None if there is none."""
        return next((value for _, value in self.ask(expression)), None)

    def rules(self) -> list[dict[str, Any]]:
        """Return the alerts with their state: inactive, pending or firing."""
        groups = self._http.get("/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def firing(self) -> dict[str, set[str]]:
        """Return the alerts that fire now, each with the values of the labels that it names."""
        found: dict[str, set[str]] = {}
        for labels, _ in self.ask('ALERTS{alertstate="firing"}'):
            named = {value for label, value in labels.items() if label not in _OF_EACH_ALERT}
            found.setdefault(labels["alertname"], set()).update(named)
        return found

    def watch(self, processes: Mapping[str, Process]) -> None:
        """Scrape these processes from now on; a name may have a suffix after a dash, for a second one."""
        targets = [
            {"targets": [f"127.0.0.1:{process.port}"], "labels": {"process": name.partition("-")[0]}}
            for name, process in processes.items()
        ]
        file = self._folder / "targets" / "epass.json"
        file.with_suffix(".new").write_text(json.dumps(targets))
        file.with_suffix(".new").replace(file)

    def all_answer(self) -> bool:
        """Return whether every target was scraped and answered."""
        asked = self.ask("up")
        return bool(asked) and all(value == 1 for _, value in asked)


@contextmanager
def monitoring(folder: Path, processes: Mapping[str, Process], *servers: str) -> Iterator[Monitoring]:
    """Run a Prometheus that scrapes these processes, and the nodes of the broker at some addresses."""
    folder.mkdir()
    server = Prometheus(folder, free_port(), folder / "prometheus.log", secrets.token_hex(6))
    server.configure({})
    (folder / "targets" / "rabbitmq.json").write_text(json.dumps([{"targets": servers}]))
    for name in COPIED:
        file = folder / name
        file.write_text(quickened(file.read_text()))
    server.start()
    monitor = Monitoring(server.url, folder)
    monitor.watch(processes)
    try:
        yield monitor
    finally:
        monitor.close()
        server.stop()
