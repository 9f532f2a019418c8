"""What happens to a message that was not handled, and whose copy the broker does not take."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from amqp.exceptions import NotFound

from services.chassis.messaging import entrypoint
from services.chassis.messaging.entrypoint import EventConsumers, settle_failed
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
        give_back=happened.append, acknowledge=lambda _: happened.append("gone")
    )
    consumers.container = SimpleNamespace(spawn_managed_thread=run)
    return consumers


def test_a_message_goes_back_after_a_pause_that_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[Any] = []
    monkeypatch.setattr(entrypoint, "pause", happened.append)
    message: Any = SimpleNamespace(headers={DELIVERY_COUNT: 3})

    assert settle_failed(consumers_with(happened), "queue", message, RuntimeError()) == "returned"

    assert happened == ["give back", 8, message], "on a thread of its own"


def test_a_message_that_waits_goes_back_at_once_when_the_process_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(_: float) -> None:
        raise Stopping

    happened: list[Any] = []
    monkeypatch.setattr(entrypoint, "pause", stop)
    message: Any = SimpleNamespace(headers=None)

    settle_failed(consumers_with(happened), "queue", message, RuntimeError())

    assert happened == ["give back", message]
