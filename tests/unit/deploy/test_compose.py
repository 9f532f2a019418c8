"""`deploy/compose.yaml` and what stands beside it, checked against the code without an engine."""

import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.subscriptions import SERVICES
from deploy.compose import databases, health, secrets
from deploy.local import access
from deploy.local.permissions import PERMISSIONS
from deploy.local.postgres import SETTINGS
from deploy.local.services import COMMANDS
from services.chassis.tokens.signing_key import SigningKey
from services.gateway import api
from services.ops import grants
from services.ops.settings import DirectoryCommandSettings, LoginImportSettings
from tests.support.stack.paths import ROOT
from tests.support.stack.settings import PROCESSES
from tests.unit.deploy.compose_file import DEPLOY, GATEWAYS, JOBS, KINDS, Compose, left_out, load

LOG = {"driver": "json-file", "options": {"max-size": "10m", "max-file": "5"}}
NO_LOG = {"driver": "none"}
"""Of what prints passwords, on the terminal."""
WATCH = ("prometheus", "alertmanager", "grafana")
COMMANDS_OF = {name: words.split() for name, words in COMMANDS.items()}


def process_of(container: str) -> str:
    return "gateway" if container in GATEWAYS else container


def secret_folder(service: Compose) -> str | None:
    for volume in service.get("volumes", ()):
        if isinstance(volume, dict) and volume["target"] == "/run/secrets/epass":
            return str(volume["source"]).removeprefix("./secrets/")
    return None


def packed(known: str = "") -> tuple[dict[str, str], dict[str, int]]:
    """Return the files that `make secrets` makes of the secrets that are known, and each mode."""
    out = io.BytesIO()
    secrets.pack(known.encode(), out)
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        files = {one.name: archive.extractfile(one).read().decode() for one in archive if one.isfile()}  # type: ignore[union-attr]
        return files, {one.name: one.mode for one in archive}


@pytest.fixture(scope="module")
def secret_files() -> dict[str, str]:
    return packed()[0]


# --- what runs


def wrong_processes(compose: Compose) -> list[str]:
    """Return the processes of `make run` that do not run, or with another command."""
    containers = [*(name for name in COMMANDS if name != "gateway"), *GATEWAYS]
    return [
        name
        for name in containers
        if compose["services"].get(name, {}).get("command") != ["epass", *COMMANDS_OF[process_of(name)]]
    ]


def wrong_restarts(compose: Compose) -> list[str]:
    """Return what a crash would end for good, and jobs that would run for ever."""
    return [
        name
        for name, service in compose["services"].items()
        if service.get("restart") != ("no" if name in JOBS else "unless-stopped")
    ]


def unconfined(compose: Compose) -> list[str]:
    """Return what may write to its file system, gain rights, or take more than its share."""
    limits = ("mem_limit", "cpus", "pids_limit")
    return [
        name
        for name, service in compose["services"].items()
        if service.get("read_only") is not True
        or service.get("cap_drop") != ["ALL"]
        or service.get("security_opt") != ["no-new-privileges:true"]
        or not all(service.get(limit) for limit in limits)
        or service.get("logging") != (NO_LOG if name == "import-logins" else LOG)
    ]


def roots(compose: Compose) -> list[str]:
    """Return what runs as root, or may do more than others.

    What gives the files of the proxy to its user may, without a network; and the program of the proxy has a
    mark for low ports, without which the kernel would not start it.
    """
    rights = {
        "proxy-files": ("0:0", ["CHOWN", "DAC_READ_SEARCH"], "none"),
        "proxy": ("10001:10001", ["NET_BIND_SERVICE"], None),
    }
    return [
        name
        for name, service in compose["services"].items()
        if (service.get("user", "root") in {"root", "0", "0:0"} or "cap_add" in service)
        and rights.get(name) != (service.get("user"), service.get("cap_add"), service.get("network_mode"))
    ]


def open_ports(compose: Compose) -> list[str]:
    """Return the published ports that others than this machine reach, except those of the proxy over IPv4."""
    return [
        f"{name} {port}"
        for name, service in compose["services"].items()
        for port in service.get("ports", ())
        if not port.startswith("127.0.0.1:")
        and (name != "proxy" or port not in {"0.0.0.0:80:8080", "0.0.0.0:443:8443"})
    ]


