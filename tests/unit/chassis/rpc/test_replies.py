"""The replies to the calls of a message: those that are ready go together, and the last one settles it."""

import json
from typing import Any

from kombu.exceptions import OperationalError

from contracts.errors import Conflict
from contracts.rpc.batches import LARGEST_MESSAGE
from services.chassis.rpc.replies import Replies

LARGE = "x" * (LARGEST_MESSAGE // 2)


class Broker:
    """Publishes replies and settles messages; it may be away."""

    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = []
        self.settled: list[str] = []
        self.away = False
        self.meanwhile: list[tuple[Replies, list[tuple[str, Any, None]]]] = []

    def publish(self, _message: object, body: bytes) -> None:
        if self.away:
            raise OperationalError
        while self.meanwhile:
            replies, answers = self.meanwhile.pop()
            replies.add(answers)
        self.published.append(json.loads(body))

    def acknowledge(self, message: str) -> None:
        self.settled.append(f"acknowledged {message}")

    def give_back(self, message: str) -> None:
        self.settled.append(f"given back {message}")

    @property
    def ids(self) -> list[list[str]]:
        return [[reply["id"] for reply in body["replies"]] for body in self.published]


def replies_to(broker: Broker, calls: int, is_batch: bool = True) -> Replies:
    return Replies("m", calls, is_batch, broker, broker)  # type: ignore[arg-type]


def test_a_call_alone_gets_a_reply_as_nameko_has_it() -> None:
    broker = Broker()
    replies_to(broker, 1, is_batch=False).add([("", {"items": []}, None)])
    assert broker.published == [{"result": {"items": []}, "error": None}]
    assert broker.settled == ["acknowledged m"]


def test_the_message_is_acknowledged_with_the_last_reply() -> None:
    broker = Broker()
    replies = replies_to(broker, 3)
    replies.add([("1", 1, None), ("2", None, Conflict("so it is"))])
    assert (broker.ids, broker.settled) == ([["1", "2"]], [])
    assert broker.published[0]["replies"][1]["error"]["exc_type"] == "Conflict"
    replies.add([("3", 3, None)])
    assert (broker.ids, broker.settled) == ([["1", "2"], ["3"]], ["acknowledged m"])


def test_replies_that_come_while_others_are_published_go_together() -> None:
    broker = Broker()
    replies = replies_to(broker, 4)
    broker.meanwhile = [(replies, [(str(number), number, None)]) for number in range(3)]
    replies.add([("first", 0, None)])
    assert [sorted(ids) for ids in broker.ids] == [["first"], ["0", "1", "2"]]
    assert broker.settled == ["acknowledged m"]


def test_replies_that_are_too_large_for_one_message_go_in_several() -> None:
    broker = Broker()
    replies_to(broker, 4).add([(str(number), LARGE, None) for number in range(3)] + [("last", 1, None)])
    assert broker.ids == [["0"], ["1"], ["2", "last"]]
    assert broker.settled == ["acknowledged m"]


def test_a_message_goes_back_once_when_its_last_call_ends_if_a_reply_could_not_be_sent() -> None:
    broker = Broker()
    replies = replies_to(broker, 3)
    broker.away = True
    replies.add([("1", 1, None)])
    assert broker.settled == []
    broker.away = False
    replies.add([("2", 2, None)])
    replies.add([("3", 3, None)])
    assert broker.ids == [["2"], ["3"]]
    assert broker.settled == ["given back m"]
