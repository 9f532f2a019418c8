"""How a consumer waits for its broker."""

import pytest

from services.chassis.messaging.raw_consumer import RawConsumer
from tests.support.running import free_port


class Enough(Exception):
    """It was seen often enough."""


class Watched(RawConsumer):
    """Writes down for how long it is going to wait, and does not wait."""

    def __init__(self) -> None:
        super().__init__(
            [f"amqp://nobody:nothing@127.0.0.1:{free_port()}/"], ["queue"], lambda *_: None, 1, "test"
        )
        self.pauses: list[float] = []

    def on_connection_error(self, exc: Exception, interval: float) -> None:
        self.pauses.append(interval)
        if len(self.pauses) == 20:
            raise Enough


def test_a_broker_that_is_away_is_tried_every_second_however_long_it_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """kombu's own pauses grow to half a minute, for which nobody would answer after the broker's return."""
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda _: None)
    consumer = Watched()
    with pytest.raises(Enough), consumer.establish_connection():
        pass
    assert max(consumer.pauses) == 1
