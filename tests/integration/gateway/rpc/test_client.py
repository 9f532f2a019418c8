"""The RPC client over a real broker: replies, limits, and a broker that breaks, hangs or is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import aio_pika
import pytest
from fastapi import FastAPI

from contracts import rpc
from contracts.errors import Conflict, InternalError, InvalidInput, TooManyAttempts, Unavailable
from contracts.rpc.accounts.logins import LoginId
from contracts.rpc.accounts.sessions import OtpAccepted, RequestOtp
from contracts.rpc.application import StatusQuestion
from contracts.rpc.call import Nothing
from services.chassis.messaging import broker
from services.chassis.runtime.clock import monotonic
from services.gateway import metrics
from services.gateway.rpc import client as rpc_client
from services.gateway.rpc import connection
from services.gateway.rpc.client import RpcClient
from tests.integration.gateway.accounts_stub import AccountsStub
from tests.support.chaos import proxy as proxies
from tests.support.factories.gateway import LATER, bearer, claims, proven, serving, signed, until
from tests.support.stack.backends import TestStack
from tests.support.stack.extent import long


async def answers(client: RpcClient) -> bool:
    """Return whether the service answers a call over this client."""
    try:
        await client.call(rpc.accounts.sessions.SESSION_KEYS, Nothing())
    except Unavailable:
        return False
    return True


@pytest.fixture
async def client(stack: TestStack, accounts: AccountsStub) -> AsyncIterator[RpcClient]:
    """Run a client until the test ends, from when the service answers it."""
    client = RpcClient((stack.broker_url("gateway"),))
    task = asyncio.create_task(client.background.run())
    await until("an answer of the service", lambda: answers(client), 30)
    yield client
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_call_reaches_the_service_with_its_principal_and_returns_the_reply(client: RpcClient) -> None:
    answer = await client.call(
        rpc.accounts.logins.LIST_LOGINS,
        rpc.call.Page(),
        principal=proven(session=claims(sub="ADO-0001")),
        address="place",
    )
    assert answer.next == "ADO-0001  place"


async def test_concurrent_calls_each_get_their_own_reply(client: RpcClient) -> None:
    names = [f"ADO-{number:04}" for number in range(200)]
    replies = await asyncio.gather(
        *(
            client.call(
                rpc.accounts.logins.LIST_LOGINS, rpc.call.Page(), principal=proven(session=claims(sub=name))
            )
            for name in names
        )
    )
    assert [reply.next for reply in replies] == [f"{name}  " for name in names]


async def test_concurrent_calls_share_messages(client: RpcClient) -> None:
    sent = metrics.CALLS_TOGETHER._sum.get(), messages_sent()
    list_logins = replace(rpc.accounts.logins.LIST_LOGINS, together=True)
    await asyncio.gather(*(client.call(list_logins, rpc.call.Page(), ahead=True) for _ in range(200)))
    assert metrics.CALLS_TOGETHER._sum.get() - sent[0] == 200
    assert messages_sent() - sent[1] < 20


def messages_sent() -> float:
    return sum(bucket.get() for bucket in metrics.CALLS_TOGETHER._buckets)


async def test_errors_in_a_shared_message_reach_the_caller_whose_they_are(client: RpcClient) -> None:
    ids = ["conflict", "invalid", "fault", "too_many"] * 10
    disable_login = replace(rpc.accounts.logins.DISABLE_LOGIN, together=True)
    outcomes = await asyncio.gather(
        *(client.call(disable_login, LoginId(login_id=one)) for one in ids), return_exceptions=True
    )
    assert [type(one) for one in outcomes] == [Conflict, InvalidInput, InternalError, TooManyAttempts] * 10


async def test_a_slow_call_holds_up_no_other_call_of_its_message(client: RpcClient) -> None:
    request_otp = replace(rpc.accounts.sessions.REQUEST_OTP, together=True)

    def ask(seconds: str) -> asyncio.Task[OtpAccepted]:
        return asyncio.create_task(
            client.call(request_otp, RequestOtp(mobile=seconds), idempotency_key=seconds)
        )

    slow = [ask("2.5") for _ in range(4)]
    await asyncio.gather(*(ask("0") for _ in range(20)))
    assert not any(call.done() for call in slow)
    await asyncio.gather(*slow)


GUARD = proven(session=claims(sub="SEC-0001", role="security", department=None, exp=LATER))


async def ask_in_a_flood(client: RpcClient, **how: Any) -> str | None:
    """Flood the service with slow calls of strangers, and return what another call gets."""
    flood = [
        asyncio.create_task(client.call(rpc.accounts.sessions.REQUEST_OTP, RequestOtp(mobile="0.2")))
        for _ in range(400)
    ]
    await asyncio.sleep(0)
    try:
        return (await client.call(rpc.accounts.logins.LIST_LOGINS, rpc.call.Page(), **how)).next
    finally:
        await asyncio.gather(*flood, return_exceptions=True)


async def test_a_flood_of_others_does_not_starve_the_gate_or_what_a_gateway_must_know(
    client: RpcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc_client, "MOST_AT_ONCE", 16)
    client._turns.clear()
    assert await ask_in_a_flood(client, principal=GUARD) == "SEC-0001  "
    assert await ask_in_a_flood(client, ahead=True), "such as: which sessions have ended?"


async def test_control_without_turns_the_gate_waits_behind_the_flood(
    client: RpcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc_client, "MOST_AT_ONCE", 10_000)
    client._turns.clear()
    with pytest.raises(Unavailable):
        await ask_in_a_flood(client, principal=GUARD)


async def answered_late_in_a_flood(client: RpcClient) -> int:
    """Let 300 callers repeat what is not answered; return how many got an answer once it had lasted."""
    began = monotonic()

    async def repeat() -> int:
        answered = 0
        while monotonic() - began < 8:
            with suppress(Unavailable):
                await client.call(rpc.accounts.sessions.REQUEST_OTP, RequestOtp(mobile="0.5"))
                answered += monotonic() - began > 4
        return answered

    return sum(await asyncio.gather(*(repeat() for _ in range(300))))


@long
async def test_a_service_in_a_lasting_flood_answers_as_many_calls_as_it_can(
    client: RpcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without limits of waiting each call reaches the service as it expires, and hardly any is answered."""
    client._turns.clear()
    answered = await answered_late_in_a_flood(client)
    monkeypatch.setattr(rpc_client, "MOST_AT_ONCE", 256)
    monkeypatch.setattr(rpc_client, "SHARE_OF_WAITING", 1)
    client._turns.clear()
    assert answered > 3 * await answered_late_in_a_flood(client)


