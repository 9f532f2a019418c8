"""What happens to a message that was not handled, and whose copy the broker does not take."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from amqp.exceptions import NotFound
from kombu import Message

from services.chassis.messaging import event_consumers
from services.chassis.messaging.event_batches import EventMessage
from services.chassis.messaging.event_consumers import EventConsumers, settle_failed
from services.chassis.messaging.topology import DELIVERY_COUNT
from services.chassis.runtime.lifecycle import Stopping


def consumers_with(happened: list[Any]) -> EventConsumers:
    """Return consumers whose copies are refused, and which note what happens; threads run at once."""

    def refuse(*_: Any) -> None:
        raise NotFound

    def run(work: Callable[[], None], identifier: str) -> None:
        happened.append(identifier)
        work()

    consumers = EventConsumers()
    consumers.failed_messages = SimpleNamespace(publish_copy=refuse)  # type: ignore[assignment]
    consumers.reader = SimpleNamespace(
        give_back=happened.append,
        acknowledge_all=lambda messages: happened.append(("done", *messages)),
    )
    consumers.container = SimpleNamespace(spawn_managed_thread=run)
    return consumers


def test_a_message_goes_back_after_a_pause_that_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[Any] = []
    monkeypatch.setattr(event_consumers, "pause", happened.append)
    message: Any = SimpleNamespace(headers={DELIVERY_COUNT: 3})

    assert (
        settle_failed(consumers_with(happened), "queue", EventMessage(message), b"", RuntimeError())
        == "returned"
    )

    assert happened == ["give back", 8, message], "on a thread of its own"


def test_a_message_that_waits_goes_back_at_once_when_the_process_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(_: float) -> None:
        raise Stopping

    happened: list[Any] = []
    monkeypatch.setattr(event_consumers, "pause", stop)
    message: Any = SimpleNamespace(headers=None)

    settle_failed(consumers_with(happened), "queue", EventMessage(message), b"", RuntimeError())

    assert happened == ["give back", message]


def test_a_message_is_acknowledged_when_the_last_of_its_events_is_settled() -> None:
    happened: list[Any] = []
    consumers = consumers_with(happened)
    several, single = EventMessage(Message(), 3), EventMessage(Message())

    consumers.settle([several, single, several])
    assert happened == [("done", single.message)]

    consumers.settle([several])
    assert happened[1:] == [("done", several.message)]


def test_a_message_goes_back_if_one_of_its_events_could_not_be_settled() -> None:
    happened: list[Any] = []
    consumers = consumers_with(happened)
    message = EventMessage(Message(), 3)

    consumers.settle([message])
    settle_failed(consumers, "queue", message, b"", Stopping())
    assert happened == [], "the last event is in hand"

    consumers.settle([message])
    assert happened == [message.message]


def test_only_the_event_that_failed_is_copied() -> None:
    copied: list[bytes] = []
    consumers = consumers_with([])
    consumers.failed_messages = SimpleNamespace(publish_copy=lambda *one: copied.append(one[-1]))  # type: ignore[assignment]

    assert settle_failed(consumers, "queue", EventMessage(Message(), 2), b"its", RuntimeError()) == "failed"

    assert copied == [b"its"]
