"""A private Prometheus with a port and a folder of its own, which scrapes the processes of one stack.

It is optional. If it is not installed everything else runs, and nothing waits for it or ends with it. Its
rules and its configuration are copies of those in ``deploy/prometheus``; the targets are this stack's own.
"""

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from deploy.local import processes
from deploy.local.errors import StackFailed
from deploy.local.processes import Launch

FILES = Path(__file__).resolve().parents[1] / "prometheus"
COPIED = ("prometheus.yml", "alerts.yml")
RETENTION = "7d"
Targets = Mapping[str, str]
"""``host:port`` by the name of a process."""


def is_installed() -> bool:
    """Return whether this machine has Prometheus (Debian: package prometheus)."""
    return shutil.which("prometheus") is not None


class Prometheus:
    """One server.

    Args:
        folder: of its configuration and its data.
        port: on the loopback address.
        log: its log file.
        mark: the stack's id, by which the server of a killed run is found again.
        launch: starts it.
    """

    def __init__(
        self, folder: Path, port: int, log: Path, mark: str, launch: Launch = processes.spawn
    ) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._log = log
        self._mark = mark
        self._launch = launch
        self._child: processes.Child | None = None

    def configure(self, targets: Targets, broker: str | None = None) -> None:
        """Write its configuration: the files of ``deploy/prometheus`` and the targets.

        Args:
            targets: the processes.
            broker: address of the broker's Prometheus plugin.
        """
        folder = self.folder / "targets"
        folder.mkdir(parents=True, exist_ok=True)
        for name in COPIED:
            shutil.copyfile(FILES / name, self.folder / name)
        scraped = [{"targets": [address], "labels": {"process": name}} for name, address in targets.items()]
        (folder / "epass.json").write_text(json.dumps(scraped, indent=1) + "\n")
        if broker:
            (folder / "rabbitmq.json").write_text(json.dumps([{"targets": [broker]}]) + "\n")

    def start(self, seconds: float = 20) -> None:
        """Start it and wait until it answers.

        Raises:
            StackFailed: it ended, or did not answer in time.
        """
        command = (
            processes.required("prometheus", "prometheus"),
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--storage.tsdb.retention.time={RETENTION}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--log.level=warn",
        )
        self._child = self._launch(
            processes.Program(
                "prometheus", command, self._log, {processes.MARK: self._mark}, without=("EPASS_",)
            )
        )
        until = time.monotonic() + seconds
        while not self.answers():
            if self._child.poll() is not None:
                raise StackFailed(
                    f"Prometheus did not start: {processes.last_line(self._log, 'err')} ({self._log})"
                )
            if time.monotonic() > until:
                self.stop()
                raise StackFailed(f"Prometheus did not answer within {seconds:.0f} s ({self._log})")
            time.sleep(0.1)

    def stop(self, seconds: float = 5) -> None:
        """Stop it; harmless when it does not run."""
        if self._child:
            processes.end_child(self._child, seconds)
            self._child = None

    def answers(self) -> bool:
        """Return whether it is ready."""
        try:
            return httpx.get(f"{self.url}/-/ready", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False
