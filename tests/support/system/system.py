"""The whole of e-Pass as processes on one stack; each can be killed and started again."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from contracts.subscriptions import SERVICES
from deploy.local.access import MIGRATE
from epass_client import Client
from tests.support.stack import forks
from tests.support.stack.backends import TestStack
from tests.support.stack.plain_http import NO_AUTHORITIES
from tests.support.stack.running import Process, free_port

SECRET_FILE = "logins.json"
DEMO_LOGINS: dict[str, dict[str, str]] = {
    "department": {"login_id": "HOM-0001", "password": "department-of-the-tests", "department": "home"},
    "security": {
        "login_id": "SEC-0001",
        "password": "security-of-the-tests",
        "site": "PCS1",
        "gate": "PCS1-G1",
    },
    "ado": {"login_id": "ADO-0001", "password": "ado-branch-of-the-tests"},
    "reception": {"login_id": "REC-0001", "password": "reception-of-the-tests", "site": "PCS1"},
    "assisted": {"login_id": "SEW-0001", "password": "sewa-kendra-of-the-tests"},
    "ops": {"login_id": "OPS-0001", "password": "operations-of-the-tests"},
    "auditor": {"login_id": "AUD-0001", "password": "auditor-of-the-tests"},
}


class System:
    """Six services, relay, sender and gateway; ``processes`` has them by name.

    Args:
        stack: broker and database server.
        code: the folder of the source, if it is another one than that of the tests.
        settings: for all processes.
    """

    def __init__(self, stack: TestStack, code: Path | None = None, **settings: str) -> None:
        self.stack = stack
        self.code = code
        self.folder: Path = stack.folder / "system"
        self.folder.mkdir(exist_ok=True)
        self._https: list[httpx.Client] = []
        self.port = free_port()
        self.url = self.phone = f"http://127.0.0.1:{self.port}"
        self._settings = {
            "EPASS_PUBLIC_URL": self.url,
            "EPASS_RATE_LIMITS": "false",
            "EPASS_UNDO_SECONDS": "0",  # few tests wait for a decision to leave
            "EPASS_GATE_DEVICES": "optional",  # most tests send what a gate sends as programs
            "EPASS_GATE_LOCK_MINUTES": "0",
            "EPASS_STANDING_PASSES": "3",
            "EPASS_TRUSTED_PROXIES": "127.0.0.1",  # a test finds by its correlation id what a call causes
            **settings,
        }
        self.processes: dict[str, Process] = {
            name: self.process(name) for name in (*SERVICES, "relay", "sender", "gateway")
        }

    def _environment(self, name: str) -> dict[str, str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("EPASS_")}
        return {
            **environment,
            **self.stack.environment(name),
            **self._settings,
            "EPASS_GATEWAY_PORT": str(self.port),
        }

    def process(self, name: str, label: str = "", part: str = "", **settings: str) -> Process:
        """Return a process of a kind, such as a second replica; it is not started.

        Args:
            name: of the kind.
            label: of its log.
            part: ``rpc`` or ``events`` of a service, if it runs by itself as in production.
            settings: in addition to those of the kind.
        """
        arguments = {
            "relay": ["relay"],
            "sender": ["sender"],
            "gateway": ["gateway"],
            "exporter": ["ops-exporter"],
        }.get(name, ["serve", name])
        command = (
            ["-m", "services.ops.serve", name, *([part] if part else [])]
            if name in SERVICES
            else ["-m", "services.ops.cli", *arguments]
        )
        process = Process(
            command,
            {**self._environment(name), **settings},
            self.folder / f"{name}{label}.log",
            inherit=False,
            code=self.code,
        )
        if name == "gateway":
            process.port = int(settings.get("EPASS_GATEWAY_PORT", self.port))
        return process

    def prepare(self) -> None:
        """Declare the topology, migrate, grant rights, and seed."""
        logins = self.folder / SECRET_FILE
        logins.write_text(json.dumps(DEMO_LOGINS))
        migrations = ((f"{MIGRATE}{one}", "migrate", one) for one in SERVICES)
        with ThreadPoolExecutor(4) as pool:
            list(
                pool.map(
                    lambda step: self.epass(*step),
                    [("administrator", "topology", "apply"), *migrations],
                )
            )
            self.grant()
            list(
                pool.map(
                    lambda step: self.epass(*step),
                    [
                        ("approval", "seed", "approval"),
                        ("accounts", "seed", "accounts", "--logins", str(logins)),
                    ],
                )
            )

    def grant(self) -> None:
        """Give each role of the databases its rights, once they are migrated."""
        self.stack.grant_rights()

    def epass(self, name: str, *arguments: str) -> None:
        """Run a command of `epass`, which must succeed, with the settings of a process."""
        done = self.try_epass(name, *arguments)
        assert done.returncode == 0, (
            f"epass {' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        )

    def try_epass(self, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of `epass`; return its result."""
        return forks.run(["-m", "services.ops.cli", *arguments], self._environment(name), code=self.code)

    def start(self) -> Self:
        for process in self.processes.values():
            process.start(ready=False)
        for process in self.processes.values():
            process.wait_ready(60)
        return self

    def stop(self) -> None:
        for http in self._https:
            http.close()
        for process in self.processes.values():
            if process.alive:
                process.kill()

    def login(self, role: str) -> dict[str, str]:
        return DEMO_LOGINS[role]

    def http(self, timeout: float = 10) -> httpx.Client:
        """Return an HTTP client of the gateway, closed with the system."""
        http = httpx.Client(base_url=self.url, timeout=timeout, trust_env=False, verify=NO_AUTHORITIES)
        self._https.append(http)
        return http

    def client(self, token: str = "") -> Client:
        """Return a client of the interface that repeats nothing, closed with the system."""
        return Client(self.url, token, http=self.http(), repeat_seconds=0)

    def __enter__(self) -> Self:
        self.prepare()
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
