"""The broker in tests: publish bytes, count and read queues, call an RPC. It does not use the chassis."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from kombu import Connection, Consumer, Exchange, Producer, Queue


class Wire:
    """A connection as one of the broker's users."""

    def __init__(self, url: str) -> None:
        self.connection = Connection(
            url.replace("amqp://", "pyamqp://"), transport_options={"confirm_publish": True}
        )
        self.connection.connect()

    def close(self) -> None:
        self.connection.release()

    def publish(self, exchange: str, key: str, body: bytes, **properties: Any) -> None:
        properties.setdefault("content_type", "application/json")
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
        reply_to = str(uuid.uuid4())
        replies: list[dict[str, Any]] = []
        call = {"deadline": (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(), **(call or {})}
        exchange = Exchange("nameko-rpc", type="topic", durable=True)
        queue = Queue(
            f"gateway.test-{reply_to}", exchange, reply_to, exclusive=True, auto_delete=True, durable=False
        )
        body = json.dumps({"args": [request], "kwargs": {"call": call}}).encode()
        with self.connection.channel() as channel:
            consumer = Consumer(
                channel,
                [queue],
                callbacks=[lambda body, _message: replies.append(body)],
                no_ack=True,
                accept=["json"],
            )
            with consumer:
                self.publish(
                    "nameko-rpc", f"{service}.{method}", body, reply_to=reply_to, correlation_id=reply_to
                )
                until = datetime.now(UTC) + timedelta(seconds=seconds)
                while not replies and datetime.now(UTC) < until:
                    try:
                        self.connection.drain_events(timeout=0.2)
                    except TimeoutError:
                        continue
        if not replies:
            raise TimeoutError(f"no reply from {service}.{method}")
        return replies[0]


@contextmanager
def wire(url: str) -> Iterator[Wire]:
    """Open a connection for the length of a block."""
    it = Wire(url)
    try:
        yield it
    finally:
        it.close()
