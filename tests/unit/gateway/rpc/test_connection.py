"""One connection: which call a reply belongs to, and that nothing stays of calls that have ended."""

import asyncio
import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from contracts.errors import Unavailable
from contracts.rpc.accounts.sessions import SESSION_KEYS
from contracts.rpc.call import Method, Nothing, Principal
from contracts.rpc.issuance import JWKS
from contracts.rpc.notify import RECEIVE_WEBHOOK, Webhook
from services.chassis.runtime import clock
from services.gateway import metrics
from services.gateway.rpc import client as rpc_client
from services.gateway.rpc import outgoing
from services.gateway.rpc.client import RpcClient
from services.gateway.rpc.connection import ConnectionLost, RpcConnection

METHOD = Method("s", "m", Nothing, Nothing, together=True)


class Channel:
    """A broker's channel: what was published, by its correlation id."""

    def __init__(self) -> None:
        self.published: dict[str, dict[str, Any]] = {}
        self.has_published = asyncio.Event()

    async def basic_publish(self, body: bytes, *, properties: Any, **_: object) -> None:
        self.published[properties.correlation_id] = json.loads(body)
        self.has_published.set()


class Broker:
    """A connection over such a channel."""

    def __init__(self) -> None:
        self.channel = Channel()
        self.connection = RpcConnection(None, "gateway")  # type: ignore[arg-type]
        self.connection._channel = self.channel  # type: ignore[assignment]

    async def ask(self, calls: int) -> list[asyncio.Task[Any]]:
        """Send calls: the first one alone, and the others together."""
        tasks = self.begin(*range(calls))
        await self.has_sent(calls)
        return tasks

    def begin(self, *numbers: int) -> list[asyncio.Task[Any]]:
        """Begin calls with these numbers."""
        return [asyncio.create_task(self.connection.request(METHOD, b'{"n":%d}' % n)) for n in numbers]

    async def has_sent(self, calls: int) -> None:
        """Wait until so many calls were sent in all."""
        while sum(len(calls_in(body)) for body in self.channel.published.values()) < calls:
            self.channel.has_published.clear()
            await self.channel.has_published.wait()

    async def reply(self, correlation_id: str, body: Any, sender: str = METHOD.service) -> None:
        properties = SimpleNamespace(correlation_id=correlation_id, user_id=sender)
        delivered = SimpleNamespace(
            header=SimpleNamespace(properties=properties), body=json.dumps(body).encode()
        )
        await self.connection._on_reply(delivered)  # type: ignore[arg-type]

    def is_empty(self) -> bool:
        return not self.connection.pending and not self.connection._messages


def calls_in(body: dict[str, Any]) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = body.get("kwargs", {}).get("calls", [body])
    return calls


async def test_each_call_of_a_message_gets_its_own_reply_in_whichever_message_it_comes() -> None:
    broker = Broker()
    tasks = await broker.ask(4)
    for sent, body in list(broker.channel.published.items()):
        if "kwargs" not in body:
            await broker.reply(sent, {"result": body["n"]})
            continue
        for part in (calls_in(body)[::-1][:1], calls_in(body)[:2]):
            await broker.reply(sent, {"replies": [{"id": call["id"], "result": call["n"]} for call in part]})
    assert [reply["result"] for reply in await asyncio.gather(*tasks)] == [0, 1, 2, 3]
    assert broker.is_empty()


async def test_what_waits_goes_after_the_first_reply_also_if_other_calls_of_the_message_are_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outgoing, "LONGEST_WAIT", 600)
    broker = Broker()
    tasks = broker.begin(0, 1, 2)
    await broker.has_sent(1)
    await broker.reply(next(iter(broker.channel.published)), {"result": 0})
    await broker.has_sent(3)
    sent, batch = list(broker.channel.published.items())[-1]
    tasks += broker.begin(3)
    await broker.reply(sent, {"replies": [{"id": calls_in(batch)[0]["id"], "result": 1}]})
    async with asyncio.timeout(5):
        await broker.has_sent(4)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("sender", ["verify", "gateway", None])
async def test_a_reply_that_is_not_of_the_service_that_was_asked_is_ignored(sender: Any) -> None:
    broker = Broker()
    (task,) = await broker.ask(1)
    (sent,) = broker.channel.published
    forged = metrics.FORGED_MESSAGES._value.get()
    await broker.reply(sent, {"result": "forged"}, sender)
    assert metrics.FORGED_MESSAGES._value.get() == forged + 1
    await broker.reply(sent, {"result": "genuine"})
    assert (await task)["result"] == "genuine"


async def test_a_second_reply_to_a_call_is_dropped() -> None:
    broker = Broker()
    tasks = await broker.ask(3)
    sent, batch = next((sent, body) for sent, body in broker.channel.published.items() if "kwargs" in body)
    first, _ = calls_in(batch)
    late = metrics.LATE_REPLIES._value.get()
    for result in ("first", "second"):
        await broker.reply(sent, {"replies": [{"id": first["id"], "result": result}]})
    assert (await tasks[first["n"]])["result"] == "first"
    assert metrics.LATE_REPLIES._value.get() == late + 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert broker.is_empty()