def exits(compose: Compose) -> list[str]:
    """Return what can reach the outside beside these three, and what else can reach `watch`."""
    closed = {name for name, network in compose["networks"].items() if (network or {}).get("internal")}
    out = {name: {"outside"} for name in ("proxy", "sender", "exporter")}
    allowed = {**out, **{name: {"watch"} for name in WATCH}}
    closed.add("none")
    return [
        name
        for name, service in compose["services"].items()
        if not set(service.get("networks", [service.get("network_mode", "default")])) - closed
        <= allowed.get(name, set())
    ]


def strangers(compose: Compose) -> list[str]:
    """Return what reaches PostgreSQL or the counters without a password for them, or the other way round."""
    with_database = {
        *(name for name in (*KINDS, *JOBS) if name not in {*GATEWAYS, "topology", "proxy-files"}),
        "postgres",
    }  # fmt: skip
    expected = {"database": with_database, "limits": {"valkey", *GATEWAYS}}
    jobs = {"topology"}  # like the others, it ends
    return [
        f"{name} {network}"
        for network, members in expected.items()
        for name, service in compose["services"].items()
        if (network in service.get("networks", ())) is not (name in members) and name not in jobs
    ]


def unnoticed(compose: Compose) -> list[str]:
    """Return the containers that a change of a file that they mount does not replace, at the next `up`."""
    makefile = (ROOT / "Makefile").read_text()
    noted = {found[1]: found[2].split() for found in re.finditer(r"call digest,(\w+),(.+)\)", makefile)}
    mounted = {
        name: [
            f"deploy/{path.removeprefix('./')}"
            for path in (one.split(":")[0] for one in service.get("volumes", ()) if isinstance(one, str))
            if (DEPLOY / path).is_file()
        ]
        for name, service in compose["services"].items()
    }
    return [
        name
        for name, files in mounted.items()
        if files != noted.get(name, [])
        or bool(files)
        is not (
            {"path": f"./secrets/{name}.env", "required": False}
            in compose["services"][name].get("env_file", [])
        )
    ]


def wrong_settings(compose: Compose) -> list[str]:
    """Return the settings of a container that its process does not have."""
    return [
        f"{name} {setting}"
        for name, kind in KINDS.items()
        for setting in compose["services"].get(name, {}).get("environment", {})
        if setting != "EPASS_SECRETS_DIR"
        and setting not in {f"EPASS_{field.upper()}" for field in kind.model_fields}
        and not (setting == "EPASS_PUBLIC_URL" and name in PROCESSES)
    ]


def unstarted(compose: Compose) -> list[str]:
    """Return the processes that could start before topology and tables are there."""
    prepared = {job: {"condition": "service_completed_successfully"} for job in ("topology", "migrations")}
    return [
        name
        for name in KINDS
        if name not in JOBS and compose["services"].get(name, {}).get("depends_on") != prepared
    ]


def mistrusted(compose: Compose) -> list[str]:
    """Return the gateways that do not believe the proxy, or believe another address."""
    address = compose["services"]["proxy"]["networks"]["edge"]["ipv4_address"]
    return [
        name
        for name in GATEWAYS
        if compose["services"].get(name, {}).get("environment", {}).get("EPASS_TRUSTED_PROXIES") != address
    ]


def unwatched(compose: Compose) -> list[str]:
    """Return the processes that Prometheus does not ask."""
    found = json.loads((DEPLOY / "compose" / "prometheus" / "epass.json").read_text())
    targets = {target: group["labels"]["process"] for group in found for target in group["targets"]}
    expected = {
        f"{name}:{8080 if name in GATEWAYS else 9100}": process_of(name)
        for name in compose["services"]
        if name in KINDS and name not in JOBS
    }
    return sorted(set(targets.items()) ^ set(expected.items()))  # type: ignore[arg-type]


def unhealthy(compose: Compose) -> list[str]:
    """Return what runs on and has no health check."""
    return [
        name
        for name, service in compose["services"].items()
        if name not in JOBS and not service.get("healthcheck", {}).get("test")
    ]


