"""One round of delivery: lease a few messages, hand each to its channel, record each outcome at once.

The lease is one statement, and each record a short transaction; the channel is called while none is open. A
sender that is killed leaves at most one try of each thread whose outcome is unknown. Messages to the local
phone are recorded together: nothing has happened to them before.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeVar, get_args
from uuid import UUID

from sqlalchemy.orm import Session

from contracts.model import DeliverBy
from services.chassis.db.availability import run_when_available
from services.chassis.db.database import Database
from services.chassis.runtime import clock, logs, tracing
from services.chassis.runtime.clock import monotonic
from services.notify.adapters.channels import (
    SEND_SECONDS,
    Channel,
    Deadline,
    Outgoing,
    PermanentChannelError,
    Receipt,
    ReportService,
    TemporaryChannelError,
)
from services.notify.adapters.channels.faults import contained
from services.notify.adapters.channels.installed import Channels, ReportServices
from services.notify.domain import breakers, templates
from services.notify.domain.breakers import Breaker
from services.notify.domain.chains import PURPOSES, Ending, next_channel
from services.notify.domain.messages import Lane
from services.notify.domain.outcomes import (
    LONGEST_PAUSE,
    Delivered,
    Failed,
    Later,
    Outcome,
    Postponed,
    Untried,
    after_temporary_error,
    end_of,
    is_late,
)
from services.notify.domain.quotas import Limits
from services.notify.handlers import chains, leases, quotas, receipts, status_polls
from services.notify.handlers.leases import CHANNELS, Leased, Settled
from services.notify.handlers.policies import policy_of
from services.notify.metrics import (
    BREAKER,
    CHAINS_ENDED,
    MESSAGE_AGE,
    MESSAGES,
    PARTS,
    PROVIDER_SECONDS,
    QUOTA,
    QUOTA_LEFT,
    RECEIPTS_EXPECTED,
    REPEATS,
)
from services.notify.settings import SenderSettings

log = logs.logger(__name__)
T = TypeVar("T")
BATCH_SECONDS = 0.25
"""Target duration of one round: short, so that other threads and senders can help."""
QUOTA_PAUSE = timedelta(minutes=10)
"""So long a message waits that no other channel can carry, while the vendor's day is used up."""
BREAKER_PAUSE = timedelta(seconds=breakers.PAUSE)
LONGEST_CODE_DELAY = 30.0
_BREAKER_VALUES = {"closed": 0, "half_open": 1, "open": 2}
EVERY_LANE: tuple[Lane, ...] = ("otp", "normal", "bulk")


