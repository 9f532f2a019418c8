"""The consumer while its broker is away."""

import pytest

from services.chassis.messaging import queue_reader
from services.chassis.messaging.queue_reader import QueueReader
from services.chassis.runtime.backoff import LONGEST
from tests.support.running import free_port


def test_a_broker_that_is_away_is_tried_at_least_every_second_however_long_it_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """kombu's own pauses grow to half a minute, for which nobody would answer after the broker's return."""
    away = f"amqp://nobody:nothing@127.0.0.1:{free_port()}/"
    consumer = QueueReader([away, away], ["queue"], lambda *_: None, 1, "test")
    pauses: list[float] = []

    def record(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 20:
            consumer.stop()

    monkeypatch.setattr(queue_reader, "sleep", record)
    monkeypatch.setattr("kombu.utils.functional.sleep", record)
    consumer.run()
    assert len(pauses) == 20
    assert 0 < max(pauses) <= LONGEST <= 1
