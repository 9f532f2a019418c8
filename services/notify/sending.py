"""One round of sending: lease a few messages, hand each to its channel, record at once what became of it.

The lease and each record are short transactions of their own; the channel is called while none is open. A sender that is
killed leaves behind at most one try of each thread of which nobody knows whether it succeeded.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from services.chassis.db.database import Database
from services.chassis.runtime import logs, metrics
from services.chassis.runtime.clock import now
from services.chassis.runtime.lifecycle import Stopping
from services.chassis.runtime.settings import Settings
from services.notify import leases
from services.notify.channels import Outgoing, PermanentChannelError, TemporaryChannelError
from services.notify.channels.configured import Channels
from services.notify.domain import Delivered, Failed, Lane, Outcome, Untried, after_a_temporary_error, is_late
from services.notify.leases import Leased, Settled
from services.notify.wording import Unrenderable, templates

log = logs.logger(__name__)
T = TypeVar("T")
WAIT_SECONDS = 1.0
"""Between two tries to reach the database."""
BATCH_SECONDS = 0.25
"""What one round should take: short, so that other threads and senders can help."""
EVERY_LANE: tuple[Lane, ...] = ("otp", "normal")


class Pace:
    """How many messages to lease at once: about as many as can be sent in ``BATCH_SECONDS``; one where the vendor is slow."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = 1

    def learn(self, sent: int, seconds: float) -> None:
        """Adapts to how many the last batch sent, in which time; never more than doubles."""
        fits = int(sent * BATCH_SECONDS / max(seconds, 0.001))
        self.size = max(1, min(fits, self.size * 2, self._most))


class Sender:
    """Leases, sends and records; each of its threads calls :meth:`send_due` again and again.

    Args:
        database: notify's own.
        channels: by name; a message whose channel is missing fails as ``no_channel``.
        options: batch, lease, delays between tries and how many there are.
        stop: when it is set, what was leased and not tried is given back.
        clock: tells the time.
    """

    def __init__(
        self,
        database: Database,
        channels: Channels,
        options: Settings,
        stop: threading.Event,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._channels = channels
        self._options = options
        self._stop = stop
        self._now = clock

    def send_due(self, lanes: Sequence[Lane] = EVERY_LANE, limit: int | None = None) -> list[Settled]:
        """Sends what is due in the first of the lanes that has something.

        Returns:
            What was leased, with what became of it; empty where nothing is due.

        Raises:
            Stopping: the process stops while the database is away.
        """
        batch = self._lease(lanes, limit or self._options.sender_batch)
        if not batch:
            return []
        results = self._attempt_each(batch)
        for message, outcome in results:
            _count(message, outcome, self._now())
        return results

    def _lease(self, lanes: Sequence[Lane], limit: int) -> list[Leased]:
        for lane in lanes:
            batch = self._when_database_answers(lambda session, lane=lane: self._take(session, lane, limit))  # type: ignore[misc]
            if batch:
                return batch
        return []

    def _take(self, session: Session, lane: Lane, limit: int) -> list[Leased]:
        at = self._now()
        return leases.take(session, lane, limit, at, at + timedelta(seconds=self._options.sender_lease))

    def _attempt_each(self, batch: Sequence[Leased]) -> list[Settled]:
        """Tries one after the other; when that takes too long the rest is given back, well before the lease ends."""
        until = monotonic() + 2 * BATCH_SECONDS
        tried: list[Settled] = []
        for message in batch:
            if self._stop.is_set() or monotonic() >= until:
                break
            tried.append((message, self._attempt(message)))
            self._record(tried[-1:])
        rest: list[Settled] = [(message, Untried()) for message in batch[len(tried) :]]
        if rest:
            self._record(rest)
        return tried + rest

    def _record(self, results: Sequence[Settled]) -> None:
        self._when_database_answers(lambda session: leases.settle(session, results, self._now()))

    def _attempt(self, message: Leased) -> Outcome:
        at, options = self._now(), self._options
        if is_late(message.expires_at, at):
            return Failed("expired")
        if message.attempts > options.attempts:
            return Failed("attempts")
        try:
            return self._send(message)
        except PermanentChannelError as error:
            return Failed(error.reason)
        except TemporaryChannelError as error:
            return after_a_temporary_error(
                error.reason,
                message.attempts,
                self._now(),
                message.expires_at,
                options.retry_delays,
                options.attempts,
                may_have_arrived=error.may_have_arrived,
            )

    def _send(self, message: Leased) -> Delivered:
        channel = self._channels.get(message.channel)
        if channel is None:
            raise PermanentChannelError("no_channel")
        if message.personal is None:
            raise PermanentChannelError("unreadable")
        template = templates()[message.purpose, message.language]
        try:
            text = template.render(message.personal.parameters)
        except Unrenderable:
            raise PermanentChannelError("template") from None
        outgoing = Outgoing(
            message.id, message.purpose, message.channel, message.language, message.personal, template, text
        )
        return Delivered(channel.send(outgoing).provider_id)

    def _when_database_answers(self, work: Callable[[Session], T]) -> T:
        """Does the work in one transaction, again and again while the database cannot."""
        while True:
            try:
                with self._database.transaction() as session:
                    return work(session)
            except (OperationalError, InterfaceError, PoolTimeout) as error:
                log.warning("sender waits for its database", error=type(error).__name__)
            if self._stop.wait(WAIT_SECONDS):
                raise Stopping


def _count(message: Leased, outcome: Outcome, at: datetime) -> None:
    what = type(outcome).__name__.lower()
    metrics.MESSAGES.labels(message.purpose, message.channel, what).inc()
    if isinstance(outcome, Delivered):
        metrics.MESSAGE_AGE.labels(message.lane).observe(max((at - message.created_at).total_seconds(), 0))
    elif not isinstance(outcome, Untried):
        with logs.context(correlation_id=message.correlation_id):
            log.warning("message was not sent", message_id=str(message.id), purpose=message.purpose, channel=message.channel,
                        attempt=message.attempts, outcome=what, reason=outcome.reason)  # fmt: skip
