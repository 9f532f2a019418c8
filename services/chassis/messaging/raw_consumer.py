"""How nameko consumes here: raw bytes (never decoded, and so never logged, by kombu), no declarations, all nodes.

A queue that is not there yet, or a broker that is away, is waited for; the process is not ready meanwhile.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

from amqp.exceptions import AMQPError
from kombu import Connection, Consumer, Queue
from kombu.exceptions import OperationalError
from kombu.mixins import ConsumerMixin
from kombu.transport.pyamqp import Message

from services.chassis.messaging.backoff import Backoff
from services.chassis.messaging.broker import NOT_PUBLISHED, kombu_connection, open_to_any_node
from services.chassis.runtime import metrics
from services.chassis.runtime.logs import logger

log = logger(__name__)
DRAIN_SECONDS = 20
OnMessage = Callable[[str, Message], None]
"""Called with the queue's name and the undecoded message."""


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
        self.connection = kombu_connection(urls, heartbeat)
        self._backoff = Backoff()
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
        """Open a connection to a node that answers; `run` decides when to try again."""
        with self.create_connection() as fresh:
            open_to_any_node(fresh)
            yield fresh

    def on_consume_ready(self, *_args: Any, **_kwargs: Any) -> None:
        """All consumers are registered with the broker."""
        self.consuming = True
        self._backoff.reset()
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

    def on_connection_revived(self) -> None:
        """There is a connection again."""
        metrics.count_connection(self._part)

    def run(self, _tokens: int = 1, **kwargs: Any) -> None:
        """Consume until `stop` is called. Connect again after any fault of the broker, also a queue that is missing."""
        while not self.should_stop:
            try:
                for _ in self.consume(limit=None, **kwargs):
                    pass
            except (OperationalError, AMQPError, OSError) as error:
                self.consuming = False
                if not self.should_stop:
                    log.warning("consuming was interrupted", part=self._part, error=type(error).__name__)
                    sleep(self._backoff.next_pause())
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
        except NOT_PUBLISHED:
            log.info("the broker has this message again", part=self._part)
        finally:
            self._held.discard(id(message))
