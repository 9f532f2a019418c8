"""What happens to a message whose handler failed. Decided here and nowhere else.

Two kinds of error: a permanent one goes to the dead letters at once; anything else is delivered again after 1 s, 5 s,
30 s and then every 5 min, and goes to the dead letters after the last attempt. A database that is away is no fault of
the message and never comes here: its consumer waits (``events.py``).

The delayed copy keeps the routing key by which the delay queue's dead-lettering brings it back to this consumer alone.
``x-death`` starts again at a republish, so attempts are counted in a header of our own. The copy is confirmed, on a
connection of its own, before the original is acknowledged.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from kombu import Connection, Producer
from kombu.transport.pyamqp import Message

from contracts.envelope import UnreadableEvent
from services.chassis.messaging.raw_consumer import connection
from services.chassis.messaging.topology import DEAD_EXCHANGE, delay_name
from services.chassis.runtime import metrics
from services.chassis.runtime.clock import now

ATTEMPTS = "x-epass-attempts"
ERROR = "x-epass-error"
FAILED_AT = "x-epass-failed-at"
QUEUE = "x-epass-queue"


class PermanentError(Exception):
    """Trying again cannot help."""


@dataclass(frozen=True)
class Later:
    """Deliver again after the delay of this step."""

    step: int


@dataclass(frozen=True)
class Dead:
    """To the dead letters, for this reason."""

    reason: str


def attempts_of(message: Message) -> int:
    """How often this consumer failed with this message before."""
    value = (message.headers or {}).get(ATTEMPTS, 0)
    return value if isinstance(value, int) else 0


def decide(error: BaseException, attempts: int, steps: int, limit: int) -> Later | Dead:
    """What to do after the ``attempts + 1``-th failure."""
    if isinstance(error, UnreadableEvent):
        return Dead("unreadable")
    if isinstance(error, PermanentError):
        return Dead("permanent")
    if attempts + 1 >= limit:
        return Dead("attempts")
    return Later(min(attempts, steps - 1))


class Mover:
    """Publishes copies to the delay queues and the dead letters, each confirmed."""

    def __init__(self, urls: Sequence[str], steps: int, limit: int) -> None:
        self._urls = urls
        self._steps = steps
        self._limit = limit
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def move(self, queue: str, message: Message, error: BaseException) -> None:
        """Moves a message to where its error sends it. The caller acknowledges the original afterwards.

        Raises:
            kombu.exceptions.OperationalError: the broker did not confirm; the original must not be acknowledged.
        """
        attempts = attempts_of(message)
        decision = decide(error, attempts, self._steps, self._limit)
        headers = {
            **{
                key: value
                for key, value in (message.headers or {}).items()
                if not key.startswith(("x-death", "x-first-death", "x-last-death"))
            },
            ATTEMPTS: attempts + 1,
            ERROR: type(error).__name__,
            FAILED_AT: now().isoformat(),
            QUEUE: queue,
        }
        if isinstance(decision, Later):
            self._publish(delay_name(decision.step), queue, message, headers)
            metrics.RETRIES.labels(queue).inc()
        else:
            self._publish(DEAD_EXCHANGE, f"{queue}.dead", message, headers)
            metrics.DEAD_LETTERED.labels(queue, decision.reason).inc()

    def _publish(self, exchange: str, key: str, message: Message, headers: dict[str, object]) -> None:
        kept = ("message_id", "type", "correlation_id", "timestamp", "reply_to")
        properties = {name: value for name, value in message.properties.items() if name in kept}
        with self._lock:
            if self._connection is None:
                self._connection = connection(self._urls)
            try:
                self._connection.ensure_connection(max_retries=2, interval_start=0.2, timeout=3)
                Producer(self._connection.default_channel, auto_declare=False).publish(
                    message.body,
                    exchange=exchange,
                    routing_key=key,
                    mandatory=True,
                    headers=headers,
                    content_type=message.content_type or "application/octet-stream",
                    content_encoding="binary"
                    if isinstance(message.body, bytes)
                    else (message.content_encoding or "utf-8"),
                    delivery_mode=2,
                    timeout=5,
                    confirm_timeout=5,
                    **properties,
                )
            except BaseException:  # also a killed thread: what it left half written is not used again
                broken, self._connection = self._connection, None
                broken.collapse()
                raise

    def close(self) -> None:
        """Closes the connection."""
        if self._connection is not None:
            self._connection.release()
