"""Batches of calls and of replies: what is in them, and what is no batch."""

import json
from typing import Any

import pytest

from contracts.rpc.batches import MOST_CALLS, batch_of, calls_of, replies_of, reply_batch_of


def test_a_batch_has_each_call_as_it_is_alone_and_its_id() -> None:
    alone = {"args": [{"site": "PCS1"}], "kwargs": {"call": {"deadline": "…"}}}
    body = json.loads(batch_of((number, json.dumps(alone).encode()) for number in ("1", "2")))
    assert body["args"] == []
    assert calls_of(body) == [{"id": "1", **alone}, {"id": "2", **alone}]


def test_a_call_alone_is_no_batch() -> None:
    assert calls_of({"args": [{}], "kwargs": {"call": {}}}) is None
    assert replies_of({"result": None, "error": None}) is None


def test_a_message_with_replies_has_each_as_it_is_alone_by_the_id_of_its_call() -> None:
    alone = {"result": {"items": []}, "error": None}
    body = json.loads(reply_batch_of([("7", json.dumps(alone).encode())]))
    assert replies_of(body) == {"7": {"id": "7", **alone}}


@pytest.mark.parametrize(
    "calls",
    [[], {}, "calls", [1], [{}], [{"id": 1}], [{"id": str(number)} for number in range(MOST_CALLS + 1)]],
    ids=["none", "an object", "text", "no call", "no id", "a number", "too many"],
)
def test_what_is_no_batch_is_refused(calls: Any) -> None:
    with pytest.raises(ValueError, match=r"no batch|without an id"):
        calls_of({"args": [], "kwargs": {"calls": calls}})
