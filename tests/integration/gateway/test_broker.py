"""The gateway over a real broker, with a real nameko service: a small "accounts" that a test directs."""

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import aio_pika
import httpx
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI

from contracts import rpc
from contracts.envelope import PersonalKeyRing
from contracts.errors import Conflict, InternalError, InvalidInput, TooManyAttempts, Unavailable
from contracts.events import Event, LoginDisabled, SessionEnded
from contracts.rpc.accounts import LoginId, OtpRequest, RequestOtp
from contracts.rpc.application import StatusQuestion
from contracts.rpc.call import Nothing, Principal
from contracts.subscriptions import exchange_of
from services.chassis.messaging import broker, topology
from services.chassis.runtime.clock import now
from services.gateway import metrics
from services.gateway.app import create_app
from services.gateway.rpc import client as rpc_client
from services.gateway.rpc import connection
from services.gateway.rpc.client import RpcClient
from tests.support.backends import TestStack
from tests.support.envelopes import wrap
from tests.support.factories.gateway import (
    KID,
    bearer,
    claims,
    gateway_settings,
    public_key,
    running,
    signed,
    until,
)

SERVICE = """
import services.chassis.runtime.serve as serve
import json, os, time
from uuid import UUID
import eventlet
from contracts import rpc as contract, errors
from contracts.events import PublicKey
from services.chassis.rpc.server import rpc
from services.chassis.runtime.settings import read
from services.accounts.settings import AccountsSettings

ERRORS = {
    "conflict": errors.Conflict("already decided", code="already_decided", decided_by="HOM-0001"),
    "invalid": errors.InvalidInput.of("login_id", "unknown"),
    "too_many": errors.TooManyAttempts("wait", retry_after=17),
    "fault": ValueError("a secret in a text"),
}
asked = []

class Service:
    name = "accounts"

    @rpc(contract.accounts.SESSION_KEYS)
    def session_keys(self, request, call):
        return contract.accounts.SessionKeys(keys=(PublicKey(kid=os.environ["TEST_KID"], x=os.environ["TEST_KEY"]),))

    @rpc(contract.accounts.DENIED_SESSIONS)
    def denied_sessions(self, request, call):
        return contract.accounts.DeniedSessions(sessions=json.loads(os.environ["TEST_DENIED"]))

    @rpc(contract.accounts.REQUEST_OTP)
    def request_otp(self, request, call):
        eventlet.sleep(float(request.mobile))
        asked.append(call.idempotency_key)
        return contract.accounts.OtpRequest(request_id=UUID(int=asked.count(call.idempotency_key)))

    @rpc(contract.accounts.DISABLE_LOGIN)
    def disable_login(self, request, call):
        if request.login_id == "exit":
            os._exit(3)
        raise ERRORS[request.login_id]

    @rpc(contract.accounts.LOG_OUT)
    def log_out(self, request, call):
        return contract.call.Nothing()

    @rpc(contract.accounts.LIST_LOGINS)
    def list_logins(self, request, call):
        return contract.accounts.LoginList(items=(), next=f"{call.principal.login_id} {call.correlation_id} {call.address}")

serve.run("accounts", [(Service, "rpc")], read(AccountsSettings))
"""


class Accounts:
    """The nameko service as a process."""

    def __init__(self, stack: TestStack, folder: Path) -> None:
        self._file = folder / "accounts.py"
        self._file.write_text(textwrap.dedent(SERVICE))
        self._log = folder / "accounts.log"
        self.ended_sid = uuid4()
        denied = f'{{"{self.ended_sid}": "2100-01-01T00:00:00Z"}}'
        key = public_key()
        self._environment = {
            **os.environ, **stack.environment("accounts"), "EPASS_BROKER_URLS": stack.broker_url("accounts"), "EPASS_HEALTH_PORT": "0",
            "TEST_KID": KID, "TEST_KEY": key.x, "TEST_DENIED": denied, "PYTHONPATH": str(Path.cwd()),
        }  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, str(self._file), "accounts"],
                env=self._environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


