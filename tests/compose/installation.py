"""`deploy/compose.yaml` as it is installed, with the demonstration or without, in projects of its own."""

import json
import os
import shlex
import shutil
import ssl
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import httpx

from deploy.local.smoke_journey import SmokeJourney
from epass_client import Client
from tests.support.stack import images
from tests.support.stack.paths import ROOT
from tests.support.stack.running import eventually, free_port

COMPOSE = shlex.split(os.environ.get("EPASS_COMPOSE", "docker compose"))
"""The command of a Docker-compatible engine."""
PROJECT = "epass-test"
UP_SECONDS = 300
JOBS = ("proxy-files", "databases", "migrations", "topology")
DEMO_JOBS = ("demo-directory", "demo-logins")
PROCESSES = (
    "accounts", "application", "approval", "issuance", "notify", "verify", "relay", "sender", "exporter",
    "gateway-1", "gateway-2",
)  # fmt: skip
CONTAINERS = ("postgres", "rabbitmq", "valkey", *PROCESSES, "proxy", "prometheus", "alertmanager")
"""What runs on after the start."""
ON_ONE_MACHINE = MappingProxyType(
    {
        "EPASS_RATE_LIMITS": "false",
        "EPASS_UNDO_SECONDS": "0",
        "EPASS_RPC_TIMEOUT": "8",
        "EPASS_STANDING_PASSES": "3",
    }
)
"""Settings of the demonstration: all comes from one address, and starting processes keeps a machine busy."""
SERVER_IMAGES = ("EPASS_RABBITMQ_IMAGE", "EPASS_POSTGRES_IMAGE", "EPASS_VALKEY_IMAGE")


