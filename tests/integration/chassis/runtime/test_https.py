"""HTTP between processes over TLS: who serves has a certificate of our CA, and who asks checks its name."""

import asyncio
import os
import shutil
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from contracts.ops import ProcessView
from services.chassis.runtime.encryption import client_context
from services.chassis.runtime.health import Health
from services.chassis.runtime.settings import ProcessSettings, WrongSettings, read
from services.chassis.tokens.signing_key import SigningKey
from services.gateway.rpc.ops_client import OpsClient
from services.gateway.settings import GatewaySettings
from services.ops import exporter, processes
from services.ops.object_store import ObjectStore
from services.ops.settings import ExporterSettings
from tests.integration.encrypted_servers import Authority
from tests.support.stack.running import Process, eventually, free_port
from tests.support.stack.settings import make_settings

NAME = "localhost"
"""It leads to 127.0.0.1, which stands in no certificate here: the name that was asked for is checked."""


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


@pytest.fixture
def theirs(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "theirs")


@contextmanager
def served(certificate: Path, key: Path) -> Iterator[int]:
    """Serve the health of a process with a certificate; yield the port."""
    health, port = Health(), free_port()
    health.checks["broker"] = lambda: True
    settings = ProcessSettings(http_certificate=certificate, http_key=key)
    server = health.serve("127.0.0.1", port, settings.served_with())
    assert server is not None
    yield port
    server.shutdown()
    server.server_close()


async def look(port: int, ca: Path) -> ProcessView:
    """Return what the exporter finds of a process at a port."""
    settings = make_settings(
        ExporterSettings, http_ca=ca, ops_processes=(f"verify=https://{NAME}:{port}",), ops_token=""
    )
    async with httpx.AsyncClient(trust_env=False, verify=settings.asks_with()) as http:
        (found,) = await processes.look_at(http, settings.ops_processes, [])
    return found


async def test_the_exporter_finds_a_process_whose_certificate_has_the_name_that_it_asks_for(ours) -> None:
    with served(*ours.issue(NAME)) as port:
        assert (await look(port, ours.file)).state == "ready"


async def test_the_exporter_does_not_believe_another_process_or_another_ca(ours, theirs) -> None:
    with served(*ours.issue("notify")) as another, served(*theirs.issue(NAME)) as stranger:
        assert (await look(another, ours.file)).state == "no_answer"
        assert (await look(stranger, ours.file)).state == "no_answer"
        assert (await look(stranger, theirs.file)).state == "ready", "the control"


async def test_the_store_of_the_witness_is_believed_by_the_authorities_of_the_system(
    ours, theirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(theirs.file))
    answers: asyncio.Queue[object] = asyncio.Queue()
    get = ObjectStore.get

    async def observed(*arguments: Any) -> bytes | None:
        try:
            await answers.put(await get(*arguments))
        except httpx.HTTPError as error:
            await answers.put(error)
        return None

    monkeypatch.setattr(ObjectStore, "get", observed)
    with served(*theirs.issue(NAME)) as port:
        options = make_settings(
            ExporterSettings,
            http_ca=ours.file,
            witness_store_url=f"https://{NAME}:{port}/bucket",
            witness_store_key_id="id",
            witness_store_secret=SecretStr("secret"),
            ops_database_urls=("postgresql://nobody@127.0.0.1:1/accounts",),
        )
        stop = asyncio.Event()
        running = asyncio.create_task(exporter.run(options, Health(), stop))
        assert await answers.get() is None, "it has no such object"
        stop.set()
        await running


def test_a_process_with_a_certificate_takes_nothing_in_clear_and_goes_on(ours) -> None:
    with served(*ours.issue(NAME)) as port:
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://{NAME}:{port}/healthz", trust_env=False)
        verify = client_context(ours.file)
        assert httpx.get(f"https://{NAME}:{port}/healthz", verify=verify, trust_env=False).status_code == 200


def test_a_client_that_never_begins_tls_keeps_nobody_waiting(ours) -> None:
    verify = client_context(ours.file)
    with served(*ours.issue(NAME)) as port, socket.create_connection(("127.0.0.1", port)):
        assert httpx.get(f"https://{NAME}:{port}/readyz", verify=verify, trust_env=False).status_code == 200


def shown(port: int, ca: Path) -> bytes | None:
    """Return the certificate that is shown at a port."""
    with socket.create_connection(("127.0.0.1", port)) as plain:
        secured = client_context(ca).wrap_socket(plain, server_hostname=NAME)
        with secured:
            return secured.getpeercert(binary_form=True)


def test_a_renewed_certificate_is_shown_without_a_restart_and_half_of_one_is_not(ours, tmp_path) -> None:
    certificate, key = (tmp_path / name for name in ("tls.crt", "tls.key"))
    first, second = ours.issue(NAME), (tmp_path / "second.crt", tmp_path / "second.key")
    shutil.copy(first[0], certificate)
    shutil.copy(first[1], key)
    with served(certificate, key) as port:
        before = shown(port, ours.file)
        for source, target in zip(ours.issue(NAME), second, strict=True):
            shutil.copy(source, target)
        key.unlink()
        assert shown(port, ours.file) == before, "between the two steps of a renewal"
        second[1].replace(key)
        second[0].replace(certificate)
        after = shown(port, ours.file)
    assert after != before
    assert after == ssl.PEM_cert_to_DER_cert(certificate.read_text())


