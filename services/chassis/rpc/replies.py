"""Replies to RPCs, in nameko's form, over one connection of the process's own.

nameko opens a pooled publisher for each reply and waits for the broker's confirm. A reply needs neither: a
caller that does not get it repeats its command with the same key.
"""

from collections.abc import Sequence
from time import sleep
from typing import Any, NoReturn

from amqp.basic_message import Message as Basic
from kombu.transport.pyamqp import Message
from nameko.exceptions import serialize
from pydantic_core import to_json

from contracts.rpc.batches import LARGEST_MESSAGE, reply_batch_of
from contracts.subscriptions import RPC_EXCHANGE
from services.chassis.messaging.broker import NOT_PUBLISHED, PublishingConnection, user_of
from services.chassis.messaging.queue_reader import QueueReader
from services.chassis.runtime.backoff import retrying
from services.chassis.runtime.logs import logger

log = logger(__name__)
RETRY_SECONDS = 1.0


class Replier:
    """Publisher of replies. It tries for `RETRY_SECONDS`, because a caller does not wait for long.

    Nobody confirms a reply, so only heartbeats show that its connection leads nowhere.
    """

    def __init__(self, urls: Sequence[str], heartbeat: int) -> None:
        self._connection = PublishingConnection(urls, confirm=False, heartbeat=heartbeat)
        self._user = user_of(urls)

    def keep_alive(self) -> NoReturn:
        """Exchange heartbeats for as long as the process lives."""
        self._connection.keep_alive()

    def close(self) -> None:
        """Close the connection, once the broker has all replies that were published on it."""
        self._connection.close()

    def publish(self, request: Message, body: bytes) -> None:
        """Publish a reply to a message.

        Raises:
            one of NOT_PUBLISHED: the broker is away; nobody has the reply.
        """
        message = Basic(
            body,
            correlation_id=request.properties.get("correlation_id"),
            content_type="application/json",
            content_encoding="utf-8",
            user_id=self._user,
        )
        for attempt in retrying(NOT_PUBLISHED, RETRY_SECONDS):
            with attempt, self._connection.channel() as channel:
                channel.basic_publish(
                    message, exchange=RPC_EXCHANGE, routing_key=request.properties["reply_to"]
                )


class Replies:
    """The replies to the calls of one message; the message is settled with the last one.

    Replies that are ready at the same time go together, and none waits for a call that still runs. The
    message is acknowledged when all are sent. If one could not be sent, the message goes back to its queue,
    and all its calls are carried out again.

    Args:
        message: that brought the calls.
        calls: how many there are.
        is_batch: whether they came as a batch.
    """

    def __init__(
        self, message: Message, calls: int, is_batch: bool, replier: Replier, reader: QueueReader
    ) -> None:
        self._message = message
        self._open = calls
        self._is_batch = is_batch
        self._replier = replier
        self._reader = reader
        self._ready: list[tuple[str, bytes]] = []
        self._publishing = False
        self._is_lost = self._is_given_up = False

    def add(self, answers: Sequence[tuple[str, Any, BaseException | None]]) -> None:
        """Reply to calls: the id of each, its result and its error.

        If another thread publishes replies of this message, it publishes these, too.
        """
        for call_id, result, error in answers:
            fault = serialize(error) if error is not None else None
            self._ready.append((call_id, to_json({"result": result, "error": fault})))
        if self._publishing:
            return
        self._publishing = True
        try:
            if self._is_batch:
                sleep(0)  # lets other threads add the replies that they have
            while self._ready:
                self._publish(self._take())
        finally:
            self._publishing = False
        if self._open:
            return
        if self._is_lost:
            self._reader.give_back(self._message)
        else:
            self._reader.acknowledge(self._message)

    def give_up(self) -> None:
        """Give the message back, because calls of it get no worker any more."""
        if not self._is_given_up:
            self._is_given_up = True
            self._reader.give_back(self._message)

    def _take(self) -> list[tuple[str, bytes]]:
        """Return replies that fit into one message. One that is larger goes alone."""
        taken, room = [self._ready.pop(0)], LARGEST_MESSAGE
        room -= len(taken[0][1])
        while self._ready and len(self._ready[0][1]) < room:
            taken.append(self._ready.pop(0))
            room -= len(taken[-1][1])
        return taken

    def _publish(self, replies: list[tuple[str, bytes]]) -> None:
        try:
            self._replier.publish(self._message, reply_batch_of(replies) if self._is_batch else replies[0][1])
        except NOT_PUBLISHED as fault:
            log.warning("reply was not sent", replies=len(replies), error=type(fault).__name__)
            self._is_lost = True
        self._open -= len(replies)
