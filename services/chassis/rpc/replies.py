"""Replies to RPCs, in nameko's form, over one connection of the process's own.

nameko opens a pooled publisher for each reply and waits for the broker's confirm. A reply needs neither: a
caller that does not get it repeats its command with the same key.
"""

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from amqp.basic_message import Message as Basic
from kombu.transport.pyamqp import Message
from nameko.exceptions import serialize

from contracts.subscriptions import RPC_EXCHANGE
from services.chassis.messaging.broker import NOT_PUBLISHED, PublishingConnection
from services.chassis.runtime.backoff import retrying

RETRY_SECONDS = 1.0


class Replier:
    """Publisher of replies. It tries for `RETRY_SECONDS`, because a caller does not wait for long.

    Nobody confirms a reply, so only heartbeats show that its connection leads nowhere.
    """

    def __init__(self, urls: Sequence[str], heartbeat: int) -> None:
        self._connection = PublishingConnection(urls, confirm=False, heartbeat=heartbeat)

    def keep_alive(self) -> NoReturn:
        """Exchange heartbeats for as long as the process lives."""
        self._connection.keep_alive()

    def reply(self, request: Message, result: Any, error: BaseException | None) -> None:
        """Publish the reply to a request.

        Raises:
            one of NOT_PUBLISHED: the broker is away; nobody has the reply.
        """
        body = json.dumps(
            {"result": result, "error": serialize(error) if error is not None else None}
        ).encode()
        message = Basic(
            body,
            correlation_id=request.properties.get("correlation_id"),
            content_type="application/json",
            content_encoding="utf-8",
        )
        for attempt in retrying(NOT_PUBLISHED, RETRY_SECONDS):
            with attempt, self._connection.channel() as channel:
                channel.basic_publish(
                    message, exchange=RPC_EXCHANGE, routing_key=request.properties["reply_to"]
                )
