"""The broker in tests: publish bytes, count and read queues, call an RPC. It does not use the chassis."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from kombu import Connection, Consumer, Exchange, Producer, Queue


class Wire:
    """A connection as one of the broker's users.

    The administrator sends in the name of others: events in the relay's, and requests in the gateway's.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = Connection(
            url.replace("amqp://", "pyamqp://"), transport_options={"confirm_publish": True}
        )
        self.connection.connect()
        self._user = unquote(urlsplit(url).username or "")

    def close(self) -> None:
        self.connection.release()

    def publish(self, exchange: str, key: str, body: bytes, **properties: Any) -> None:
        properties.setdefault("content_type", "application/json")
        if self._user == "administrator":
            properties.setdefault("user_id", "gateway" if exchange == "nameko-rpc" else "relay")
        else:
            properties.setdefault("user_id", self._user)
        Producer(self.connection.default_channel, auto_declare=False).publish(
            body,
            exchange=exchange,
            routing_key=key,
            content_encoding="binary",
            delivery_mode=2,
            mandatory=True,
            **properties,
        )

    def depth(self, queue: str) -> int:
        """Return the number of messages that are ready."""
        with self.connection.channel() as channel:
            return int(channel.queue_declare(queue, passive=True).message_count)

    def get(self, queue: str) -> Any | None:
        """Take one message off the queue; its ``body`` is bytes or text, as it came."""
        with self.connection.channel() as channel:
            return channel.basic_get(queue, no_ack=True)

    def purge(self, queue: str) -> None:
        with self.connection.channel() as channel:
            channel.queue_purge(queue)

    def delete(self, queue: str) -> None:
        with self.connection.channel() as channel:
            channel.queue_delete(queue)

    def call(
        self,
        service: str,
        method: str,
        request: Any,
        *,
        seconds: float = 5,
        call: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Call an RPC as nameko does and return the whole reply."""
        with self.asking() as replies:
            replies.ask(service, method, call_body(request, seconds=seconds, **(call or {})))
            reply: dict[str, Any] = replies.next(seconds)
            return reply

    def call_together(
        self, service: str, method: str, calls: dict[str, dict[str, Any]], *, seconds: float = 10
    ) -> dict[str, dict[str, Any]]:
        """Send calls (`call_body`) in one message, by their ids, and return the reply to each."""
        with self.asking() as replies:
            replies.ask(service, method, batch_body(calls))
            found: dict[str, dict[str, Any]] = {}
            while len(found) < len(calls):
                found |= {reply["id"]: reply for reply in replies.next(seconds)["replies"]}
            return found

    @contextmanager
    def asking(self) -> Iterator["Replies"]:
        """Yield a queue for replies."""
        reply_to = str(uuid.uuid4())
        exchange = Exchange("nameko-rpc", type="topic", durable=True)
        queue = Queue(
            f"gateway.test-{reply_to}", exchange, reply_to, exclusive=True, auto_delete=True, durable=False
        )
        with self.connection.channel() as channel:
            replies = Replies(self, reply_to)
            consumer = Consumer(
                channel,
                [queue],
                callbacks=[lambda body, _message: replies.came.append(body)],
                no_ack=True,
                accept=["json"],
            )
            with consumer:
                yield replies


class Replies:
    """The replies to what is asked, in the order in which their messages come."""

    def __init__(self, wire: Wire, reply_to: str) -> None:
        self._wire = wire
        self.reply_to = reply_to
        self.came: list[dict[str, Any]] = []

    def ask(self, service: str, method: str, body: dict[str, Any]) -> None:
        self._wire.publish(
            "nameko-rpc",
            f"{service}.{method}",
            json.dumps(body).encode(),
            reply_to=self.reply_to,
            correlation_id=self.reply_to,
        )

    def next(self, seconds: float = 10) -> dict[str, Any]:
        """Take the next message off the queue."""
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        while not self.came and datetime.now(UTC) < until:
            try:
                self._wire.connection.drain_events(timeout=0.2)
            except TimeoutError:
                continue
        if not self.came:
            raise TimeoutError("no reply")
        return self.came.pop(0)


def call_body(request: Any, *, seconds: float = 5, **call: Any) -> dict[str, Any]:
    """Return the body of a call with a deadline in so many seconds."""
    call = {"deadline": (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(), **call}
    return {"args": [request], "kwargs": {"call": call}}


def batch_body(calls: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the body of a message with these calls."""
    return {"args": [], "kwargs": {"calls": [{"id": one, **call} for one, call in calls.items()]}}


@contextmanager
def wire(url: str) -> Iterator[Wire]:
    """Open a connection for the length of a block."""
    it = Wire(url)
    try:
        yield it
    finally:
        it.close()