def wrong_shares(compose: Compose) -> list[str]:
    """Return the processes of the gate that give way on a busy machine, and others that do not."""
    gate = {*GATEWAYS, "verify"}
    return [
        name
        for name in KINDS
        if name not in JOBS
        and (compose["services"].get(name, {}).get("cpu_shares", 1024) < 1024) == (name in gate)
    ]


CHECKS = (
    wrong_processes, wrong_restarts, unconfined, roots, open_ports, exits, strangers, unnoticed,
    wrong_settings, unstarted, mistrusted, unwatched, unhealthy, left_out, wrong_shares,
)  # fmt: skip


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_compose_file_keeps_each_rule(check: Callable[[Compose], list[str]]) -> None:
    assert check(load()) == []


def _set(path: str, value: object) -> Callable[[Compose], None]:
    def change(compose: Compose) -> None:
        *way, last = path.split(".")
        place = compose
        for name in way:
            place = place[name]
        place[last] = value

    return change


CHANGES: dict[str, tuple[Callable[[Compose], list[str]], Callable[[Compose], None]]] = {
    "a missing process": (wrong_processes, lambda compose: compose["services"].pop("relay")),
    "another command": (wrong_processes, _set("services.verify.command", ["epass", "serve", "notify"])),
    "no restart": (wrong_restarts, _set("services.rabbitmq.restart", "no")),
    "a job for ever": (wrong_restarts, _set("services.topology.restart", "always")),
    "a writable file system": (unconfined, _set("services.accounts.read_only", False)),
    "a missing limit": (unconfined, _set("services.postgres.mem_limit", None)),
    "a log without end": (unconfined, _set("services.sender.logging", {})),
    "first passwords in a log": (unconfined, _set("services.import-logins.logging", LOG)),
    "a proxy as root": (roots, _set("services.proxy.user", "0")),
    "a root with a network": (roots, _set("services.proxy-files.network_mode", None)),
    "a process as root": (roots, _set("services.gateway-1.user", "0")),
    "a proxy with all rights": (roots, _set("services.proxy.cap_add", ["ALL"])),
    "a port of the broker": (open_ports, _set("services.rabbitmq.ports", ["15672:15672"])),
    "a port over IPv6": (open_ports, _set("services.proxy.ports", ["443:443"])),
    "a port of Grafana for all": (open_ports, _set("services.grafana.ports", ["3000:3000"])),
    "a way out": (exits, _set("services.accounts.networks", ["inside", "outside"])),
    "Alertmanager beside the proxy": (exits, _set("services.alertmanager.networks", ["watch", "outside"])),
    "a gateway at the databases": (strangers, _set("services.gateway-1.networks", ["limits", "database"])),
    "a process without its database": (strangers, _set("services.relay.networks", ["inside"])),
    "a file that nobody notes": (unnoticed, _set("services.proxy.env_file", [])),
    "another file": (
        unnoticed,
        _set("services.rabbitmq.volumes", ["./compose/Caddyfile:/etc/rabbitmq/conf.d/9.conf:ro"]),
    ),
    "an open network": (exits, _set("networks.inside", {})),
    "an unknown setting": (wrong_settings, _set("services.gateway-2.environment.EPASS_COLOUR", "red")),
    "a start before the tables": (unstarted, _set("services.issuance.depends_on", {})),
    "another proxy": (mistrusted, _set("services.gateway-2.environment.EPASS_TRUSTED_PROXIES", "*")),
    "a process that nobody watches": (unwatched, lambda compose: compose["services"].pop("exporter")),
    "a gate that gives way": (wrong_shares, _set("services.verify.cpu_shares", 128)),
    "a sender that does not": (wrong_shares, _set("services.sender.cpu_shares", 1024)),
    "alerts that a profile leaves out": (left_out, _set("services.alertmanager.profiles", ["watch"])),
    "no health check": (unhealthy, lambda compose: compose["services"]["relay"].pop("healthcheck")),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_broken_rule_is_found(what: str) -> None:
    check, change = CHANGES[what]
    compose = load()
    change(compose)
    assert check(compose)


# --- secrets


def test_each_container_gets_the_secrets_that_it_needs_and_no_others(
    secret_files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = load()["services"]
    for name in [name for name in os.environ if name.startswith("EPASS_")]:
        monkeypatch.delenv(name)
    for path, text in secret_files.items():
        tmp_path.joinpath(path).parent.mkdir(exist_ok=True)
        tmp_path.joinpath(path).write_text(text)
    for name, kind in KINDS.items():
        folder = secret_folder(compose[name])
        assert folder == process_of("administrator" if name == "topology" else name)
        with monkeypatch.context() as patch:
            for setting, value in compose[name].get("environment", {}).items():
                patch.setenv(setting, value)
            kind(_secrets_dir=tmp_path / folder)  # type: ignore[call-arg]  # of pydantic-settings
    own = {f"EPASS_{field.upper()}" for kind in PROCESSES.values() for field in kind.model_fields}
    for name, kind in PROCESSES.items():
        given = {path.name for path in tmp_path.joinpath(name).iterdir()}
        assert given <= {f"EPASS_{field.upper()}" for field in kind.model_fields} <= own


def test_logins_are_imported_with_their_own_secrets(secret_files: dict[str, str], tmp_path: Path) -> None:
    for path, text in secret_files.items():
        if path.startswith("import-logins/"):
            tmp_path.joinpath(Path(path).name).write_text(text)
    for kind in (LoginImportSettings, DirectoryCommandSettings):
        kind(_secrets_dir=tmp_path)  # type: ignore[call-arg]  # of pydantic-settings


def test_every_secret_folder_exists_and_is_used(secret_files: dict[str, str]) -> None:
    made = {path.partition("/")[0] for path in secret_files if "/" in path}
    used = {folder for service in load()["services"].values() if (folder := secret_folder(service))}
    assert made - {"demo"} | {secrets.CERTIFICATE} == used


def test_a_folder_of_secrets_that_is_missing_stops_its_container() -> None:
    for service in load()["services"].values():
        for volume in service.get("volumes", ()):
            if isinstance(volume, dict):
                assert volume["read_only"] is True
                assert volume["bind"] == {"create_host_path": False}


def test_secrets_that_exist_stay_and_new_ones_are_added(secret_files: dict[str, str]) -> None:
    first = secret_files
    store = json.loads(first["secrets.json"])
    lost = store.pop("otp")
    second, _ = packed(json.dumps(store))
    salted = "rabbitmq/definitions.json"
    changed = {path for path in first if first[path] != second[path]} - {salted}
    assert changed == {"secrets.json", "accounts/EPASS_OTP_SECRET"}
    assert second["accounts/EPASS_OTP_SECRET"] != lost
    assert packed(second["secrets.json"])[0].keys() == second.keys()


def test_a_service_signs_with_the_first_of_its_keys_of_events_and_all_of_them_are_believed(
    secret_files: dict[str, str],
) -> None:
    store = json.loads(secret_files["secrets.json"])
    old, new = store["event key notify"], "A" * 43
    files, _ = packed(json.dumps(store | {"event key notify": f"{new},{old}"}))
    assert files["notify/EPASS_EVENT_KEY"] == files["sender/EPASS_EVENT_KEY"] == new
    keys = files["approval/EPASS_EVENT_KEYS"]
    assert keys == files["gateway/EPASS_EVENT_KEYS"]
    for seed in (old, new):
        assert f"notify:{SigningKey.from_seed(seed).public.x}" in keys.split(",")


@pytest.mark.parametrize(
    ("settings", "folder"),
    [
        (None, "deploy/secrets"),
        ("EPASS_HOST=localhost\n", "deploy/secrets"),
        ("EPASS_SECRETS=./secrets\n", "deploy/secrets"),
        ("EPASS_SECRETS=/srv/epass\n", "/srv/epass"),
        ("EPASS_SECRETS=./elsewhere\n", ""),  # it would get into the image
        ("EPASS_SECRETS=/srv/epass   # ours\n", ""),
        ('EPASS_SECRETS="/srv/epass"\n', ""),
    ],
)
def test_make_uses_the_folder_of_secrets_that_the_containers_see(
    settings: str | None, folder: str, tmp_path: Path
) -> None:
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    if settings is not None:
        (tmp_path / "deploy" / ".env").write_text(settings)
    environment = {name: text for name, text in os.environ.items() if name != "EPASS_SECRETS"}
    shown = subprocess.run(
        ["make", "--no-print-directory", "--eval", "shown: ; @echo $(SECRETS)", "shown"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shown.stdout.strip() == folder
    assert bool(folder) is ("EPASS_SECRETS has to be a path" not in shown.stderr)


def test_the_servers_know_everyone_who_connects(secret_files: dict[str, str]) -> None:
    users = json.loads(secret_files["rabbitmq/definitions.json"])["users"]
    assert {user["name"] for user in users} == set(PERMISSIONS)
    roles = json.loads(secret_files["databases/passwords.json"])
    assert set(roles) == {secrets.SUPERUSER, *SERVICES, *grants.ROLES, *access.READERS}
    assert set(json.loads(secret_files["migrations/passwords.json"])) == set(SERVICES)
    assert secret_files["postgres/password"] == roles[secrets.SUPERUSER]


def test_the_broker_starts_with_every_exchange_on_which_somebody_has_rights(
    secret_files: dict[str, str],
) -> None:
    """RabbitMQ 4.3 does not start on rights of topics of an exchange that is not there."""
    definitions = json.loads(secret_files["rabbitmq/definitions.json"])
    declared = {(one["vhost"], one["name"]) for one in definitions["exchanges"]}
    assert {(one["vhost"], one["exchange"]) for one in definitions["topic_permissions"]} <= declared


def test_secrets_are_readable_inside_a_folder_that_only_their_owner_enters() -> None:
    _, modes = packed()
    assert modes.pop("secrets.json") == 0o600
    assert set(modes.values()) == {0o444, 0o755}
    assert "umask 077 && mkdir -p $(SECRETS)" in (ROOT / "Makefile").read_text()
    own = {"deploy/.env", "deploy/secrets", "deploy/site"}
    ignored = {line.rstrip("/*") for line in (ROOT / ".gitignore").read_text().splitlines()}
    assert own <= ignored
    assert own <= set((ROOT / ".dockerignore").read_text().splitlines())


def test_the_demonstration_adds_local_mode_and_seeds_and_opens_the_phone_to_this_machine_alone(
    secret_files: dict[str, str],
) -> None:
    services = load(DEPLOY / "compose.demo.yaml")["services"]
    local = {name for name, kind in PROCESSES.items() if "local_mode" in kind.model_fields}
    changed, contained = (
        {name for name, one in services.items() if one.get("environment", {}).get(f"EPASS_{setting}")}
        for setting in ("LOCAL_MODE", "LOCAL_MODE_IN_CONTAINER")
    )
    assert contained == changed, "they listen on all addresses of their container"
    limited = {name for name, kind in PROCESSES.items() if "rate_limits" in kind.model_fields}
    assert {process_of(name) for name in changed} == {"notify", "sender"} | limited <= local
    ports = [port for one in services.values() for port in one.get("ports", ())]
    assert ports == ["127.0.0.1:80:8080", "127.0.0.1:443:8443", "127.0.0.1:8080:8080"]
    assert "ports: !override\n" in (DEPLOY / "compose.demo.yaml").read_text(), "in the place of the others"
    mounted = {
        volume["source"].removeprefix("./secrets/")
        for one in services.values()
        for volume in one.get("volumes", ())
    }
    assert mounted == {"approval", "accounts", "demo"} <= {path.partition("/")[0] for path in secret_files}


def test_the_demonstration_leaves_nothing_in_the_installation_that_follows_it() -> None:
    demo, real = load(DEPLOY / "compose.demo.yaml"), load()
    assert demo["name"] != real["name"], "volumes are of a project"
    assert not {name for name, one in real["volumes"].items() if one and "name" in one}


def test_each_process_that_reads_a_file_of_the_site_sees_the_folder_of_them() -> None:
    paths = {"sms_registrations", "site_texts"}
    assert {
        name
        for name, one in load()["services"].items()
        if any(
            isinstance(volume, dict) and volume["target"] == "/etc/epass" for volume in one.get("volumes", ())
        )
    } == {name for name, kind in KINDS.items() if {*paths, "ops_backup_stamp"} & kind.model_fields.keys()}
    readme = (DEPLOY / "site" / "README.md").read_text()
    assert all(f"EPASS_{path.upper()}=/etc/epass/" in readme for path in paths)


@pytest.mark.parametrize(("told", "months"), [({}, 24), ({"EPASS_RECORDS_KEPT_MONTHS": "36"}, 36)])
def test_the_job_that_migrates_drops_the_months_that_the_services_no_longer_keep(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, str], months: int
) -> None:
    monkeypatch.delenv("EPASS_RECORDS_KEPT_MONTHS", raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert load()["services"]["migrations"]["env_file"] == load()["services"]["approval"]["env_file"]
    kept = {}
    monkeypatch.setattr(databases, "upgrade", lambda service, _, months: kept.update({service: months}))
    monkeypatch.setattr(access, "grant_rights", lambda _: None)
    databases.Server(dict.fromkeys(SERVICES, "password")).migrate()
    assert kept == dict.fromkeys(SERVICES, months)


# --- health checks, proxy, servers


@pytest.mark.parametrize("name", [name for name in KINDS if name not in JOBS])
def test_the_health_check_of_a_process_asks_a_route_that_it_has(name: str) -> None:
    *command, port = load()["services"][name]["healthcheck"]["test"]
    assert command == ["CMD", "python", "-m", "deploy.compose.health"]
    part = "GATEWAY" if name in GATEWAYS else "HEALTH"
    settings = load()["services"][name]["environment"]
    assert (settings[f"EPASS_{part}_HOST"], settings[f"EPASS_{part}_PORT"]) == ("0.0.0.0", port)
    if name in GATEWAYS:
        paths = {route.path for router in api.routers(False) for route in router.routes}  # type: ignore[attr-defined]
        assert {health.ALIVE, health.READY} <= paths


def test_postgres_takes_the_connections_of_all_processes() -> None:
    command = load()["services"]["postgres"]["command"]
    allowed = int(next(word for word in command if word.startswith("max_connections=")).partition("=")[2])
    pools = [
        kind.model_fields["database_pool"].default + 2
        for kind in PROCESSES.values()
        if "database_pool" in kind.model_fields
    ]
    others = 4 * len(SERVICES)  # relay, exporter, a migration and a command, in each database
    assert sum(pools) + others < allowed == int(SETTINGS["max_connections"])


def test_the_upgrade_without_a_break_takes_the_order_of_upgrading_and_leaves_out_no_process() -> None:
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    loops = re.findall(r"^for (?:job|name) in (.+); do$", page, re.MULTILINE)
    jobs, beside, in_place = (loop.split() for loop in loops)
    assert jobs == ["databases", "migrations", "topology"]
    steps = (ROOT / "docs" / "upgrading.md").read_text(encoding="utf-8")
    order = re.findall(r"^2\. (.+?): who reads", steps, re.MULTILINE | re.DOTALL)[0]
    assert beside == re.findall(r"[a-z]+", order.replace("and the", ""))
    assert in_place == [*GATEWAYS, "relay", "exporter"]
    assert {*beside, *in_place} == {name for name in KINDS if name not in JOBS}


# --- the image


def test_the_file_of_traces_gives_every_process_a_collector_that_it_can_reach() -> None:
    file = load(DEPLOY / "compose.traces.yaml")
    services = file["services"]
    collector = services.pop("jaeger")
    assert {*services} == {name for name in KINDS if name not in JOBS}
    for name, one in services.items():
        assert one == {"environment": {"EPASS_OTLP_ENDPOINT": "http://jaeger:4318"}, "networks": ["traces"]}
        assert "otlp_endpoint" in KINDS[name].model_fields
    assert collector["ports"] == ["127.0.0.1:16686:16686"]


def test_the_collector_of_traces_reaches_no_server_and_no_process_gets_a_way_outside() -> None:
    file, base = load(DEPLOY / "compose.traces.yaml"), load(DEPLOY / "compose.yaml")
    collector = set(file["services"]["jaeger"]["networks"])
    assert file["networks"]["traces"] == {"internal": True}
    assert not collector & set(base["networks"])
    assert collector & {
        network for one in ("accounts", "sender") for network in file["services"][one]["networks"]
    }