@pytest.fixture(scope="module")
def accounts(stack: TestStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    async def declare() -> None:
        async with await aio_pika.connect(stack.broker_url("administrator")) as connection:
            await topology.declare(await connection.channel(), (1.0,))

    asyncio.run(declare())
    service = Accounts(stack, tmp_path_factory.mktemp("accounts"))
    service.start()
    yield service
    service.stop()


async def answers(client: RpcClient) -> bool:
    """Return whether the service answers a call over this client."""
    try:
        await client.call(rpc.accounts.SESSION_KEYS, Nothing())
    except Unavailable:
        return False
    return True


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Run the application until the block ends, from when it is ready."""
    async with running(app) as http:

        async def ready() -> bool:
            return (await http.get("/readyz")).status_code == 200

        await until("readiness", ready, 30)
        yield http


@pytest.fixture
async def client(stack: TestStack, accounts: Accounts) -> AsyncIterator[RpcClient]:
    """Run a client until the test ends, from when the service answers it."""
    client = RpcClient((stack.broker_url("gateway"),))
    task = asyncio.create_task(client.run())
    await until("an answer of the service", lambda: answers(client), 30)
    yield client
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_call_reaches_the_service_with_its_principal_and_returns_the_reply(client: RpcClient) -> None:
    answer = await client.call(
        rpc.accounts.LIST_LOGINS,
        rpc.call.Page(),
        principal=Principal(kind="staff", login_id="ADO-0001"),
        address="place",
    )
    assert answer.next == "ADO-0001  place"


async def test_concurrent_calls_each_get_their_own_reply(client: RpcClient) -> None:
    names = [f"ADO-{number:04}" for number in range(200)]
    told = await asyncio.gather(
        *(
            client.call(
                rpc.accounts.LIST_LOGINS, rpc.call.Page(), principal=Principal(kind="staff", login_id=name)
            )
            for name in names
        )
    )
    assert [answer.next for answer in told] == [f"{name}  " for name in names]


async def test_contract_errors_are_raised_again_and_other_exceptions_lose_their_text(
    client: RpcClient,
) -> None:
    with pytest.raises(Conflict) as conflict:
        await client.call(rpc.accounts.DISABLE_LOGIN, LoginId(login_id="conflict"))
    assert conflict.value.body.code == "already_decided"
    assert conflict.value.body.facts == {"decided_by": "HOM-0001"}
    with pytest.raises(InvalidInput) as invalid:
        await client.call(rpc.accounts.DISABLE_LOGIN, LoginId(login_id="invalid"))
    assert [(item.field, item.code) for item in invalid.value.body.fields] == [("login_id", "unknown")]
    with pytest.raises(TooManyAttempts) as too_many:
        await client.call(rpc.accounts.DISABLE_LOGIN, LoginId(login_id="too_many"))
    assert int(too_many.value.body.facts["retry_after"]) == 17
    with pytest.raises(InternalError) as fault:
        await client.call(rpc.accounts.DISABLE_LOGIN, LoginId(login_id="fault"))
    assert "secret" not in str(fault.value)


async def test_a_call_ends_at_its_limit_and_the_late_reply_is_dropped(client: RpcClient) -> None:
    late = metrics.LATE_REPLIES._value.get()
    began = asyncio.get_running_loop().time()
    with pytest.raises(Unavailable):
        await client.call(rpc.accounts.REQUEST_OTP, RequestOtp(mobile="3.6"), idempotency_key="slow")
    assert 2.9 < asyncio.get_running_loop().time() - began < 3.5

    async def dropped() -> bool:
        return metrics.LATE_REPLIES._value.get() == late + 1

    await until("the late answer", dropped)
    assert (
        await client.call(rpc.accounts.REQUEST_OTP, RequestOtp(mobile="0"), idempotency_key="other")
    ) == OtpRequest(request_id=UUID(int=1))


async def test_a_call_to_a_service_without_a_queue_is_unavailable_at_once(
    client: RpcClient, stack: TestStack
) -> None:
    async with await aio_pika.connect(stack.broker_url("administrator")) as connection:
        queue = await (await connection.channel()).get_queue("rpc-application")
        await queue.unbind("nameko-rpc", "application.*")
        try:
            async with asyncio.timeout(1):
                with pytest.raises(Unavailable, match="not there"):
                    await client.call(
                        rpc.application.STATUS, StatusQuestion(reference="PCS-7K3M-9QW4", mobile_last4="3210")
                    )
        finally:
            await queue.bind("nameko-rpc", "application.*")


async def test_a_call_to_a_service_that_is_down_ends_at_its_limit(
    client: RpcClient, accounts: Accounts
) -> None:
    accounts.stop()
    try:
        began = asyncio.get_running_loop().time()
        with pytest.raises(Unavailable):
            await client.call(rpc.accounts.SESSION_KEYS, Nothing())
        assert asyncio.get_running_loop().time() - began < 3.5
    finally:
        accounts.start()
    await until("the service to be back", lambda: answers(client), 30)


@pytest.fixture
def app(stack: TestStack, accounts: Accounts) -> FastAPI:
    return create_app(gateway_settings(broker_urls=(stack.broker_url("gateway"),)))


async def publish(stack: TestStack, event: Event) -> None:
    """Publish an event as accounts' relay does."""
    keys = PersonalKeyRing([Fernet.generate_key().decode()])
    envelope = wrap(event, event_id=uuid4(), seq=1, occurred_at=now(), keys=keys)
    async with await aio_pika.connect(stack.broker_url("relay")) as connection:
        exchange = await (await connection.channel()).get_exchange(exchange_of("accounts"))
        await exchange.publish(aio_pika.Message(envelope.to_bytes()), type(event).__name__)


async def test_an_ended_session_is_refused_within_two_seconds(stack: TestStack, app: FastAPI) -> None:
    ended, other = claims(role="ado", sub="ADO-0001"), claims(role="ado", sub="ADO-0001")
    async with serving(app) as http:
        assert (await http.get("/api/v1/logins", headers=bearer(signed(ended)))).status_code == 200
        await publish(stack, SessionEnded(sid=ended.sid, token_expires_at="2100-01-01T00:00:00Z"))

        async def refused() -> bool:
            return (await http.get("/api/v1/logins", headers=bearer(signed(ended)))).status_code == 401

        await until("the refusal", refused, 2)
        assert (await http.get("/api/v1/logins", headers=bearer(signed(other)))).status_code == 200


async def test_a_disabled_login_is_refused_within_two_seconds_but_not_its_later_sessions(
    stack: TestStack, app: FastAPI
) -> None:
    session = claims(role="ado", sub="ADO-0009")
    later = claims(role="ado", sub="ADO-0009", iat=int(now().timestamp()) + 30)
    async with serving(app) as http:
        assert (await http.get("/api/v1/logins", headers=bearer(signed(session)))).status_code == 200
        await publish(
            stack,
            LoginDisabled(login_id="ADO-0009", disabled_by="ADO-0001", sessions_until="2100-01-01T00:00:00Z"),
        )

        async def refused() -> bool:
            return (await http.get("/api/v1/logins", headers=bearer(signed(session)))).status_code == 401

        await until("the refusal", refused, 2)
        assert app.state.gateway.revoked_sessions.covers(session)
        assert not app.state.gateway.revoked_sessions.covers(later)


async def test_a_session_that_ended_while_no_gateway_ran_is_refused(app: FastAPI, accounts: Accounts) -> None:
    token = signed(claims(role="ado", sid=accounts.ended_sid))
    async with serving(app) as http:
        assert (await http.get("/api/v1/logins", headers=bearer(token))).status_code == 401


async def test_a_request_without_a_reply_gets_503_with_retry_after_within_five_seconds(app: FastAPI) -> None:
    async with serving(app) as http:
        async with asyncio.timeout(5):
            answer = await http.post("/api/v1/otp", json={"mobile": "4"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert answer.json()["code"] == "unavailable"


async def test_the_correlation_id_reaches_the_service(app: FastAPI) -> None:
    token = signed(claims(role="ado", sub="ADO-0001"))
    async with serving(app) as http:
        answer = await http.get("/api/v1/logins", headers={**bearer(token), "X-Request-ID": "kiosk-17-0001"})
    assert answer.headers["x-request-id"] == "kiosk-17-0001"
    assert answer.json()["next"].split()[:2] == ["ADO-0001", "kiosk-17-0001"]


async def test_calls_fail_at_once_while_the_broker_is_away_and_work_when_it_is_back(
    stack: TestStack, client: RpcClient
) -> None:
    stack.kill_broker()
    try:

        async def noticed() -> bool:
            return not client.connected

        await until("the loss", noticed)
        await asyncio.sleep(rpc_client.GRACE_SECONDS)
        async with asyncio.timeout(0.5):
            with pytest.raises(Unavailable):
                await client.call(rpc.accounts.SESSION_KEYS, Nothing())
    finally:
        stack.start_broker()  # in this thread: the node ends with the thread that started it
    await until("an answer", lambda: answers(client), 60)


async def test_only_calls_that_are_safe_to_repeat_are_repeated_when_the_connection_breaks(
    stack: TestStack, client: RpcClient
) -> None:
    async def break_soon() -> None:
        await asyncio.sleep(0.5)
        assert client._connection is not None
        await client._connection.connection.close()

    keyed = asyncio.create_task(
        client.call(rpc.accounts.REQUEST_OTP, RequestOtp(mobile="1"), idempotency_key="once")
    )
    plain = asyncio.create_task(client.call(rpc.accounts.REQUEST_OTP, RequestOtp(mobile="1")))
    await break_soon()
    with pytest.raises(Unavailable, match="broke"):
        await plain
    assert (await keyed).request_id == UUID(int=2)  # the service saw this key twice


class Hanging:
    """A node that hangs, as a broken switch or a frozen machine makes it: bytes pass until ``hang`` is set."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self.hang = False

    async def __aenter__(self) -> "Hanging":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = self._target._replace(
            netloc=f"{self._target.username}:{self._target.password}@127.0.0.1:{port}"
        ).geturl()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        await asyncio.gather(self._pass(reader, back), self._pass(there, writer))

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while content := await source.read(65_536):
            if not self.hang:
                sink.write(content)
        sink.close()


async def test_the_client_leaves_a_node_that_hangs_for_another(
    stack: TestStack, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PROBE_SECONDS", 0.5)
    monkeypatch.setattr(broker, "CONNECT_TIMEOUT", 1.0)
    other = stack.broker_url("gateway")
    async with Hanging(other) as first:
        client = RpcClient((first.url, other))
        task = asyncio.create_task(client.run())
        await until("an answer", lambda: answers(client), 30)
        first.hang = True
        assert not await answers(client)
        await until("an answer over the other node", lambda: answers(client), 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_calls_end_at_their_limit_while_the_broker_is_out_of_memory(
    stack: TestStack, client: RpcClient
) -> None:
    await asyncio.to_thread(stack.broker_ctl, "set_vm_memory_high_watermark", "0.000001")
    try:
        for _ in range(3):
            async with asyncio.timeout(3.5):
                assert not await answers(client)
    finally:
        await asyncio.to_thread(stack.broker_ctl, "set_vm_memory_high_watermark", "0.6")
    await until("an answer", lambda: answers(client), 30)
