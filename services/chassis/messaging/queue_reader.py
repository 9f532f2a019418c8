"""The reader under all entrypoints: it takes raw bytes from queues that exist already, over one connection.

kombu never decodes a body, and so never logs one. While a queue does not exist or the broker is away, the
reader waits, and the process is not ready.
"""

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import sleep
from typing import Any

from amqp.exceptions import AMQPError
from kombu import Connection, Consumer, Queue
from kombu.exceptions import OperationalError
from kombu.mixins import ConsumerMixin
from kombu.transport.pyamqp import Message

from services.chassis.messaging.broker import (
    CONNECT_TIMEOUT,
    NOT_PUBLISHED,
    kombu_connection,
    open_to_any_node,
)
from services.chassis.runtime import metrics
from services.chassis.runtime.backoff import Backoff
from services.chassis.runtime.clock import monotonic
from services.chassis.runtime.lifecycle import stopping
from services.chassis.runtime.logs import logger

log = logger(__name__)
DRAIN_SECONDS = 20
"""How long a reader that stops, or is suspended, waits for the messages in hand."""
OnMessage = Callable[[str, Message], None]
"""Takes the name of a queue and an undecoded message."""


class QueueReader(ConsumerMixin):
    """Reader of existing queues, over one connection.

    It stops gracefully: it takes no more messages, and the connection stays open until those in hand are
    settled. It can also be suspended in the same way, and resumed.

    It never stops reading. RabbitMQ closes a connection to which it could not send for 30 seconds, so what is
    held is bounded by `prefetch` alone.

    Args:
        urls: nodes of the broker.
        on_message: must not block, and each message must end in `acknowledge` or `give_back`.
        prefetch: unacknowledged messages in hand, for each queue.
        part: the reader's name in logs and metrics.
        heartbeat: seconds.
        on_lost: called when a connection is lost. The broker will deliver again whatever was in hand.
    """

    def __init__(
        self,
        urls: Sequence[str],
        queues: Sequence[str],
        on_message: OnMessage,
        prefetch: int,
        part: str,
        heartbeat: int = 20,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self.connection = kombu_connection(urls, heartbeat)
        self._backoff = Backoff()
        self._queues = [Queue(name, no_declare=True) for name in queues]
        self._on_message = on_message
        self._prefetch = prefetch
        self._part = part
        self._on_lost = on_lost
        self._in_hand: dict[Any, set[int]] = {}
        """Delivery tags, by channel."""
        self._is_stopped = self._is_interrupted = False
        self._resumed = threading.Event()
        self._resumed.set()
        self._to_return: list[Message] = []
        """What goes back once the consumers are cancelled: before, the broker would deliver it here again."""
        self.consuming = False

    @property
    def should_stop(self) -> bool:
        """Return whether to consume no longer: for good, or until `resume`."""
        return self._is_stopped or self._is_interrupted

    def get_consumers(self, _consumer_class: type[Consumer], channel: Any) -> list[Consumer]:
        """Return one consumer for each queue, on a channel of its own."""
        self._in_hand.clear()
        self._to_return.clear()
        return [self._consumer(queue, channel.connection.channel()) for queue in self._queues]

    def _consumer(self, queue: Queue, channel: Any) -> Consumer:
        channel.basic_qos(0, self._prefetch, False)
        in_hand = self._in_hand[channel] = set()

        def receive(message: Message) -> None:
            in_hand.add(message.delivery_tag)
            if self._is_stopped:
                self.give_back(message)
            else:
                self._on_message(queue.name, message)

        def receive_unreadable(message: Message, _error: Exception) -> None:
            """Hand over what kombu cannot decompress; it is no event and no request as it is."""
            receive(message)

        return Consumer(
            channel,
            queues=[queue],
            on_message=receive,
            on_decode_error=receive_unreadable,
            auto_declare=False,
        )

    @contextmanager
    def establish_connection(self) -> Iterator[Connection]:
        """Open a connection to a node that answers; `run` decides when to try again.

        Whatever the reader then waits for has a limit. Heartbeats are looked at only while it consumes, so
        they would not show that a node hangs before.
        """
        fresh = self.create_connection()
        try:
            open_to_any_node(fresh)
            fresh.connection.transport.sock.settimeout(CONNECT_TIMEOUT)
            yield fresh
        except BaseException:
            fresh.collect()  # to close it in form would wait for an answer
            raise
        fresh.release()

    def on_consume_ready(self, *_args: Any, **_kwargs: Any) -> None:
        """Note that the broker knows all consumers."""
        self.consuming = True
        self._backoff.reset()
        log.info("consuming", part=self._part, queues=len(self._queues))

    def on_consume_end(self, connection: Connection, _channel: Any) -> None:
        """Wait for the messages in hand, at most `DRAIN_SECONDS`, after the consumers were cancelled."""
        self.consuming = False
        is_orderly = self.should_stop
        until = monotonic() + DRAIN_SECONDS
        while is_orderly and any(self._in_hand.values()) and monotonic() < until:
            while self._to_return:
                message = self._to_return.pop()
                self._finish(message, message.requeue)
            try:
                connection.drain_events(timeout=0.1)
            except TimeoutError:
                connection.heartbeat_check()

    def on_connection_revived(self) -> None:
        """Count the connection."""
        metrics.count_connection(self._part)

    def run(self, _tokens: int = 1, **kwargs: Any) -> None:
        """Consume until `stop` is called. Connect again after each fault, also when a queue is missing."""
        while not self._is_stopped:
            while not self._resumed.is_set():
                self._resumed.wait()
            self._is_interrupted = False
            try:
                for _ in self.consume(limit=None, **kwargs):
                    pass
            except (OperationalError, AMQPError, OSError) as error:
                self.consuming = False
                self._on_lost()
                if not self.should_stop:
                    log.warning("consuming was interrupted", part=self._part, error=type(error).__name__)
                    sleep(self._backoff.next_pause())
        self.consuming = False

    def stop(self) -> None:
        """Take no more messages."""
        self._is_stopped = True
        self._resumed.set()

    def suspend(self) -> None:
        """Cancel the consumers and close the connection when what is in hand is settled; then wait."""
        self._resumed.clear()
        self._is_interrupted = True

    def resume(self) -> None:
        """Consume again, once the suspension is through."""
        self._resumed.set()

    def acknowledge(self, message: Message) -> None:
        """Acknowledge a message. If the connection is gone, the broker delivers the message again."""
        self._finish(message, message.ack)

    def acknowledge_all(self, messages: Sequence[Message]) -> None:
        """Acknowledge messages of one queue, all at once if no older message of their channel is in hand.

        After a reconnect some may be of a channel that is gone; the broker delivers those again.
        """
        by_channel: dict[Any, dict[int, Message]] = {}
        for message in messages:
            by_channel.setdefault(message.channel, {})[message.delivery_tag] = message
        for channel, of_channel in by_channel.items():
            in_hand = self._in_hand.get(channel, set())
            last = max(of_channel)
            if any(tag < last and tag not in of_channel for tag in in_hand):
                for message in of_channel.values():
                    self.acknowledge(message)
                continue
            in_hand.difference_update(of_channel)
            self._finish(of_channel[last], functools.partial(of_channel[last].ack, multiple=True))

    def give_back(self, message: Message) -> None:
        """Return a message to its queue; while the process stops, when nothing is consumed any more."""
        if self.should_stop or stopping.is_set():
            message.body = b""  # its tag is enough to return it
            self._to_return.append(message)
        else:
            self._finish(message, message.requeue)

    def _finish(self, message: Message, how: Callable[[], None]) -> None:
        try:
            how()
        except NOT_PUBLISHED:
            log.info("the broker has this message again", part=self._part)
        finally:
            self._in_hand.get(message.channel, set()).discard(message.delivery_tag)