def missing_engine() -> str:
    """Return why nothing can be started here; empty if an engine answers."""
    if shutil.which(COMPOSE[0]) is None:
        return f"{COMPOSE[0]} is not installed (EPASS_COMPOSE names another command)"
    for command in ([*COMPOSE, "version"], [*COMPOSE, "-p", PROJECT, "ps"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            return f"{shlex.join(command)}: {done.stderr.strip() or done.stdout.strip()}"
    return ""


def _engine(*arguments: str) -> bool:
    """Run a command of the engine, and return whether it succeeded."""
    return subprocess.run([COMPOSE[0], *arguments], capture_output=True, check=False).returncode == 0


def server_image(setting: str) -> str:
    """Return the image of a server that is started."""
    return images.chosen(
        setting, lambda image: _engine("image", "inspect", image), lambda image: _engine("pull", image)
    )


def _states(identities: Sequence[str]) -> list[dict[str, Any]]:
    """Return the state of each of these containers that is there."""
    done = subprocess.run(
        [COMPOSE[0], "inspect", "--format", "{{json .State}}", *identities],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines() if line]


def _is_healthy(state: Mapping[str, Any]) -> bool:
    health = state.get("Health") or state.get("Healthcheck") or {}
    return health.get("Status") == "healthy"


class Door(httpx.BaseTransport):
    """Everything goes through the proxy, except the phone, which only the demonstration opens.

    Args:
        trust: of the proxy's certificate.
        phone: the address of the gateway that shows the phone.
    """

    def __init__(self, trust: ssl.SSLContext, phone: str) -> None:
        self._proxy = httpx.HTTPTransport(verify=trust, trust_env=False)
        self._phone = httpx.HTTPTransport(trust_env=False)
        self._address = httpx.URL(phone)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.startswith("/dev/"):
            return self._proxy.handle_request(request)
        request.url = self._address.join(request.url.raw_path.decode())
        return eventually(lambda: self._ask_phone(request), "the gateway of the phone is back", 60)

    def _ask_phone(self, request: httpx.Request) -> httpx.Response | None:
        try:
            return self._phone.handle_request(request)
        except httpx.TransportError:
            return None

    def close(self) -> None:
        self._proxy.close()
        self._phone.close()


class Installation:
    """One installation. It has what the actors of the journeys use of `tests.support.system.system.System`.

    Args:
        folder: for secrets and settings.
        project: of compose, with volumes and networks of its own.
        edge: the network between its proxy and its gateways.
        files: of `deploy`.
        settings: of the site, beside the ports.
    """

    def __init__(
        self,
        folder: Path,
        project: str = PROJECT,
        edge: str = "172.30.84",
        files: Sequence[str] = ("compose.yaml", "compose.demo.yaml"),
        settings: Mapping[str, str] = ON_ONE_MACHINE,
    ) -> None:
        self._folder = folder
        self._settings = dict(settings)
        self._edge = edge
        self.port, self.http_port, self._phone_port = free_port(), free_port(), free_port()
        self.url = f"https://localhost:{self.port}"
        self.phone = f"http://127.0.0.1:{self._phone_port}"
        self.secrets = folder / "secrets"
        self._https: list[httpx.Client] = []
        self._trust = ssl.create_default_context()
        named = [word for name in files for word in ("-f", str(ROOT / "deploy" / name))]
        self._compose = [*COMPOSE, "-p", project, "--env-file", str(folder / "site.env"), *named]
        self.command = shlex.join(self._compose)
        self.environment = {name: text for name, text in os.environ.items() if not name.startswith("EPASS_")}

    def compose(self, *arguments: str, check: bool = True, **options: Any) -> str:
        """Run a command of compose on this installation and return its output."""
        done = subprocess.run(
            [*self._compose, *arguments],
            capture_output=True, text=True, check=False, env=self.environment, **options,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{shlex.join(arguments)}: {done.stderr[-3000:]}{done.stdout[-1000:]}")
        return done.stdout

    def start(self) -> None:
        """Make the secrets and start everything, as README says."""
        self._settings |= {
            "EPASS_SITE": str(self._folder / "site.env"),
            "EPASS_SECRETS": str(self.secrets),
            "EPASS_PUBLIC_URL": self.url,
            "EPASS_HTTP_PORT": str(self.http_port),
            "EPASS_HTTPS_PORT": str(self.port),
            "EPASS_DEMO_PORT": str(self._phone_port),
            "EPASS_PROMETHEUS_PORT": str(free_port()),
            "EPASS_ALERTMANAGER_PORT": str(free_port()),
            "EPASS_EDGE": self._edge,
            **{name: server_image(name) for name in SERVER_IMAGES},
            # of the example file, for a machine without containers: they must not matter
            "EPASS_HEALTH_HOST": "127.0.0.1",
            "EPASS_GATEWAY_HOST": "127.0.0.1",
        }
        self.set()
        self.prometheus = f"http://127.0.0.1:{self._settings['EPASS_PROMETHEUS_PORT']}"
        self.make_secrets()
        self.compose("up", "--detach", "--wait", "--wait-timeout", str(UP_SECONDS), timeout=UP_SECONDS + 60)
        root = self.compose("exec", "-T", "proxy", "cat", "/data/caddy/pki/authorities/local/root.crt")
        self._trust = ssl.create_default_context(cadata=root)

    def set(self, **settings: str) -> None:
        """Write the settings of the site, with these changed."""
        self._settings |= settings
        text = "".join(f"{name}={value}\n" for name, value in self._settings.items())
        (self._folder / "site.env").write_text(text)

    def make_secrets(self) -> None:
        """Make the image, and the secrets that are missing."""
        subprocess.run(["make", "secrets", f"SECRETS={self.secrets}"], cwd=ROOT, check=True)

    def stop(self) -> None:
        """Stop everything and delete its data."""
        for http in self._https:
            http.close()
        self.compose("--profile", "*", "down", "--volumes", "--timeout", "10", check=False)

    def containers(self) -> list[str]:
        """Return the containers that run, except jobs."""
        return sorted(set(self.compose("ps", "--services").split()) - {*JOBS, *DEMO_JOBS})

    def names(self, service: str) -> list[str]:
        """Return the names of the containers of a service that run."""
        return sorted(self.compose("ps", "--format", "{{.Name}}", service).split())

    def images(self) -> dict[str, str]:
        """Return the image of each service that runs; of one with several containers, of any of them."""
        lines = self.compose("ps", "--format", "{{.Service}} {{.Image}}").splitlines()
        return dict(line.split() for line in lines)

    def state(self, name: str) -> dict[str, Any]:
        """Return the state of a container, as the engine tells it."""
        return _states(self.compose("ps", "--all", "--quiet", name).split()[:1])[0]

    def kill(self, name: str, how: str = "KILL") -> None:
        """Send all processes in a container but the first a signal: SIGKILL, as a crash would, or SIGSTOP.

        An engine does not start again what it was asked to kill. So they are killed from inside.
        """
        self.compose("exec", "-T", name, "sh", "-c", f"kill -{how} -1", check=False)

    def wait_healthy(self, name: str, started_before: str = "") -> None:
        """Wait until a container is healthy, and was started again if ``started_before`` is given."""

        def look() -> bool:
            state = self.state(name)
            return state["StartedAt"] != started_before and _is_healthy(state)

        eventually(look, f"{name} is healthy", 180)

    def wait_all_healthy(self) -> None:
        """Wait until everything runs and is healthy."""

        def look() -> bool:
            states = _states(self.compose("ps", "--quiet").split())
            return len(states) == len(CONTAINERS) and all(_is_healthy(state) for state in states)

        eventually(look, "everything is healthy", 180)

    def run_journey(self, repeat_seconds: float = 0) -> None:
        """Go from an application to the way out, with logins of the demonstration."""
        logins = self.secrets / "demo" / "logins.json"
        SmokeJourney(self.url, logins, self.http(), repeat_seconds).run()

    def run_as_documented(self, heading: str) -> None:
        """Run the first block of commands below a heading of docs/install.md, for this installation."""
        page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
        commands = page.split(f"\n### {heading}\n", 1)[1].split("```sh\n", 1)[1].split("```", 1)[0]
        secrets = shlex.quote(f"SECRETS={self.secrets}")
        here = [
            f'epass-compose() {{ {self.command} "$@"; }}',
            f'docker() {{ command {shlex.quote(COMPOSE[0])} "$@"; }}',
            f'make() {{ command make -C {shlex.quote(str(ROOT))} "$@" {secrets}; }}',
            "git() { true; }",
        ]
        script = "\n".join(["set -eu", *here, commands])
        done = subprocess.run(
            ["bash", "-c", script],
            capture_output=True, text=True, check=False, env=self.environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert not done.returncode, f"{done.stderr[-3000:]}{done.stdout[-1000:]}"

    def login(self, role: str) -> dict[str, str]:
        logins: dict[str, dict[str, str]] = json.loads((self.secrets / "demo" / "logins.json").read_text())
        return logins[role]

    def http(self, timeout: float = 10) -> httpx.Client:
        """Return an HTTP client of the proxy, closed with the installation."""
        http = httpx.Client(base_url=self.url, transport=Door(self._trust, self.phone), timeout=timeout)
        self._https.append(http)
        return http

    def client(self, token: str = "") -> Client:
        """Return a client of the interface that repeats nothing, closed with the installation."""
        return Client(self.url, token, http=self.http(), repeat_seconds=0)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            print(self.compose("ps", "--all", check=False))
            print(self.compose("logs", "--tail", "15", check=False)[-20_000:])
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
