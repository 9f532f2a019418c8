"""The consumer while its broker is away."""

from types import SimpleNamespace

import pytest
from amqp.exceptions import RecoverableConnectionError
from kombu import Message

from services.chassis.messaging import queue_reader
from services.chassis.messaging.queue_reader import QueueReader
from services.chassis.runtime.backoff import LONGEST
from tests.support.stack.running import free_port


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


class Channel:
    """A channel that records its acknowledgements; a dead one refuses them."""

    no_ack_consumers = None

    def __init__(self, *, dead: bool = False) -> None:
        self.acknowledged: list[tuple[int, bool]] = []
        self.returned: list[int] = []
        self._dead = dead

    def basic_ack(self, tag: int, *, multiple: bool) -> None:
        if self._dead:
            raise RecoverableConnectionError("gone")
        self.acknowledged.append((tag, multiple))

    def basic_reject(self, tag: int, *, requeue: bool) -> None:
        assert requeue
        self.returned.append(tag)


def reader_with(*channels: Channel) -> tuple[QueueReader, dict[Channel, dict[int, Message]]]:
    """Return a reader that has messages 1 to 12 of each channel in hand; a dead one's are forgotten."""
    reader = QueueReader(["amqp://nobody@localhost/"], ["queue"], lambda *_: None, 20, "test")
    messages = {
        channel: {tag: Message(channel=channel, delivery_tag=tag) for tag in range(1, 13)}
        for channel in channels
    }
    reader._in_hand = {channel: set(messages[channel]) for channel in channels if not channel._dead}
    return reader, messages


def test_messages_of_a_queue_are_acknowledged_at_once_if_no_older_one_is_in_hand() -> None:
    channel = Channel()
    reader, messages = reader_with(channel)
    of_queue = messages[channel]
    reader.acknowledge_all([of_queue[tag] for tag in (4, 5, 6)])
    assert channel.acknowledged == [(4, False), (5, False), (6, False)]
    reader.acknowledge_all([of_queue[tag] for tag in (2, 1, 3)])
    reader.acknowledge_all([of_queue[tag] for tag in (7, 8)])
    assert channel.acknowledged[3:] == [(3, True), (8, True)]
    assert set(reader._in_hand[channel]) == {9, 10, 11, 12}


def test_what_comes_while_the_reader_stops_goes_back_once_it_consumes_nothing_any_more() -> None:
    """Before, the broker would deliver it here again, and count that."""
    channel = Channel()
    reader, messages = reader_with(channel)
    reader.give_back(messages[channel][1])
    assert channel.returned == [1]
    reader._in_hand = {channel: {2, 3}}

    reader.stop()
    reader.give_back(messages[channel][2])
    assert channel.returned == [1]

    connection = SimpleNamespace(drain_events=lambda timeout: reader.give_back(messages[channel][3]))
    reader.on_consume_end(connection, None)  # type: ignore[arg-type]
    assert channel.returned == [1, 2, 3]


def test_messages_of_a_channel_that_is_gone_acknowledge_nothing_of_the_one_after_it() -> None:
    """Its tags count from 1 again, so an older message of the same number is another one."""
    gone, here = Channel(dead=True), Channel()
    reader, messages = reader_with(gone, here)
    old = [messages[gone][tag] for tag in range(1, 13)]
    reader.acknowledge_all([*old, *(messages[here][tag] for tag in (1, 2, 3, 4, 6, 7))])
    assert [tag for tag, multiple in here.acknowledged if not multiple] == [1, 2, 3, 4, 6, 7]
    assert 5 in reader._in_hand[here]
    reader.acknowledge_all([*old, messages[here][5]])
    assert here.acknowledged[-1] == (5, True)
    assert set(reader._in_hand[here]) == {8, 9, 10, 11, 12}