async def test_nothing_stays_of_calls_that_nobody_replies_to_and_their_late_replies_are_dropped() -> None:
    broker = Broker()
    for task in (tasks := await broker.ask(6)):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert broker.is_empty()
    late = metrics.LATE_REPLIES._value.get()
    for sent, body in broker.channel.published.items():
        replies = [{"id": call.get("id"), "result": 1} for call in calls_in(body)]
        await broker.reply(sent, {"replies": replies} if len(replies) > 1 else replies[0])
    assert metrics.LATE_REPLIES._value.get() == late + 6
    assert len(await broker.ask(1)) == 1, "a message that was never replied to blocks nobody"


async def test_a_connection_that_breaks_ends_the_calls_that_wait_and_those_under_way() -> None:
    broker = Broker()
    under_way = await broker.ask(4)
    waits = asyncio.create_task(broker.connection.request(METHOD, b"{}"))
    await asyncio.sleep(0)
    broker.connection._on_close()
    outcomes = await asyncio.gather(*under_way, waits, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ConnectionLost] * 5
    assert broker.is_empty()


async def test_calls_that_wait_count_among_those_of_which_a_gateway_has_only_so_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rpc_client, "MAX_PENDING", 4)
    broker, client = Broker(), RpcClient(("amqp://nowhere",), timeout=0.05)
    client._connection = broker.connection
    outcomes = await asyncio.gather(*(client.call(JWKS, Nothing()) for _ in range(9)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 9
    assert len([outcome for outcome in outcomes if "too many calls" in str(outcome)]) == 5
    assert sum(len(calls_in(body)) for body in broker.channel.published.values()) == 4
    assert broker.is_empty()


async def test_a_flood_at_one_service_takes_no_place_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc_client, "MAX_PENDING", 4)
    broker, client = Broker(), RpcClient(("amqp://nowhere",), timeout=0.05)
    client._connection = broker.connection
    flood = [client.call(JWKS, Nothing()) for _ in range(9)]
    *_, other = await asyncio.gather(*flood, client.call(SESSION_KEYS, Nothing()), return_exceptions=True)
    assert "no reply in time" in str(other)


async def test_reports_of_vendors_share_messages_and_too_many_are_refused_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rpc_client, "MOST_TOGETHER", 4)
    monkeypatch.setattr(rpc_client, "MOST_AT_ONCE", 1)
    broker, client = Broker(), RpcClient(("amqp://nowhere",), timeout=60)
    client._connection = broker.connection
    webhook = Webhook(vendor="msg91", headers={}, body=b"e30=")
    reports = [asyncio.create_task(client.call(RECEIVE_WEBHOOK, webhook)) for _ in range(9)]
    await broker.has_sent(4)
    assert [len(calls_in(body)) for body in broker.channel.published.values()] == [1, 3]
    assert sum(task.done() for task in reports) == 5
    large = webhook.model_copy(update={"body": b"a" * rpc_client.SMALL})
    reports += [asyncio.create_task(client.call(RECEIVE_WEBHOOK, large)) for _ in range(9)]
    await broker.has_sent(5)
    assert sum(task.done() for task in reports) == 5, "large ones take turns"
    for task in reports:
        task.cancel()
    await asyncio.gather(*reports, return_exceptions=True)
    assert broker.is_empty()


async def test_a_caller_whose_clock_is_set_calls_under_a_new_name(monkeypatch: pytest.MonkeyPatch) -> None:
    broker, client = Broker(), RpcClient(("amqp://nowhere",), timeout=0.05)
    client._connection = broker.connection
    right, names = clock.now, []
    for ahead in (0, 0, 10, 10, 0):
        monkeypatch.setattr(clock, "now", lambda by=ahead: right() + timedelta(seconds=by))
        with pytest.raises(Unavailable):
            await client.call(JWKS, Nothing())
        *_, (sent,) = map(calls_in, broker.channel.published.values())
        names.append(sent["kwargs"]["call"]["caller"])
    assert [names.index(name) for name in names] == [0, 0, 2, 2, 4]


async def test_the_gate_has_a_pool_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc_client, "MAX_PENDING", 4)
    monkeypatch.setattr(rpc_client, "MOST_AT_ONCE", 1)
    broker, client = Broker(), RpcClient(("amqp://nowhere",), timeout=60)
    client._connection = broker.connection
    guard = Principal(kind="staff", id="SEC-0001", role="security")
    crowd = [asyncio.create_task(client.call(JWKS, Nothing())) for _ in range(9)]
    gate = asyncio.create_task(client.call(JWKS, Nothing(), principal=guard))
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(broker.channel.published) == 2, "one of the crowd, and the gate's"
    assert "SEC-0001" in json.dumps(broker.channel.published)
    assert sum(task.done() for task in crowd) == 5
    for task in (*crowd, gate):
        task.cancel()
    await asyncio.gather(*crowd, gate, return_exceptions=True)
    assert not any(client._waiting.values())
    assert broker.is_empty()