class BatchSize:
    """How many messages to lease at once: at least one, else what a thread sends in ``BATCH_SECONDS``."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = 1

    def adapt(self, sent: int, seconds: float) -> None:
        """Adapt the size to the throughput of the last batch; it never more than doubles."""
        fits = int(sent * BATCH_SECONDS / max(seconds, 0.001))
        self.size = max(1, min(fits, self.size * 2, self._most))


class NoChannel:
    """What serves the channels for which no vendor is set: another channel may reach the person."""

    name = "none"
    gives_receipts = False

    def send(self, _message: Outgoing) -> Receipt:
        """Refuse the message."""
        raise PermanentChannelError("no_channel")


@dataclass
class Provider:
    """A vendor in this process: the channels that it serves, its limits, and its breaker."""

    name: str
    channels: list[DeliverBy]
    limits: Limits
    breaker: Breaker = field(default_factory=Breaker)
    today: int | None = None
    """How many messages of its day are left, as far as this process knows."""


class Sender:
    """Deliverer of messages. Each thread of the process leases some of one vendor, and sends them.

    Each vendor has its own breaker and its own limits, so one that is slow or away delays nobody else.

    Args:
        channels: by name; a message whose channel is missing fails as ``no_channel``.
        options: batch, lease, delays between tries, and how many may reach the recipient.
        stop: when it is set, messages that were leased and not tried are returned.
        now: returns the current time. What has expired is decided by the database's clock.
        reports: the vendors that are asked what became of their messages.
        monotonic: returns seconds, by which breakers wait.
    """

    def __init__(
        self,
        database: Database,
        channels: Channels,
        options: SenderSettings,
        stop: threading.Event,
        now: Callable[[], datetime] = clock.now,
        reports: ReportServices = MappingProxyType({}),
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        self.reports = reports
        self._database = database
        self._options = options
        self._policy = policy_of(options, channels)
        self._stop = stop
        self._now = now
        self._send_seconds = min(SEND_SECONDS, options.sender_lease / 2)
        self._monotonic = monotonic
        self._all: dict[DeliverBy, Channel] = {name: channels.get(name, NoChannel()) for name in CHANNELS}
        self.providers: dict[str, Provider] = {}
        for channel, vendor in self._all.items():
            is_vendor = vendor.name not in ("local", NoChannel.name)
            limits = self._policy.limits.get(channel, Limits()) if is_vendor else Limits()
            provider = self.providers.setdefault(vendor.name, Provider(vendor.name, [], limits))
            provider.channels.append(channel)
            if provider.limits.per_day is not None:
                QUOTA.labels(vendor.name).set(provider.limits.per_day)
            if vendor.gives_receipts:
                RECEIPTS_EXPECTED.labels(vendor.name)
        for purpose in PURPOSES:
            for ending in get_args(Ending):
                CHAINS_ENDED.labels(purpose, ending)
        for channel in channels:
            REPEATS.labels(channel)
            for result in ("ok", "unreachable"):
                PROVIDER_SECONDS.labels(channel, result)

    def lease(self, lanes: Sequence[Lane], limit: int, provider: Provider) -> list[Leased]:
        """Lease what is due at a vendor in the first lane that has due messages, as far as it may have them.

        Raises:
            Stopping: the process stops while the database is away.
        """
        permit = provider.breaker.may_send(self._monotonic(), limit)
        may_send = permit.number
        BREAKER.labels(provider.name).set(_BREAKER_VALUES[provider.breaker.state(self._monotonic())])
        if not may_send and "otp" not in lanes:
            return []
        if not may_send:
            # Somebody waits for a code: it goes on to another channel, and does not wait for the vendor.
            lanes, may_send = ("otp",), limit

        def work(session: Session) -> list[Leased]:
            seconds, gap = self._options.sender_lease, provider.limits.per_recipient
            if not provider.limits.counts:
                return leases.take(session, lanes, may_send, seconds, provider.channels)
            allowed = quotas.reserve(
                session, provider.name, provider.limits, may_send, urgent="normal" not in lanes
            )
            provider.today = allowed.today
            is_gone = allowed.today == 0
            most = may_send if is_gone else min(allowed.now, allowed.today or allowed.now)
            if not most:
                return []
            taken = leases.take(session, lanes, most, seconds, provider.channels, gap)
            if is_gone:
                return taken
            quotas.spend(session, provider.name, len(taken))
            return [replace(message, is_counted=True) for message in taken]

        leased = self._when_available(work, as_query=not provider.limits.counts)
        if not leased:
            provider.breaker.cancel_test(permit)
        if provider.today is not None:
            QUOTA_LEFT.labels(provider.name).set(provider.today)
        now = self._now()
        return [message.by_clock(now) for message in leased]

    def advance(self) -> int:
        """Match reports of vendors with messages, and take the next steps that are due.

        Returns:
            How many reports and steps there were.

        Raises:
            Stopping: the process stops while the database is away.
        """
        chains_ = self._policy.chains
        away = [
            channel
            for provider in self.providers.values()
            if provider.breaker.state(self._monotonic()) != "closed"
            for channel in provider.channels
        ]
        self._when_available(lambda session: chains.start_clocks(session, chains_, away))
        now = self._when_available(receipts.due_work, as_query=True)
        if now is None:
            return 0
        matched = self._when_available(lambda session: receipts.apply_reports(session, chains_, now))
        return matched + self._when_available(lambda session: chains.take_next(session, chains_, now))

    def ask(self, service: ReportService) -> float:
        """Ask a vendor what became of one message; return after how many seconds to ask again.

        Raises:
            Stopping: the process stops while the database is away.
        """
        return status_polls.ask(self._database, service, self._now(), self._stop)

    def send(self, batch: Sequence[Leased]) -> list[Settled]:
        """Try each message in turn; if that takes too long, return the rest well before their lease ends.

        A send that begins has ended before another sender can lease its message.

        Raises:
            Stopping: the process stops while the database is away.
        """
        until = monotonic() + 2 * BATCH_SECONDS
        recorded: list[Settled] = []
        together: list[Settled] = []
        given: set[UUID] = set()
        for message in batch:
            is_too_late = monotonic() >= min(until, message.lease_ends - self._send_seconds)
            is_too_much = given and self._provider_of(message).breaker.is_slow(self._monotonic())
            if self._stop.is_set() or is_too_late or (is_too_much and message.lane != "otp"):
                break
            about = {"epass.message.channel": message.channel, "epass.message.attempt": message.attempts}
            with tracing.Span("CLIENT", f"send {message.purpose}", message.traceparent, about) as span:
                held = self._held_back(message)
                outcome = self._attempt(message) if held is None else held
                if held is None and not _never_connected(outcome):
                    given.add(message.id)
                if isinstance(outcome, Failed | Later):
                    span.fail(outcome.reason)
            if span.traceparent != message.traceparent:
                message = replace(message, traceparent=span.traceparent)  # noqa: PLW2901  its outcome is caused by the try
            together.append((message, outcome))
            if not isinstance(outcome, Delivered) or outcome.phone_row is None:
                recorded += self._record(together)
                together = []
        rest = batch[len(recorded) + len(together) :]
        recorded += self._record([*together, *((message, Untried()) for message in rest)])
        if unused := [message for message in batch if message.is_counted and message.id not in given]:
            name = self._provider_of(unused[0]).name
            self._when_available(lambda session: quotas.give_back(session, name, len(unused)))
        return recorded

    def _record(self, results: list[Settled]) -> list[Settled]:
        if results:
            chains_ = self._policy.chains
            self._when_available(lambda session: leases.settle(session, results, self._now(), chains_))
        for message, outcome in results:
            _count(message, outcome, self._now())
        return results

    def _attempt(self, message: Leased) -> Outcome:
        options = self._options
        breaker = self._provider_of(message).breaker
        if message.possible_duplicates:
            REPEATS.labels(message.channel).inc()
        try:
            sent = self._send(message)
        except PermanentChannelError as error:
            breaker.succeed()
            return Failed(error.reason, error.use_next)
        except TemporaryChannelError as error:
            if error.recipient_only:
                breaker.succeed()
            elif error.retry_after is not None:
                now, until = self._monotonic(), self._monotonic() + min(error.retry_after, LONGEST_PAUSE)
                if error.reason == "busy":  # this message was too many: others need no other channel
                    breaker.slow_down(now, until)
                else:
                    breaker.pause(until)
            else:
                breaker.fail(self._monotonic())
            return after_temporary_error(
                error.reason,
                message.attempts,
                self._now(),
                message.created_at,
                message.expires_at,
                _delays(message, options),
                options.attempts,
                uncertain=message.possible_duplicates,
                may_have_arrived=error.may_have_arrived,
                retry_after=error.retry_after,
            )
        breaker.succeed()
        return sent

    def _provider_of(self, message: Leased) -> Provider:
        return self.providers[self._all[message.channel].name]

    def _held_back(self, message: Leased) -> Failed | Postponed | None:
        """Return the outcome of a message that must not be tried now, if that is so."""
        is_expired = is_late(end_of(message.expires_at, message.created_at), self._now())
        is_tried_enough = message.possible_duplicates >= self._options.attempts
        for reason, holds, use_next in (
            ("expired", is_expired, False),
            ("revoked", message.is_revoked, False),
            ("wrong_number", message.is_wrong_number, True),
            ("attempts", is_tried_enough, True),
            ("opted_out", message.is_opted_out, True),
        ):
            if holds:
                return Failed(reason, use_next)
        now, provider = self._now(), self._provider_of(message)
        if not templates.knows(message.purpose, message.language):  # a later release wrote it, which left
            return Postponed(now + QUOTA_PAUSE, "unknown_purpose")
        if until := self._policy.quiet_hours.end_of(message.purpose, now):
            return Postponed(until, "quiet_hours")
        is_gone = provider.limits.per_day is not None and not message.is_counted
        if not is_gone and provider.breaker.state(self._monotonic()) != "open":
            return None
        reason = "quota" if is_gone else "provider_away"
        tried = {*message.tried, message.channel}
        # What was leased before its vendor began to fail waits as all others do, unless it is a code.
        goes_on = is_gone or message.lane == "otp"
        if goes_on and next_channel(self._policy.chains, message.purpose, tried, message.addresses):
            return Failed(reason, use_next=True)
        return Postponed(now + (QUOTA_PAUSE if is_gone else BREAKER_PAUSE), reason)

    def _send(self, message: Leased) -> Delivered:
        channel = self._all[message.channel]
        if message.personal is None:
            raise PermanentChannelError("unreadable", use_next=False)
        reply_to = self._options.sms_reply_to if message.channel == "sms" else ""
        template, answers = templates.find_for_sms(message.purpose, message.language, reply_to)
        personal = replace(message.personal, parameters={**message.personal.parameters, **answers})
        if template.email_notice and personal.is_withheld_from(message.channel):
            reference = personal.parameters.get("reference", "")
            site = self._options.public_url.rstrip("/")
            personal = personal.without_pass(f"{site}/{message.language}/applications/{reference}")
            template = replace(template, text=template.email_notice)
        try:
            text = template.render(personal.parameters)
        except templates.Unrenderable:
            raise PermanentChannelError("template", use_next=False) from None
        outgoing = Outgoing(
            message.id,
            message.purpose,
            message.channel,
            message.language,
            personal,
            template,
            text,
            Deadline(min(self._send_seconds, message.lease_ends - monotonic())),
        )
        began, result = monotonic(), "fault"
        try:
            receipt = contained(channel.name, channel.send, outgoing)
            result = "ok"
        except (TemporaryChannelError, PermanentChannelError) as error:
            result = error.reason
            raise
        finally:
            PROVIDER_SECONDS.labels(message.channel, result).observe(monotonic() - began)
        PARTS.labels(channel.name, message.purpose).inc(receipt.parts)
        is_asked = channel.name in self.reports
        # Nobody can be asked about a message without an ID: then the vendor's yes is all that is known.
        will_tell = channel.gives_receipts and (receipt.provider_id is not None or not is_asked)
        provider = channel.name if will_tell else None
        return Delivered(receipt.provider_id, receipt.phone_row, provider, is_asked and will_tell)

    def _when_available(self, work: Callable[[Session], T], *, as_query: bool = False) -> T:
        return run_when_available(
            self._database, work, part="sender", also_when_busy=True, as_query=as_query, stop=self._stop
        )


def _delays(message: Leased, options: SenderSettings) -> Sequence[float]:
    """Return the seconds between tries: somebody waits for a code, and it is good for minutes only."""
    if message.lane != "otp":
        return options.retry_delays
    return [min(seconds, LONGEST_CODE_DELAY) for seconds in options.retry_delays]


def _never_connected(outcome: Outcome) -> bool:
    """Return whether a try ended before the vendor was reached."""
    return isinstance(outcome, Later) and outcome.reason == "unreachable" and not outcome.may_have_arrived


def _count(message: Leased, outcome: Outcome, now: datetime) -> None:
    """Record an outcome in the metrics, and log a try that did not succeed."""
    name = type(outcome).__name__.lower()
    MESSAGES.labels(message.purpose, message.channel, name).inc()
    if isinstance(outcome, Delivered):
        MESSAGE_AGE.labels(message.lane).observe(max((now - message.created_at).total_seconds(), 0))
    elif not isinstance(outcome, Postponed | Untried):
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