async def test_contract_errors_are_raised_again_and_other_exceptions_lose_their_text(
    client: RpcClient,
) -> None:
    with pytest.raises(Conflict) as conflict:
        await client.call(rpc.accounts.logins.DISABLE_LOGIN, LoginId(login_id="conflict"))
    assert conflict.value.body.code == "already_decided"
    assert conflict.value.body.facts == {"decided_by": "HOM-0001"}
    with pytest.raises(InvalidInput) as invalid:
        await client.call(rpc.accounts.logins.DISABLE_LOGIN, LoginId(login_id="invalid"))
    assert [(item.field, item.code) for item in invalid.value.body.fields] == [("login_id", "unknown")]
    with pytest.raises(TooManyAttempts) as too_many:
        await client.call(rpc.accounts.logins.DISABLE_LOGIN, LoginId(login_id="too_many"))
    assert int(too_many.value.body.facts["retry_after"]) == 17
    with pytest.raises(InternalError) as fault:
        await client.call(rpc.accounts.logins.DISABLE_LOGIN, LoginId(login_id="fault"))
    assert "secret" not in str(fault.value)


async def test_a_call_ends_at_its_limit_and_the_late_reply_is_dropped(client: RpcClient) -> None:
    late = metrics.LATE_REPLIES._value.get()
    began = asyncio.get_running_loop().time()
    with pytest.raises(Unavailable):
        await client.call(rpc.accounts.sessions.REQUEST_OTP, RequestOtp(mobile="3.6"), idempotency_key="slow")
    assert 2.9 < asyncio.get_running_loop().time() - began < 3.5

    async def dropped() -> bool:
        return metrics.LATE_REPLIES._value.get() == late + 1

    await until("the late answer", dropped)
    assert (
        await client.call(rpc.accounts.sessions.REQUEST_OTP, RequestOtp(mobile="0"), idempotency_key="other")
    ) == OtpAccepted(request_id=UUID(int=1))


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
    client: RpcClient, accounts: AccountsStub
) -> None:
    accounts.stop()
    try:
        began = asyncio.get_running_loop().time()
        with pytest.raises(Unavailable):
            await client.call(rpc.accounts.sessions.SESSION_KEYS, Nothing())
        assert asyncio.get_running_loop().time() - began < 3.5
    finally:
        accounts.start()
    await until("the service to be back", lambda: answers(client), 30)


@long
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


@long
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
                await client.call(rpc.accounts.sessions.SESSION_KEYS, Nothing())
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

    async def ask(key: str | None) -> OtpAccepted:
        return await client.call(
            rpc.accounts.sessions.REQUEST_OTP, RequestOtp(mobile="1"), idempotency_key=key
        )

    keys = [None, "first", "second", None, "third", "fourth"]
    calls = [asyncio.create_task(ask(key)) for key in keys]  # the last four share a message
    await break_soon()
    for key, call in zip(keys, calls, strict=True):
        if key is None:
            with pytest.raises(Unavailable, match="broke"):
                await call
        else:
            assert (await call).request_id == UUID(int=2), "the service saw this key twice"


class Hanging:
    """A node that hangs like a frozen machine: bytes pass until ``hang`` is set."""

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
    stack: TestStack, accounts: AccountsStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PROBE_SECONDS", 0.5)
    monkeypatch.setattr(broker, "CONNECT_TIMEOUT", 1.0)
    other = stack.broker_url("gateway")
    async with Hanging(other) as first:
        client = RpcClient((first.url, other))
        task = asyncio.create_task(client.background.run())
        await until("an answer", lambda: answers(client), 30)
        first.hang = True
        assert not await answers(client)
        await until("an answer over the other node", lambda: answers(client), 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    "method", [proxies.TUNE, proxies.OPEN_OK, proxies.CHANNEL_OPEN_OK, proxies.CONSUMING]
)
async def test_the_client_tries_again_whichever_method_the_broker_breaks_off_at(
    stack: TestStack, accounts: AccountsStub, method: proxies.Method
) -> None:
    address = urlsplit(stack.broker_url("gateway"))
    assert address.hostname
    assert address.port
    with proxies.Proxy(address.hostname, address.port) as proxy:

        async def tried() -> bool:
            return proxy.faults >= 3

        client = RpcClient(
            (address._replace(netloc=address.netloc.replace(f":{address.port}", f":{proxy.port}")).geturl(),)
        )
        with proxy.fault_at(method, "cut"):
            task = asyncio.create_task(client.background.run())
            await until("several tries", tried, 30)
            assert not await answers(client)
        await until("an answer once the broker works", lambda: answers(client), 10)
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
