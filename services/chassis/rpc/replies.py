"""Answers to RPCs, in nameko's form, over one connection of the process' own.

nameko opens a pooled publisher for each answer and waits for the broker's confirm. An answer needs none: a caller that
does not get it repeats its command with the same key.
"""

import json
import threading
from collections.abc import Sequence
from typing import Any

from amqp.basic_message import Message as Basic
from amqp.exceptions import AMQPError
from kombu import Connection
from kombu.exceptions import OperationalError as BrokerError
from kombu.transport.pyamqp import Message
from nameko.exceptions import serialize

from contracts.subscriptions import RPC_EXCHANGE
from services.chassis.messaging.raw_consumer import connection

NOT_SENT = (BrokerError, AMQPError, OSError, AttributeError)
"""py-amqp's closed channel has no connection: AttributeError."""


class Replier:
    """Sends answers; a lost connection is opened again once for each answer that needs it."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def send(self, request: Message, result: Any, error: BaseException | None) -> None:
        """Answers a request.

        Raises:
            one of NOT_SENT: the broker is away; nobody has the answer.
        """
        body = json.dumps(
            {"result": result, "error": serialize(error) if error is not None else None}
        ).encode()
        properties = {"content_type": "application/json", "content_encoding": "utf-8"}
        message = Basic(body, correlation_id=request.properties.get("correlation_id"), **properties)
        with self._lock:
            try:
                self._publish(message, request.properties["reply_to"])
            except NOT_SENT:
                self._forget()
                self._publish(message, request.properties["reply_to"])

    def _publish(self, message: Basic, reply_to: str) -> None:
        if self._connection is None:
            fresh = connection(self._urls, heartbeat=0, confirm=False)
            fresh.ensure_connection(max_retries=1, interval_start=0.1, timeout=3)
            self._connection = fresh
        self._connection.default_channel.basic_publish(message, exchange=RPC_EXCHANGE, routing_key=reply_to)

    def _forget(self) -> None:
        broken, self._connection = self._connection, None
        if broken is not None:
            broken.collapse()
