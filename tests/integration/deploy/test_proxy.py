"""The proxy of compose with a real Caddy, where this machine has one: its log, plain HTTP, its timeouts."""

import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.integration.encrypted_servers import Authority
from tests.support.stack.paths import ROOT
from tests.support.stack.running import eventually, free_port

pytestmark = pytest.mark.skipif(
    shutil.which("caddy") is None, reason="Debian's package caddy is not installed"
)
SECRET = "SECRET"


class Gateway(BaseHTTPRequestHandler):
    """A gateway that answers with secrets, and breaks off some requests."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/break"):
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("X-Request-ID", "a-correlation-id")
        self.send_header("Set-Cookie", f"session={SECRET}")
        self.send_header("Location", f"/p/{SECRET}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""


@pytest.fixture
def gateway() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def plain_port() -> int:
    return free_port()


TIMEOUTS = {"read_header": "10s", "read_body": "30s", "idle": "2m"}
"""What the proxy waits for a client. A test may shorten one."""


@pytest.fixture
def timeouts() -> dict[str, str]:
    return TIMEOUTS


@pytest.fixture
def tls() -> str:
    return "internal"


@pytest.fixture
def proxy(
    gateway: str, tmp_path: Path, plain_port: int, timeouts: dict[str, str], tls: str
) -> Iterator[tuple[str, Path]]:
    """Run the proxy with ports of its own; return its URL and its log."""
    port, log = free_port(), tmp_path / "log"
    text = (ROOT / "deploy" / "compose" / "Caddyfile").read_text()
    for ours, theirs in {
        "gateway-1:8080 gateway-2:8080": gateway,
        "http_port 8080": f"http_port {plain_port}",
        "https_port 8443": f"https_port {port}",
        "127.0.0.1:8081": f"127.0.0.1:{free_port()}",
        "lb_try_duration 5s": "lb_try_duration 0s",
        **{f"{name} {usual}": f"{name} {timeouts[name]}" for name, usual in TIMEOUTS.items()},
    }.items():
        assert ours in text
        text = text.replace(ours, theirs)
    (tmp_path / "Caddyfile").write_text(text)
    folders = {"XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    with log.open("wb") as out:
        child = subprocess.Popen(
            [str(shutil.which("caddy")), "run", "--config", "Caddyfile", "--adapter", "caddyfile"],
            cwd=tmp_path,
            env={
                **folders,
                "EPASS_HOST": f"localhost:{port}",
                "EPASS_PUBLIC_URL": f"https://localhost:{port}",
                "EPASS_TLS": tls,
            },
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
    yield f"https://localhost:{port}", log
    child.terminate()
    child.wait(10)


def untrusted() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def status(http: httpx.Client, path: str) -> int | None:
    try:
        return http.get(path).status_code
    except httpx.HTTPError:
        return None


def accesses(log: Path) -> list[dict[str, object]]:
    lines = (json.loads(line) for line in log.read_text().splitlines())
    return [line for line in lines if line.get("logger") == "http.log.access"]


def test_each_access_is_a_line_of_json_with_the_address_of_the_client_and_no_secret(
    proxy: tuple[str, Path],
) -> None:
    url, log = proxy
    secrets = {
        "Cookie": SECRET,
        "Authorization": f"Bearer {SECRET}",
        "Referer": f"https://x.example/p/{SECRET}",
    }
    with httpx.Client(base_url=url, verify=untrusted(), headers=secrets, trust_env=False) as http:
        eventually(lambda: status(http, "/") == 200, "it serves", 30)
        asked = (f"/p/{SECRET}?q={SECRET}", f"/{SECRET}", f"/metrics?q={SECRET}", f"/break/{SECRET}")
        assert [status(http, path) for path in asked] == [200, 200, 404, 503]
    eventually(lambda: accesses(log)[-1]["status"] == 503, "the last one is logged")
    assert SECRET not in log.read_text()
    first = accesses(log)[-4]
    assert first["request"]["uri"] == "/p"  # type: ignore[index]
    assert first["request"]["remote_ip"] in {"127.0.0.1", "::1"}  # type: ignore[index]
    assert first["resp_headers"]["X-Request-Id"] == ["a-correlation-id"]  # type: ignore[index]


def test_plain_http_leads_people_to_the_public_address_and_refuses_programs(
    proxy: tuple[str, Path], plain_port: int
) -> None:
    with httpx.Client(base_url=f"http://localhost:{plain_port}", trust_env=False) as http:
        eventually(lambda: status(http, "/pa") == 308, "it serves", 30)
        assert http.get("/pa?x=1").headers["location"] == f"{proxy[0]}/pa?x=1"
        refused = http.post("/api/v1/sessions", json={"password": SECRET})
        assert (refused.status_code, refused.json()["code"]) == (403, "https_only")
        assert "location" not in refused.headers


WHOLE = b"GET /en HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALVES = {
    "read_header": b"GET /en HTTP/1.1\r\nHost: loc",
    "read_body": b"POST /en HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf",
    "idle": WHOLE,
}
"""What a client sends before it says nothing more, by the timeout that ends it."""


@pytest.mark.parametrize(
    ("timeouts", "sent"),
    [({**dict.fromkeys(TIMEOUTS, "10m"), name: "1s"}, sent) for name, sent in HALVES.items()],
    ids=HALVES,
)
def test_a_client_that_says_nothing_more_is_not_waited_for(proxy: tuple[str, Path], sent: bytes) -> None:
    """The one timeout is short here and the others are long, so no other one ends the connection."""
    port = int(re.sub(r".*:", "", proxy[0]))

    def connect() -> ssl.SSLSocket | None:
        try:
            plain = socket.create_connection(("localhost", port), timeout=20)
            return untrusted().wrap_socket(plain, server_hostname="localhost")
        except OSError:
            return None

    with eventually(connect, "it serves", 30) as client:
        client.sendall(sent)
        while client.recv(4_096):  # a `TimeoutError` if the proxy waits on
            pass


class TestBoughtCertificate:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path / "authority")

    @pytest.fixture
    def tls(self, authority: Authority) -> str:
        return " ".join(map(str, authority.issue("localhost")))

    def test_a_certificate_that_was_bought_is_shown(
        self, proxy: tuple[str, Path], authority: Authority
    ) -> None:
        trust = ssl.create_default_context(cafile=authority.file)
        with httpx.Client(base_url=proxy[0], verify=trust, trust_env=False) as http:
            eventually(lambda: status(http, "/") == 200, "it serves", 30)


@pytest.mark.parametrize(
    ("tls", "issuer"),
    [
        ("admin@example.gov.in", "Authority of the test"),
        ("internal", "Caddy Local Authority - ECC Intermediate"),
    ],
)
def test_its_certificate_is_one_of_its_own_or_by_acme_as_the_setting_says(
    tls: str, issuer: str, tmp_path: Path
) -> None:
    """A network of its own, where an authority may look at port 80 or 443 of the proxy."""
    alone = ["unshare", "--net", "--map-root-user"]
    if subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine gives no network of one's own")
    made = subprocess.run(
        [*alone, sys.executable, "-m", "tests.integration.deploy.acme", str(tmp_path), tls],
        check=False, capture_output=True, text=True, timeout=150,
    )  # fmt: skip
    assert made.stdout.strip() == issuer, made.stderr
