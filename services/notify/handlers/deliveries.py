"""One round of delivery: lease a few messages, hand each to its channel, record each outcome at once.

The lease is one statement, and each record a short transaction; the channel is called while none is open. A
sender that is killed leaves at most one try of each thread whose outcome is unknown. Messages to the local
phone are recorded together: nothing has happened to them before.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from time import monotonic, perf_counter
from typing import TypeVar

from sqlalchemy.orm import Session

from services.chassis.db.availability import run_when_available
from services.chassis.db.database import Database
from services.chassis.runtime import clock, logs, tracing
from services.notify.adapters.channels import Outgoing, PermanentChannelError, TemporaryChannelError
from services.notify.adapters.channels.installed import Channels
from services.notify.domain import templates
from services.notify.domain.messages import Lane
from services.notify.domain.outcomes import (
    Delivered,
    Failed,
    Later,
    Outcome,
    Untried,
    after_temporary_error,
    is_late,
)
from services.notify.handlers import leases
from services.notify.handlers.leases import Leased, Settled
from services.notify.metrics import MESSAGE_AGE, MESSAGES, PROVIDER_SECONDS
from services.notify.settings import SenderSettings

log = logs.logger(__name__)
T = TypeVar("T")
BATCH_SECONDS = 0.25
"""Target duration of one round: short, so that other threads and senders can help."""
EVERY_LANE: tuple[Lane, ...] = ("otp", "normal")


class BatchSize:
    """How many messages to lease at once: at least one, else what a thread sends in ``BATCH_SECONDS``."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = 1

    def adapt(self, sent: int, seconds: float) -> None:
        """Adapt the size to the throughput of the last batch; it never more than doubles."""
        fits = int(sent * BATCH_SECONDS / max(seconds, 0.001))
        self.size = max(1, min(fits, self.size * 2, self._most))


class Sender:
    """Deliverer of messages; each thread of the process calls :meth:`send_due` in a loop.

    Args:
        database: notify's own.
        channels: by name; a message whose channel is missing fails as ``no_channel``.
        options: batch, lease, delays between tries, and how many may reach the recipient.
        stop: when it is set, messages that were leased and not tried are returned.
        now: returns the current time, which decides what has expired.
    """

    def __init__(
        self,
        database: Database,
        channels: Channels,
        options: SenderSettings,
        stop: threading.Event,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._database = database
        self._channels = channels
        self._options = options
        self._stop = stop
        self._now = now
        for channel in channels:
            for result in ("ok", "unreachable"):
                PROVIDER_SECONDS.labels(channel, result)

    def send_due(self, lanes: Sequence[Lane] = EVERY_LANE, limit: int | None = None) -> list[Settled]:
        """Lease what is due in the first lane that has due messages, and send it.

        Returns:
            The leased messages with their outcomes; an empty list if nothing is due.

        Raises:
            Stopping: the process stops while the database is away.
        """
        return self.send(self.lease(lanes, limit or self._options.sender_batch))

    def lease(self, lanes: Sequence[Lane], limit: int) -> list[Leased]:
        """Lease what is due in the first lane that has due messages.

        Raises:
            Stopping: the process stops while the database is away.
        """

        def work(session: Session) -> list[Leased]:
            return leases.take(session, lanes, limit, self._options.sender_lease)

        return self._when_available(work, as_query=True)

    def send(self, batch: Sequence[Leased]) -> list[Settled]:
        """Try each message in turn; if that takes too long, return the rest well before their lease ends.

        Raises:
            Stopping: the process stops while the database is away.
        """
        until = monotonic() + 2 * BATCH_SECONDS
        recorded: list[Settled] = []
        together: list[Settled] = []
        for message in batch:
            if self._stop.is_set() or monotonic() >= until:
                break
            if together and message.channel != together[-1][0].channel:  # that channel may take seconds
                recorded += self._record(together)
                together = []
            with _span(message) as span:
                outcome = self._attempt(message)
                if isinstance(outcome, Failed | Later):
                    span.fail(outcome.reason)
            if span.traceparent != message.traceparent:
                message = replace(message, traceparent=span.traceparent)  # noqa: PLW2901  its outcome is caused by the try
            together.append((message, outcome))
            if not isinstance(outcome, Delivered) or outcome.phone_row is None:
                recorded += self._record(together)
                together = []
        rest = batch[len(recorded) + len(together) :]
        return recorded + self._record([*together, *((message, Untried()) for message in rest)])

    def _record(self, results: list[Settled]) -> list[Settled]:
        if results:
            self._when_available(lambda session: leases.settle(session, results, self._now()))
        for message, outcome in results:
            _count(message, outcome, self._now())
        return results

    def _attempt(self, message: Leased) -> Outcome:
        options = self._options
        if is_late(message.expires_at, self._now()):
            return Failed("expired")
        if message.possible_duplicates >= options.attempts:
            return Failed("attempts")
        try:
            return self._send(message)
        except PermanentChannelError as error:
            return Failed(error.reason)
        except TemporaryChannelError as error:
            return after_temporary_error(
                error.reason,
                message.attempts,
                self._now(),
                message.created_at,
                message.expires_at,
                options.retry_delays,
                options.attempts,
                uncertain=message.possible_duplicates,
                may_have_arrived=error.may_have_arrived,
            )

    def _send(self, message: Leased) -> Delivered:
        channel = self._channels.get(message.channel)
        if channel is None:
            raise PermanentChannelError("no_channel")
        if message.personal is None:
            raise PermanentChannelError("unreadable")
        template = templates.find(message.purpose, message.language)
        # A message that an earlier version stored has no link where its template has one now.
        parameters = {"url": self._options.public_url, **message.personal.parameters}
        personal = replace(message.personal, parameters=parameters)
        try:
            text = template.render(parameters)
        except templates.Unrenderable:
            raise PermanentChannelError("template") from None
        outgoing = Outgoing(
            message.id, message.purpose, message.channel, message.language, personal, template, text
        )
        began, result = perf_counter(), "fault"
        try:
            receipt = channel.send(outgoing)
            result = "ok"
        except (TemporaryChannelError, PermanentChannelError) as error:
            result = error.reason
            raise
        finally:
            PROVIDER_SECONDS.labels(message.channel, result).observe(perf_counter() - began)
        return Delivered(receipt.provider_id, receipt.phone_row)

    def _when_available(self, work: Callable[[Session], T], *, as_query: bool = False) -> T:
        return run_when_available(
            self._database,
            work,
            part="sender",
            also_when_busy=True,
            as_query=as_query,
            stop=self._stop,
        )


def _span(message: Leased) -> tracing.Span:
    about = {"epass.message.channel": message.channel, "epass.message.attempt": message.attempts}
    return tracing.Span("CLIENT", f"send {message.purpose}", message.traceparent, about)


def _count(message: Leased, outcome: Outcome, now: datetime) -> None:
    """Record an outcome in the metrics, and log a try that did not succeed."""
    name = type(outcome).__name__.lower()
    MESSAGES.labels(message.purpose, message.channel, name).inc()
    if isinstance(outcome, Delivered):
        MESSAGE_AGE.labels(message.lane).observe(max((now - message.created_at).total_seconds(), 0))
    elif not isinstance(outcome, Untried):
        with logs.context(correlation_id=message.correlation_id, traceparent=message.traceparent):
            log.warning(
                "message was not sent",
                message_id=str(message.id),
                purpose=message.purpose,
                channel=message.channel,
                attempt=message.attempts,
                outcome=name,
                reason=outcome.reason,
            )
