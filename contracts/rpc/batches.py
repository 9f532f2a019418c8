"""A message with several calls of one method, and a message with several of their replies.

A call alone is as nameko has it, and so is its reply::

    {"args": [request], "kwargs": {"call": {…}}}        {"result": …, "error": …}

A batch is a message under the routing key of the method. Each of its calls is as it would be alone, with an
id. A call is replied to once, in any of the messages that follow::

    {"args": [], "kwargs": {"calls": [{"id": "17", "args": [request], "kwargs": {"call": {…}}}, …]}}
    {"replies": [{"id": "17", "result": …, "error": …}, …]}
"""

from collections.abc import Iterable
from typing import Any

from pydantic_core import to_json

MOST_CALLS = 64
"""In one message."""
LARGEST_MESSAGE = 256_000
"""Bytes. A larger body is no request. Replies are put together up to this size."""


def batch_of(calls: Iterable[tuple[str, bytes]]) -> bytes:
    """Return the body of a batch, of ids and the bodies that the calls would have alone."""
    return b'{"args":[],"kwargs":{"calls":[%b]}}' % _with_ids(calls)


def calls_of(body: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the calls in a batch; None if the body is that of a call alone.

    Raises:
        ValueError: there are too many of them, or one has no id.
    """
    calls = body["kwargs"].get("calls")
    if calls is None:
        return None
    if not isinstance(calls, list) or not 0 < len(calls) <= MOST_CALLS:
        raise ValueError("no batch")
    if not all(isinstance(call, dict) and isinstance(call.get("id"), str) for call in calls):
        raise ValueError("a call without an id")
    return calls


def reply_batch_of(replies: Iterable[tuple[str, bytes]]) -> bytes:
    """Return the body of a message with replies, of ids and the bodies that the replies would have alone."""
    return b'{"replies":[%b]}' % _with_ids(replies)


def replies_of(body: Any) -> dict[str, Any] | None:
    """Return the replies in a message by the ids of their calls; None if it is the reply to a call alone."""
    replies = body.get("replies") if isinstance(body, dict) else None
    if not isinstance(replies, list):
        return None
    return {str(reply.get("id")): reply for reply in replies if isinstance(reply, dict)}


def _with_ids(bodies: Iterable[tuple[str, bytes]]) -> bytes:
    return b",".join(b'{"id":%b,%b' % (to_json(one), body[1:]) for one, body in bodies)
