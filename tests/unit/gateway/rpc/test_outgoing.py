"""Calls on their way out: one alone goes at once, those that wait share a message, none waits for long."""

import asyncio
from itertools import count

import pytest

from contracts.rpc.batches import LARGEST_MESSAGE, MOST_CALLS, batch_of
from services.gateway.rpc import outgoing
from services.gateway.rpc.outgoing import AT_ONCE, Message, MethodCalls, OutgoingCall

_ids = count()


class Sent:
    """One method, and the messages that were sent."""

    def __init__(self, *, together: bool = True) -> None:
        self.messages: list[Message] = []
        self.method = MethodCalls(self.messages.append, together=together)

    def call(self, body: bytes = b"{}") -> OutgoingCall:
        call = OutgoingCall(str(next(_ids)), body, asyncio.get_running_loop().create_future())
        self.method.add(call)
        return call

    @property
    def sizes(self) -> list[int]:
        return [len(message.calls) for message in self.messages]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing go because time passes."""
    monkeypatch.setattr(outgoing, "LONGEST_WAIT", 600)


@pytest.mark.usefixtures("patient")
async def test_calls_go_at_once_while_few_messages_are_under_way() -> None:
    sent = Sent()
    for _ in range(AT_ONCE + 3):
        sent.call()
    assert sent.sizes == [1] * AT_ONCE


@pytest.mark.usefixtures("patient")
async def test_calls_of_a_method_that_handles_each_alone_go_at_once_and_alone() -> None:
    """So a call that was answered is not carried out again because another one of its message was slow."""
    sent = Sent(together=False)
    for _ in range(AT_ONCE + 3):
        sent.call()
    assert sent.sizes == [1] * (AT_ONCE + 3)
    sent.method.replied(sent.messages[0])
    assert sent.sizes == [1] * (AT_ONCE + 3)


@pytest.mark.usefixtures("patient")
async def test_calls_that_wait_go_together_when_a_message_has_its_first_reply() -> None:
    sent = Sent()
    for _ in range(AT_ONCE + 3):
        sent.call()
    for _ in range(2):  # of its replies only the first one counts
        sent.method.replied(sent.messages[0])
    assert sent.sizes == [1] * AT_ONCE + [3]
    sent.call()
    assert sent.sizes == [1] * AT_ONCE + [3]


async def test_no_call_waits_for_a_service_that_does_not_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "LONGEST_WAIT", 0)
    sent = Sent()
    for _ in range(AT_ONCE + 3):
        sent.call()
    await asyncio.sleep(0.01)
    assert sent.sizes == [1] * AT_ONCE + [3]


@pytest.mark.usefixtures("patient")
async def test_a_full_message_goes_at_once() -> None:
    sent = Sent()
    for _ in range(AT_ONCE + MOST_CALLS + 1):
        sent.call()
    assert sent.sizes == [1] * AT_ONCE + [MOST_CALLS]


@pytest.mark.usefixtures("patient")
async def test_no_message_is_made_that_is_larger_than_a_service_takes() -> None:
    sent = Sent()
    for _ in range(AT_ONCE):
        sent.call()
    bodies = [
        b"{%b}" % (b"x" * size) for size in (LARGEST_MESSAGE // 3, LARGEST_MESSAGE, 100, 90_000, 90_000)
    ]
    calls = [sent.call(body) for body in bodies]
    for number in range(6):
        if number < len(sent.messages):
            sent.method.replied(sent.messages[number])
    batches = [message for message in sent.messages[AT_ONCE:] if message.is_batch]
    assert sum(sent.sizes[AT_ONCE:]) == len(calls)
    assert batches
    for message in batches:
        assert len(batch_of((call.id, call.body) for call in message.calls.values())) <= LARGEST_MESSAGE


@pytest.mark.usefixtures("patient")
async def test_a_call_whose_caller_has_left_is_not_sent() -> None:
    sent = Sent()
    for _ in range(AT_ONCE):
        sent.call()
    left, waits = sent.call(), sent.call()
    left.reply.cancel()
    sent.method.replied(sent.messages[0])
    assert list(sent.messages[-1].calls) == [waits.id]
    assert not sent.messages[-1].is_batch
