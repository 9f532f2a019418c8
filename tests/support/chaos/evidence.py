"""What the databases and the broker hold, counted from outside with plain SQL; nothing of the services is
used."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from contracts.subscriptions import SERVICES, STREAM, subscriptions
from services.chassis.messaging.topology import queues
from tests.support.stack.backends import TestStack
from tests.support.stack.wire import wire


@dataclass(frozen=True)
class Message:
    """A row of notify."""

    id: str
    purpose: str
    state: str
    possible_duplicates: int
    event: str = ""
    """The messages of one event go out on one channel after the other."""
    channel: str = "sms"
    provider: str = ""
    """The vendor that tells what becomes of it, if one does."""
    provider_id: str = ""
    """A digest of that vendor's ID of it."""
    pass_number: str = ""


Lease = tuple[str, str]
"""A message and a lease of it: each time that a sender takes a message the lease is another one."""


@dataclass
class Evidence:
    """What was found about the applications of some mobiles, by application id; ``ids`` is by reference."""

    ids: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    at_a_desk: set[str] = field(default_factory=set)
    """Those about which a department may decide."""
    passes: dict[str, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))
    """Issuance's: whether each is live, by number."""
    passes_of_application: dict[str, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))
    """The same, as the application knows it."""
    passes_of_gate: dict[str, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))
    """The same, as the gate knows it."""
    scans: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Recorded entries and exits, by nonce and verdict."""
    conflicts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """How many persons were too many, of each conflict between gates that was published."""
    messages: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    codes: list[Message] = field(default_factory=list)
    given_up: set[str] = field(default_factory=set)
    """Messages after which another channel was tried, as notify published it."""
    deliveries_recorded: Counter[str] = field(default_factory=Counter)
    """Deliveries that the application has recorded."""
    waiting: dict[str, int] = field(default_factory=dict)
    """Events unsent, by database, and messages ready, by queue; only what is not zero."""
    dead: dict[str, int] = field(default_factory=dict)
    """Dead letters, by queue; only what is not zero."""

    @property
    def every_message(self) -> list[Message]:
        """Codes too."""
        return [*self.codes, *(message for theirs in self.messages.values() for message in theirs)]


@contextmanager
def database(stack: TestStack, service: str) -> Iterator["psycopg.Connection[Any]"]:
    """Connect to a service's database."""
    url = stack.database_url(service).replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        yield connection


def _rows(stack: TestStack, service: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    with database(stack, service) as connection:
        return connection.execute(query, values).fetchall()


_APPLICATIONS = "select id::text, reference, status from applications where mobile = any(%s)"
_AT_A_DESK = """select application_id::text from reviews
    where status = 'pending' and application_id = any(%s::uuid[])"""
_PASSES = """select application_id::text, number, revoked_at is null
    from passes where application_id = any(%s::uuid[])"""
_PASSES_OF_APPLICATION = """select application_id::text, number, issued and not revoked
    from passes where application_id = any(%s::uuid[])"""
_PASSES_OF_GATE = (
    "select application_id::text, number, revoked_seq = 0 from passes where application_id = any(%s::uuid[])"
)
_SCANS = """select replace(nonce, '/offline', ''), verdict, count(*)
    from scans s join passes p on p.number = s.pass_number
    where verdict in ('admit', 'exit') and not 'recounted' = any(marks)
      and p.application_id = any(%s::uuid[]) group by 1, 2"""
_CONFLICTS = """select p.application_id::text, (data->>'exposure')::int
    from outbox join passes p on p.number = data->>'pass_number'
    where type = 'GateConflictFound' and p.application_id = any(%s::uuid[])"""
_MESSAGES = """select application_id::text, id::text, purpose, state, possible_duplicates,
      event_id::text, channel, coalesce(provider, ''), coalesce(provider_id, ''),
      coalesce(pass_number, '') from messages where application_id = any(%s::uuid[])"""
_CODES = """select id::text, purpose, state, possible_duplicates, event_id::text, channel,
      coalesce(provider, ''), coalesce(provider_id, '') from messages where purpose = 'otp'"""
_GIVEN_UP = """select data->>'message_id' from outbox
    where type = 'NotificationFailed' and data->>'next_channel' is not null"""
_DELIVERIES = """select application_id::text, count(*) from timeline
    where what = 'message_delivered' and application_id = any(%s::uuid[]) group by application_id"""


def collect(stack: TestStack, mobiles: set[str]) -> Evidence:
    """Collect the evidence of all databases and queues.

    Raises:
        psycopg.OperationalError, AMQPError, OSError: a server is down.
    """
    found = Evidence()
    for application_id, reference, status in _rows(stack, "application", _APPLICATIONS, list(mobiles)):
        found.ids[reference], found.statuses[application_id] = application_id, status
    ids = list(found.statuses)
    found.at_a_desk = {application_id for (application_id,) in _rows(stack, "approval", _AT_A_DESK, ids)}
    for service, query, into in (
        ("issuance", _PASSES, found.passes),
        ("application", _PASSES_OF_APPLICATION, found.passes_of_application),
        ("verify", _PASSES_OF_GATE, found.passes_of_gate),
    ):
        for application_id, number, live in _rows(stack, service, query, ids):
            into[application_id][number] = live
    found.scans.update(
        {(nonce, verdict): count for nonce, verdict, count in _rows(stack, "verify", _SCANS, ids)}
    )
    for application_id, exposure in _rows(stack, "verify", _CONFLICTS, ids):
        found.conflicts[application_id].append(exposure)
    for application_id, *message in _rows(stack, "notify", _MESSAGES, ids):
        found.messages[application_id].append(Message(*message))
    found.codes = [Message(*message) for message in _rows(stack, "notify", _CODES)]
    found.given_up = {message_id for (message_id,) in _rows(stack, "notify", _GIVEN_UP)}
    found.deliveries_recorded.update(dict(_rows(stack, "application", _DELIVERIES, ids)))
    _collect_what_waits(stack, found)
    return found


def leases(stack: TestStack) -> set[Lease]:
    """Return the messages that a sender has leased, or had when it ended.

    What a killed sender left behind is still here when another one is killed soon: the same lease.
    """
    query = "select id::text, lease::text from messages where state = 'queued' and lease is not null"
    return {(message_id, lease) for message_id, lease in _rows(stack, "notify", query)}


def _collect_what_waits(stack: TestStack, found: Evidence) -> None:
    for service in SERVICES:
        ((unsent,),) = _rows(stack, service, "select count(*) from outbox where sent_at is null")
        if unsent:
            found.waiting[f"outbox of {service}"] = unsent
    dead_letters = {subscription.dead_letters for subscription in subscriptions()}
    with wire(stack.broker_url("administrator")) as broker:
        for queue in queues((1.0, 5.0, 30.0, 300.0)):
            if queue.name != STREAM and (depth := broker.depth(queue.name)):
                is_dead = queue.name in dead_letters or queue.name.endswith(".dead")
                (found.dead if is_dead else found.waiting)[queue.name] = depth
