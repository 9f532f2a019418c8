"""How nameko consumes here: raw bytes (never decoded, and so never logged, by kombu), no declarations, all nodes.

A queue that is not there yet, or a broker that is away, is waited for; the process is not ready meanwhile.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

from amqp.exceptions import AMQPError
from kombu import Connection, Consumer, Queue
from kombu.mixins import ConsumerMixin
from kombu.transport.pyamqp import Message

from services.chassis.runtime import metrics
from services.chassis.runtime.logs import logger

log = logger(__name__)
DRAIN_SECONDS = 20
OnMessage = Callable[[str, Message], None]
"""Called with the queue's name and the undecoded message."""


def connection(urls: Sequence[str], heartbeat: int = 20, *, confirm: bool = True) -> Connection:
    """A lazy connection to the first node that answers."""
    return Connection(
        [url.replace("amqp://", "pyamqp://") for url in urls],
        heartbeat=heartbeat,
        failover_strategy="round-robin",
        transport_options={"confirm_publish": confirm},
    )


class RawConsumer(ConsumerMixin):
    """Consumes from existing queues over one connection.

    Stopping is graceful: nothing more is taken, and the connection stays until what was taken is acknowledged.

    Args:
        urls: nodes of the broker.
        queues: names of the queues.
        on_message: what to do with each message; must not block, and must end in :meth:`acknowledge` or :meth:`give_back`.
        prefetch: unacknowledged messages held, for each queue.
        part: a word for logs and metrics.
    """

    def __init__(
        self,
        urls: Sequence[str],
        queues: Sequence[str],
        on_message: OnMessage,
        prefetch: int,
        part: str,
        heartbeat: int = 20,
    ) -> None:
        self.connection = connection(urls, heartbeat)
        self._queues = [Queue(name, no_declare=True) for name in queues]
        self._on_message = on_message
        self._prefetch = prefetch
        self._part = part
        self._held: set[int] = set()
        self.consuming = False

    def get_consumers(self, _consumer_class: type[Consumer], channel: Any) -> list[Consumer]:
        """A consumer a queue; ``basic.qos`` without ``global`` counts for each consumer."""
        channel.basic_qos(0, self._prefetch, False)
        self._held.clear()
        return [self._consumer(queue, channel) for queue in self._queues]

    def _consumer(self, queue: Queue, channel: Any) -> Consumer:
        def receive(message: Message) -> None:
            self._held.add(id(message))
            if self.should_stop:
                self.give_back(message)
            else:
                self._on_message(queue.name, message)

        return Consumer(channel, queues=[queue], on_message=receive, auto_declare=False)

    @contextmanager
    def establish_connection(self) -> Iterator[Connection]:
        """A connection, tried for again every second or so. kombu's own pauses grow to half a minute."""
        with self.create_connection() as fresh:
            fresh.ensure_connection(
                self.on_connection_error, interval_start=0.2, interval_step=0.2, interval_max=1
            )
            yield fresh

    def on_consume_ready(self, *_args: Any, **_kwargs: Any) -> None:
        """All consumers are registered with the broker."""
        self.consuming = True
        log.info("consuming", part=self._part, queues=len(self._queues))

    def on_consume_end(self, connection: Connection, _channel: Any) -> None:
        """The consumers are cancelled; the connection waits for the work in hand."""
        self.consuming = False
        until = monotonic() + DRAIN_SECONDS
        while self.should_stop and self._held and monotonic() < until:
            try:
                connection.drain_events(timeout=0.1)
            except TimeoutError:
                connection.heartbeat_check()

    def on_connection_error(self, exc: Exception, _interval: float) -> None:
        """The broker is away; kombu tries again."""
        self.consuming = False
        log.warning("broker does not answer", part=self._part, error=type(exc).__name__)

    def on_connection_revived(self) -> None:
        """There is a connection again."""
        metrics.count_connection(self._part)

    def run(self, _tokens: int = 1, **kwargs: Any) -> None:
        """Consumes until told to stop; a missing queue or a closed channel is tried again in a second."""
        while not self.should_stop:
            try:
                for _ in self.consume(limit=None, **kwargs):
                    pass
            except (*self.connection.connection_errors, AMQPError, OSError) as error:
                self.consuming = False
                if not self.should_stop:
                    log.warning("consuming was interrupted", part=self._part, error=type(error).__name__)
                    sleep(1)
        self.consuming = False

    def stop(self) -> None:
        """Takes nothing more."""
        self.should_stop = True

    def acknowledge(self, message: Message) -> None:
        """Acks; where the connection is gone the broker has the message again already, and the inbox knows it."""
        self._finish(message, message.ack)

    def give_back(self, message: Message) -> None:
        """Returns a message to its queue."""
        self._finish(message, message.requeue)

    def _finish(self, message: Message, how: Callable[[], None]) -> None:
        try:
            how()
        except (*self.connection.connection_errors, AMQPError, OSError, AttributeError):
            # py-amqp's closed channel has no connection: AttributeError
            log.info("the broker has this message again", part=self._part)
        finally:
            self._held.discard(id(message))
