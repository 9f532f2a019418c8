"""The event queues of a container: consumed from over one connection, and each message settled once.

A message is acknowledged when all its events are settled. `settle_failed` moves an event that failed as
``retry.py`` decides. While the database is away, nothing is held for longer than some seconds: the consumers
are cancelled, and messages wait in their queues (`EventConsumers.suspend`).
"""

import functools
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from kombu.transport.pyamqp import Message
from nameko.extensions import ProviderCollector, SharedExtension

from services.chassis.db.availability import StillAway
from services.chassis.db.providers import process
from services.chassis.messaging.broker import NOT_PUBLISHED
from services.chassis.messaging.event_batches import EventMessage
from services.chassis.messaging.poison_messages import AFTER_DELIVERIES
from services.chassis.messaging.queue_reader import QueueReader
from services.chassis.messaging.retry import FailedMessagePublisher, return_pause
from services.chassis.messaging.senders import ForgedMessage, require_sender, senders_of_events
from services.chassis.messaging.signatures import EventKeys
from services.chassis.messaging.topology import DELIVERY_COUNT
from services.chassis.runtime import logs, metrics
from services.chassis.runtime.backoff import Backoff
from services.chassis.runtime.lifecycle import Stopping, pause

log = logs.logger(__name__)


class EventConsumers(SharedExtension, ProviderCollector):
    """All event queues of one container, over one connection."""

    is_suspended = False
    """Whether the consumers are cancelled, until the database can be used again."""

    def setup(self) -> None:
        """Prepare the publisher of failed messages."""
        settings = process().settings
        self.failed_messages = FailedMessagePublisher(
            settings.broker_urls, len(settings.retry_delays), settings.attempts
        )
        self.event_keys = EventKeys(settings.event_keys)
        self.poison_lock = threading.Lock()
        self.reader: Any = None
        self._thread: Any = None

    def start(self) -> None:
        """Consume on a thread of the container. All entrypoints are registered by now."""
        settings = process().settings
        by_queue = {provider.queue: provider for provider in self._providers}
        for queue in by_queue:
            metrics.initialise_consumer(queue)
        metrics.PAUSED.labels(self.container.service_cls.service)
        self.reader = QueueReader(
            settings.broker_urls,
            list(by_queue),
            lambda queue, message: by_queue[queue].receive(message),
            settings.prefetch,
            self.container.service_name,
            settings.broker_heartbeat,
            self._forget,
        )
        process().health.checks[self.container.service_name] = lambda: self.reader.consuming
        self._thread = self.container.spawn_managed_thread(self.reader.run)

    def _forget(self) -> None:
        for provider in self._providers:
            provider.forget()

    def settle(self, messages: Iterable[EventMessage], return_after: float | None = None) -> None:
        """Settle one event of each message; acknowledge or return those messages that are settled whole.

        Args:
            messages: a message stands here as often as it has events to settle.
            return_after: seconds after which the messages go back to their queue.
        """
        done = []
        for message in messages:
            message.unsettled -= 1
            if return_after is not None:
                message.return_after = max(return_after, message.return_after or 0)
            if message.unsettled:
                continue
            if message.return_after is None:
                done.append(message.message)
            elif message.return_after:
                self._give_back_after(message.return_after, message.message)
            else:
                self.give_back(message)
        if done:
            self.reader.acknowledge_all(done)

    def give_back(self, message: EventMessage) -> None:
        """Return a message to its queue.

        The broker counts that as a delivery. While the database is away that must not make a message one that
        was delivered often, so then a copy with a new count takes its place.
        """
        earlier = earlier_deliveries(message.message)
        if self.is_suspended and earlier + 1 >= AFTER_DELIVERIES:
            copy = functools.partial(self._replace, message)
            self.container.spawn_managed_thread(copy, identifier="give back")
        else:
            self.reader.give_back(message.message)

    def _replace(self, message: EventMessage) -> None:
        try:
            self.require_sender(message)
            self.failed_messages.publish_fresh(message.queue, message.message)
        except ForgedMessage as error:  # a copy would count as the service's own
            settle_failed(self, message.queue, message, body_of(message.message), error)
        except NOT_PUBLISHED:
            self.reader.give_back(message.message)
        else:
            self.reader.acknowledge(message.message)

    def require_sender(self, message: EventMessage) -> None:
        """Check who sent a message.

        Raises:
            ForgedMessage: somebody else than who may send events to this service.
        """
        require_sender(message.message.properties, senders_of_events(self.container.service_cls.service))

    def suspend(self) -> None:
        """Return all messages, and consume nothing until the database can be used: it may be away for hours.

        Those that a consumer holds the broker would deliver again after its `consumer_timeout`, and count
        each time.
        """
        if not self.is_suspended:
            self.is_suspended = True
            self.reader.suspend()  # before anything goes back, which would be delivered here again
            self.container.spawn_managed_thread(self._wait_for_database, identifier="wait for the database")

    def _wait_for_database(self) -> None:
        database, backoff = process().database, Backoff()
        with metrics.PAUSED.labels(self.container.service_cls.service).track_inprogress(), suppress(Stopping):
            for provider in self._providers:
                provider.give_back()
            log.warning("consumers are cancelled until their database can be used")
            while not database.is_available():
                pause(backoff.next_pause())
            self.is_suspended = False
            self.reader.resume()

    def _give_back_after(self, seconds: float, message: Message) -> None:
        """Return a message to its queue after a pause, at once when the process stops."""
        message.body = b""  # its tag is enough to return it

        def wait() -> None:
            with suppress(Stopping):
                pause(seconds)
            self.reader.give_back(message)

        self.container.spawn_managed_thread(wait, identifier="give back")

    def unregister_provider(self, provider: Any) -> None:
        """Stop consuming when the first entrypoint stops, and wait until the work in hand is done."""
        if self.reader is not None and self._thread is not None:
            self.reader.stop()
            self._thread.wait()
        super().unregister_provider(provider)

    def kill(self) -> None:
        """Take no more messages."""
        if self.reader is not None:
            self.reader.stop()


def settle_failed(
    consumers: EventConsumers, queue: str, message: EventMessage, body: bytes, error: BaseException
) -> str:
    """Move an event of a message, or give the message back. Return the outcome in one word."""
    if isinstance(error, StillAway):
        consumers.suspend()
    if isinstance(error, (Stopping, StillAway)):
        consumers.settle([message], return_after=0)
        return "returned"
    log.error("event was not handled", queue=queue, exc_info=error)
    try:
        consumers.failed_messages.publish_copy(queue, message.message, error, body)
    except NOT_PUBLISHED as fault:
        seconds = return_pause(earlier_deliveries(message.message))
        log.warning("message could not be moved and goes back", error=type(fault).__name__, seconds=seconds)
        consumers.settle([message], return_after=seconds)
        return "returned"
    consumers.settle([message])
    return "failed"


def body_of(message: Message) -> bytes:
    """Return the body of a message as bytes."""
    return message.body if isinstance(message.body, bytes) else str(message.body).encode()


def earlier_deliveries(message: Message) -> int:
    """Return how often the broker has delivered a message before, as it says."""
    count = (message.headers or {}).get(DELIVERY_COUNT, 0)
    return count if isinstance(count, int) else 0
