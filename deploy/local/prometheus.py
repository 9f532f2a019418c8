"""A private Prometheus with a port and a folder of its own, which scrapes the processes of one stack.

It is optional. If it is not installed everything else runs, and nothing waits for it or ends with it. Its
rules and its configuration are copies of those in ``deploy/prometheus``; the targets are this stack's own.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import httpx

from deploy.local import processes
from deploy.local.processes import Launch

FILES = Path(__file__).resolve().parents[1] / "prometheus"
COPIED = ("prometheus.yml", "alerts.yml")
RETENTION = "7d"
Targets = Mapping[str, str]
"""``host:port`` by the name of a process."""


def is_installed() -> bool:
    """Return whether this machine has Prometheus (Debian: package prometheus)."""
    return shutil.which("prometheus") is not None


class Prometheus(processes.Server):
    """One server, on a port of the loopback address."""

    title = "Prometheus"
    error_words = ("err",)

    def __init__(
        self, folder: Path, port: int, log: Path, mark: str, launch: Launch = processes.spawn
    ) -> None:
        super().__init__(folder, log, mark, launch)
        self._address = f"127.0.0.1:{port}"
        self.url = f"http://{self._address}"

    def configure(self, targets: Targets, broker: str | None = None) -> None:
        """Write its configuration: the files of ``deploy/prometheus`` and the targets.

        Args:
            targets: the processes.
            broker: address of the broker's Prometheus plugin.
        """
        folder = self._folder / "targets"
        folder.mkdir(parents=True, exist_ok=True)
        for name in COPIED:
            shutil.copyfile(FILES / name, self._folder / name)
        scraped = [{"targets": [address], "labels": {"process": name}} for name, address in targets.items()]
        (folder / "epass.json").write_text(json.dumps(scraped, indent=1) + "\n")
        if broker:
            (folder / "rabbitmq.json").write_text(json.dumps([{"targets": [broker]}]) + "\n")

    def launch(self) -> None:
        """Start it, without waiting until it answers."""
        command = (
            processes.required("prometheus", "prometheus"),
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--storage.tsdb.retention.time={RETENTION}",
            f"--web.listen-address={self._address}",
            "--log.level=warn",
        )
        self._child = self._launch(
            processes.Program(
                "prometheus", command, self.log, {processes.MARK: self._mark}, without=("EPASS_",)
            )
        )

    def answers(self) -> bool:
        """Return whether it is ready."""
        try:
            return httpx.get(f"{self.url}/-/ready", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False
