"""An installation of `deploy/compose.yaml`: the journey, what the outside cannot see, and what comes back."""

import subprocess
from itertools import takewhile
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from epass_client import Problem
from tests.compose.installation import COMPOSE, CONTAINERS, DEMO_JOBS, JOBS, Installation
from tests.support.stack.paths import ROOT
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, Applicant, Department, Officer, issued, today


def image_of_epass(system: Installation) -> str:
    return next(name for name in system.compose("config", "--images").split() if "epass" in name)


def test_every_container_runs_and_every_job_is_done(system: Installation) -> None:
    assert set(system.containers()) == set(CONTAINERS)
    for job in (*JOBS, *DEMO_JOBS):
        state = system.state(job)
        assert (job, state["Status"], state["ExitCode"]) == (job, "exited", 0)


def test_the_journey_goes_through_the_proxy(system: Installation) -> None:
    system.run_journey()


def test_plain_http_leads_to_https(system: Installation) -> None:
    answer = httpx.get(f"http://localhost:{system.http_port}/en", trust_env=False)
    assert answer.status_code == 308
    assert answer.headers["location"].startswith("https://localhost")


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/docs",
        "/openapi.json",
        "/dev/phone",
        "/dev/messages?to=%2B919876543210",
        "/%64ev/phone",
        "//metrics",
        "/./metrics",
        "/en/../metrics",
        "/METRICS",
    ],
)
def test_what_is_of_the_inside_is_closed_to_the_outside(system: Installation, path: str) -> None:
    address = urlsplit(system.url)
    done = subprocess.run(
        ["curl", "-sk", "--path-as-is", "-o", "/dev/null", "-w", "%{http_code}", f"{address.geturl()}{path}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "404"


def test_the_limits_of_the_proxy_hold(system: Installation) -> None:
    http = system.http()
    assert http.get("/healthz", headers={"X-Long": "x" * 60_000}).status_code == 431
    too_large = http.post("/api/v1/otp", content=b"x" * 3_000_000)
    assert too_large.status_code == 413


ECHO = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Echo(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(self.headers).encode())
HTTPServer(("", 8080), Echo).serve_forever()
"""


def test_gateways_hear_of_the_address_that_the_proxy_sees_and_not_of_what_a_client_says(
    system: Installation,
) -> None:
    system.compose("stop", "gateway-1", "gateway-2")
    echo = system.compose(
        "run", "--rm", "--detach", "--no-deps", "--use-aliases", "gateway-2", "python", "-c", ECHO
    ).strip()
    try:
        http = system.http()
        said = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "http", "Forwarded": "for=203.0.113.7"}
        answer = eventually(lambda: _ok(http.get("/healthz", headers=said)), "the echo answers")
        heard = dict(line.lower().split(": ", 1) for line in answer.text.splitlines() if ": " in line)
        assert "203.0.113.7" not in heard["x-forwarded-for"]
        assert "," not in heard["x-forwarded-for"]
        assert heard["x-forwarded-proto"] == "https"
    finally:
        subprocess.run([COMPOSE[0], "rm", "--force", echo], check=False, capture_output=True)
        system.compose("start", "gateway-1", "gateway-2")
        for name in ("gateway-1", "gateway-2"):
            system.wait_healthy(name)


def _ok(answer: httpx.Response) -> httpx.Response | None:
    return answer if answer.status_code == 200 else None


def test_the_file_systems_are_read_only_and_nobody_is_root(system: Installation) -> None:
    for name in CONTAINERS:
        done = system.compose("exec", "-T", name, "sh", "-c", "grep ' / ' /proc/mounts; id -u")
        *_, options, _, _, user = done.split()
        assert "ro" in options.split(","), name
        assert user != "0", name


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_that_is_killed_comes_back_and_the_journey_works(system: Installation, name: str) -> None:
    before = system.state(name)["StartedAt"]
    system.kill(name)
    system.wait_healthy(name, before)
    system.wait_all_healthy()
    system.run_journey(repeat_seconds=10)  # others may be connecting again: 503, and a repeat


def test_processes_that_hang_are_started_again(system: Installation) -> None:
    hanging = {name: system.state(name)["StartedAt"] for name in ("verify", "relay", "gateway-1")}
    for name in hanging:
        system.kill(name, "STOP")
    for name, before in hanging.items():
        system.wait_healthy(name, before)
    system.run_journey(repeat_seconds=10)


def test_a_pass_survives_that_everything_is_killed_at_once(system, department, officer) -> None:
    visitor = Applicant(system)
    reference, summary = issued(visitor, department, known_to=officer)
    before = {name: system.state(name)["StartedAt"] for name in CONTAINERS}
    for name in CONTAINERS:
        system.kill(name)
    for name in CONTAINERS:
        system.wait_healthy(name, before[name])
    view = eventually(lambda: visitor.view(reference), "the application is there", 60)
    assert view.pass_ is not None
    assert view.pass_.number == summary.number


def test_the_commands_of_operations_run(system: Installation) -> None:
    balances = system.compose("run", "--rm", "-T", "administrator", "epass", "invariants")
    assert "applied" in balances
    holiday = ("run", "--rm", "-T", "approval", "epass", "import", "holidays", "/dev/stdin", "--apply")
    line = f"PCS2,{today(20)},A day of this test,,"
    made = system.compose(*holiday, input=f"site,day,reason,reason_pa,reason_hi\n{line}\n")
    assert "1 of them new" in made
    passwords = system.compose(
        "run",
        "--rm",
        "-T",
        "import-logins",
        input="role,name,department,site,gate,mobile,language,valid_until\nado,Asha Verma,,,,,,\n",
    )
    header, login = passwords.split()[0], passwords.splitlines()[1].split(",")
    assert header.removeprefix("\ufeff") == "login_id,name,initial_password"
    with system.client() as anyone:
        anyone.sign_in(login[0], login[2])


def test_a_backup_is_restored_over_what_is_there(
    system: Installation, department: Department, officer: Officer, tmp_path: Path
) -> None:
    def make(target: str, *arguments: str, check: bool = True) -> str:
        command = ["make", target, f"COMPOSE={system.command}", f"SECRETS={system.secrets}"]
        command += [f"BACKUP={tmp_path / 'backup'}", f"IDENTITY={key}", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert not check or not done.returncode, done.stderr[-3000:] + done.stdout[-3000:]
        return done.stdout + done.stderr

    key = tmp_path / "key"
    subprocess.run(["age-keygen", "-o", str(key)], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", str(key)], check=True, capture_output=True, text=True).stdout
    environment = {**system.environment, "EPASS_BACKUP_TO": public.strip(), "EPASS_SITE_FILES": str(tmp_path)}
    visitor, other = Applicant(system), Applicant(system)
    reference, summary = issued(visitor, department, known_to=officer)
    token = visitor.token(summary.number)
    waiting = visitor.apply()
    before = visitor.view(reference).pass_
    make("compose-backup")
    later = other.apply()
    assert "there is data" in make("compose-restore", check=False)

    assert "withdraw" in make("compose-restore", "REPLACE=yes")
    assert "proxy" not in system.containers(), "nobody comes in before somebody has looked"
    system.compose("up", "--detach", "--wait")
    assert visitor.view(reference).pass_ == before
    assert officer.scan(token=token, id_check=MATCHED).verdict == "admit"
    department.approve(waiting)
    assert visitor.wait_for_pass(waiting)
    with pytest.raises(Problem, match="not_found"):
        other.view(later)
    system.run_journey()


def test_the_image_has_no_tools_and_at_most_130_mb_of_its_own(system: Installation) -> None:
    """With the 120 MB of python:3.13-slim it stays under 250; other bases under its name are larger."""
    tools = system.compose(
        "exec", "-T", "accounts", "sh", "-c", "command -v pip gcc cc make strip node npm; true"
    )
    assert tools.strip() == ""
    image = image_of_epass(system)
    history = subprocess.run(
        [COMPOSE[0], "history", "--no-trunc", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}", image],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    steps = [(int(step.split()[0]), step) for step in history.stdout.splitlines()]
    ours = sum(size for size, _ in takewhile(lambda step: "LABEL" not in step[1], steps))
    whole = sum(size for size, _ in steps)
    print(f"image: {whole / 1e6:.0f} MB, {ours / 1e6:.0f} of them ours")
    assert 50_000_000 < ours < 130_000_000
    assert whole < 250_000_000 or whole - ours > 130_000_000


def test_the_image_names_its_version(system: Installation) -> None:
    image = image_of_epass(system)
    label = '{{index .Config.Labels "org.opencontainers.image.version"}}'
    found = subprocess.run(
        [COMPOSE[0], "image", "inspect", "--format", label, image],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.strip() == image.rpartition(":")[2]