def test_a_renewed_ca_is_believed_without_a_restart(ours, theirs, tmp_path) -> None:
    believed = tmp_path / "ca.crt"
    shutil.copy(ours.file, believed)
    verify = client_context(believed)
    with served(*theirs.issue(NAME)) as port, httpx.Client(verify=verify, trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            client.get(f"https://{NAME}:{port}/healthz")
        believed.write_bytes(ours.file.read_bytes() + theirs.file.read_bytes())
        assert client.get(f"https://{NAME}:{port}/healthz").status_code == 200


def test_with_our_ca_no_address_may_ask_for_less(
    ours, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clear = {"ops_processes": ("verify=http://verify:9100",)}
    exporter = {"ops_url": "http://exporter:9101"}
    store = {"limits_store": SecretStr("valkey://:secret@limits:6379")}
    for kind, ca, given in (
        (ExporterSettings, "http_ca", clear),
        (GatewaySettings, "http_ca", exporter),
        (GatewaySettings, "limits_ca", store),
    ):
        make_settings(kind, **given)
        with pytest.raises(ValueError, match=f"EPASS_{next(iter(given)).upper()} is wrong"):
            make_settings(kind, **{ca: ours.file}, **given)
    monkeypatch.setenv("EPASS_HTTP_CERTIFICATE", str(ours.issue(NAME)[0]))
    with pytest.raises(WrongSettings, match="EPASS_HTTP_KEY"):
        read(ProcessSettings)


@pytest.fixture
def secured(ours: Authority) -> dict[str, str]:
    certificate, key = ours.issue(NAME)
    files = {"CA": ours.file, "CERTIFICATE": certificate, "KEY": key}
    return {f"EPASS_HTTP_{name}": str(file) for name, file in files.items()}


@contextmanager
def running(arguments: Sequence[str], log: Path, **settings: str) -> Iterator[Process]:
    """Run a process of e-Pass whose broker and databases are away: it serves its health all the same."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EPASS_")}
    environment = {**inherited, "EPASS_LOCAL_MODE": "true", **settings}
    process = Process(list(arguments), environment, log, inherit=False)
    process.start(ready=False)
    try:
        yield process
    finally:
        process.stop()


async def test_gateway_and_exporter_serve_over_tls_alone_and_the_one_asks_the_other_so(
    ours: Authority, secured: dict[str, str], tmp_path: Path
) -> None:
    """The four servers of these two processes are two kinds: uvicorn twice, and the chassis's."""
    ports = {name: free_port() for name in ("gateway", "ops")}
    broker, token = f"amqp://nobody:nothing@127.0.0.1:{free_port()}/none", "a token of the tests, long enough"
    shared = {
        **secured,
        "EPASS_BROKER_URLS": broker,
        "EPASS_OPS_TOKEN": token,
        "EPASS_EVENT_KEYS": f"verify:{SigningKey.generate().public.x}",
    }
    exporter = {
        **shared,
        "EPASS_OPS_PORT": str(ports["ops"]),
        "EPASS_OPS_INTERVAL": "1",
    }
    gateway = {
        **shared,
        "EPASS_IDEMPOTENCY_SECRET": "s" * 32,
        "EPASS_ANSWERS_KEYS": Fernet.generate_key().decode(),
        "EPASS_GATEWAY_PORT": str(ports["gateway"]),
        "EPASS_OPS_URL": f"https://{NAME}:{ports['ops']}",
    }
    verify = client_context(ours.file)
    cli = ("-m", "services.ops.cli")
    with (
        running((*cli, "gateway"), tmp_path / "gateway.log", **gateway) as watched,
        running(
            (*cli, "ops-exporter"), tmp_path / "exporter.log", **exporter,
            EPASS_OPS_PROCESSES=f"gateway=https://{NAME}:{watched.port}",
        ) as of_exporter,
    ):  # fmt: skip
        for name, port in {**ports, "exporter": of_exporter.port, "watched gateway": watched.port}.items():
            address = f"{NAME}:{port}/healthz"
            eventually(lambda: answers(f"https://{address}", verify), f"{name} answers", 90)  # noqa: B023
            assert not answers(f"http://{address}", verify)
        client = OpsClient(gateway["EPASS_OPS_URL"], SecretStr(token), verify)
        states: set[str] = set()
        async with asyncio.timeout(90):
            while not states - {"no_answer"}:
                states = {one.state for one in (await client.report()).processes.items}
        await client.close()


def answers(url: str, verify: ssl.SSLContext) -> bool:
    """Return whether HTTP comes back, whatever it says."""
    try:
        return httpx.get(url, verify=verify, trust_env=False).status_code > 0
    except httpx.TransportError:
        return False
