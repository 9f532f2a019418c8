"""A private Prometheus: Debian's, on a port of its own, with a folder of its own, asking the processes of one stack.

It is an extra. Where it is not installed everything else runs, and nothing waits for it or ends with it. Its rules and
its configuration are those of ``deploy/prometheus``, copied beside the targets, which are this stack's own.
"""

import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from deploy.local import processes
from deploy.local.errors import StackFailed

FILES = Path(__file__).resolve().parents[1] / "prometheus"
COPIED = ("prometheus.yml", "alerts.yml")
KEPT = "7d"
Targets = Mapping[str, str]
"""``host:port`` by the name of a process."""


def is_installed() -> bool:
    """Whether this machine has one (Debian: package prometheus)."""
    return shutil.which("prometheus") is not None


class Prometheus:
    """One server.

    Args:
        folder: of its configuration and its data.
        port: where it answers, on the loopback address.
        log: where it says what goes wrong.
        mark: the stack's id, by which a killed run's server is found again.
    """

    def __init__(self, folder: Path, port: int, log: Path, mark: str) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._log = log
        self._mark = mark
        self._child: subprocess.Popen[bytes] | None = None

    def configure(self, targets: Targets, broker: str | None = None) -> None:
        """Write what it reads: whom to ask, and the files of ``deploy/prometheus``; ``broker`` is its plugin's address."""
        folder = self.folder / "targets"
        folder.mkdir(parents=True, exist_ok=True)
        for name in COPIED:
            shutil.copyfile(FILES / name, self.folder / name)
        asked = [{"targets": [address], "labels": {"process": name}} for name, address in targets.items()]
        (folder / "epass.json").write_text(json.dumps(asked, indent=1) + "\n")
        if broker:
            (folder / "rabbitmq.json").write_text(json.dumps([{"targets": [broker]}]) + "\n")

    def start(self, seconds: float = 20) -> None:
        """Start it and wait until it answers.

        Raises:
            StackFailed: it ended, or did not answer in time.
        """
        command = [
            processes.required("prometheus", "prometheus"),
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--storage.tsdb.retention.time={KEPT}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--log.level=warn",
        ]
        self._child = processes.spawn(
            command, self._log, {**processes.inherited("EPASS_"), processes.MARK: self._mark}
        )
        until = time.monotonic() + seconds
        while not self._answers():
            if self._child.poll() is not None:
                raise StackFailed(
                    f"Prometheus did not start: {processes.last_words(self._log, 'err')} ({self._log})"
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

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False
