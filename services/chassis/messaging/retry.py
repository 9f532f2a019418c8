"""Retries: what happens to a message whose handler failed with an error is decided here.

There are two kinds of error. A permanent error sends the message to the dead letters at once. After any other
error it is delivered again after 1 s, 5 s, 30 s and then every 5 min, and goes to the dead letters after the
last attempt. A database that is away is not a fault of the message: its consumer gives the message back and
waits (``event_consumers.py``).

The delayed copy has the routing key by which the delay queue's dead-lettering returns it to this consumer
alone. ``x-death`` starts again at each republish, so attempts are counted in a header of our own. The copy is
confirmed, on a connection of its own, before the original is acknowledged. It carries no header of the
broker: a copy with the deliveries of its original would count as a message that kills its process. Where the
broker takes no copy, the original goes back to its queue after a pause.

Three limits stand elsewhere. A message that kills its process (`poison_messages.STARTS`) raises a permanent
error. An event whose handling loses the connection to a sound database again and again
(`event_batches.MOST_LOSSES`) has failed once, as by any other error. The broker itself sends a message that
it has delivered too often (`topology.DELIVERY_LIMIT`) to the dead letters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kombu import Producer
from kombu.transport.pyamqp import Message

from contracts.envelope import UnreadableEvent
from services.chassis.messaging.broker import NOT_PUBLISHED, PublishingConnection, user_of
from services.chassis.messaging.senders import ForgedMessage
from services.chassis.messaging.topology import DEAD_EXCHANGE, delay_name
from services.chassis.runtime import metrics
from services.chassis.runtime.backoff import retrying
from services.chassis.runtime.clock import now

ATTEMPTS = "x-epass-attempts"
ERROR = "x-epass-error"
FAILED_AT = "x-epass-failed-at"
QUEUE = "x-epass-queue"
COPIED = ("message_id", "type", "correlation_id", "timestamp", "reply_to")
"""Properties that the copy of a message takes over."""
OUR_HEADERS = "x-epass-"
"""The prefix of the headers that a copy takes over.

The broker's own would count for the copy, and ``CC`` would send it to another queue, too.
"""
RETRY_SECONDS = 3.0
"""How long publishing a copy is tried; then the original goes back to its queue."""
LONGEST_RETURN = 300.0
"""Seconds before the original goes back at most."""


class PermanentError(Exception):
    """Another attempt cannot help."""


@dataclass(frozen=True)
class Redelivery:
    """The decision to deliver a message again, after the delay of this step."""

    step: int


@dataclass(frozen=True)
class Dead:
    """The decision to send a message to the dead letters, for this reason."""

    reason: str


def decide(error: BaseException, earlier_failures: int, steps: int, limit: int) -> Redelivery | Dead:
    """Return what to do with a message after a failure.

    Args:
        earlier_failures: how often this consumer failed with this message before.
        steps: the number of delays; the last one is used again and again.
        limit: the number of attempts after which the message goes to the dead letters.
    """
    if isinstance(error, ForgedMessage):
        return Dead("forged")
    if isinstance(error, UnreadableEvent):
        return Dead("unreadable")
    if isinstance(error, PermanentError):
        return Dead("permanent")
    if earlier_failures + 1 >= limit:
        return Dead("attempts")
    return Redelivery(min(earlier_failures, steps - 1))


def return_pause(earlier_deliveries: int) -> float:
    """Return the seconds to wait before a message goes back to its queue because its copy was not published.

    The broker drops a message that was delivered more often than its queue allows. With these pauses that
    takes more than an hour of a broker that delivers, but takes no copy.
    """
    return min(2.0**earlier_deliveries, LONGEST_RETURN)


class FailedMessagePublisher:
    """Publisher of confirmed copies of failed messages, to the delay queues and the dead letters."""

    def __init__(self, urls: Sequence[str], steps: int, limit: int) -> None:
        self._steps = steps
        self._limit = limit
        self._connection = PublishingConnection(urls, confirm=True)
        self._user = user_of(urls)

    def publish_copy(
        self, queue: str, message: Message, error: BaseException, body: bytes | None = None
    ) -> None:
        """Publish a copy to where the error sends the message. The caller then acknowledges the original.

        Args:
            queue: where the message was.
            body: the part of the message that failed, if it was not the whole.

        Raises:
            one of NOT_PUBLISHED: the broker did not confirm; the original must not be acknowledged.
        """
        earlier = message.headers or {}
        count = earlier.get(ATTEMPTS, 0)
        earlier_failures = count if isinstance(count, int) else 0
        headers = {
            **{key: value for key, value in earlier.items() if key.startswith(OUR_HEADERS)},
            ATTEMPTS: earlier_failures + 1,
            ERROR: type(error).__name__,
            FAILED_AT: now().isoformat(),
            QUEUE: queue,
        }
        decision = decide(error, earlier_failures, self._steps, self._limit)
        if isinstance(decision, Redelivery):
            self._publish(delay_name(decision.step), queue, message, headers, body)
            metrics.RETRIES.labels(queue).inc()
        else:
            self._publish(DEAD_EXCHANGE, f"{queue}.dead", message, headers, body)
            metrics.DEAD_LETTERED.labels(queue, decision.reason).inc()

    def publish_fresh(self, queue: str, message: Message) -> None:
        """Publish a copy that comes back to the queue after the shortest delay, as if never delivered before.

        This is no attempt. The caller then acknowledges the original.

        Raises:
            one of NOT_PUBLISHED: the broker did not confirm; the original must not be acknowledged.
        """
        headers = {
            key: value for key, value in (message.headers or {}).items() if key.startswith(OUR_HEADERS)
        }
        self._publish(delay_name(0), queue, message, headers, None)

    def _publish(
        self, exchange: str, key: str, message: Message, headers: dict[str, object], part: bytes | None
    ) -> None:
        properties = {name: value for name, value in message.properties.items() if name in COPIED}
        body = message.body if part is None else part
        for attempt in retrying(NOT_PUBLISHED, RETRY_SECONDS):
            with attempt, self._connection.channel() as channel:
                Producer(channel, auto_declare=False).publish(
                    body,
                    exchange=exchange,
                    routing_key=key,
                    mandatory=True,
                    headers=headers,
                    content_type=message.content_type or "application/octet-stream",
                    content_encoding="binary"
                    if isinstance(body, bytes)
                    else (message.content_encoding or "utf-8"),
                    delivery_mode=2,
                    timeout=5,
                    confirm_timeout=5,
                    user_id=self._user,
                    **properties,
                )
