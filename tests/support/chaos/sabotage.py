"""Runs a process of the system with one of its guards taken out. Only tests have this; no production code holds a switch.

Usage: python -m tests.support.chaos.sabotage SWITCH[,SWITCH…] MODULE [ARGUMENT…], with the module and arguments of the process:
``services.ops.serve issuance`` or ``services.ops.cli relay``. The switches are the functions of :data:`SWITCHES`.
Nothing of the project is imported above, since a service patches the standard library before anything else.
"""

import importlib
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

HOLD_SECONDS = 4.0
"""How long a window stays open in which a test kills the process."""
HELD = "held in the window"
"""What a process writes into its log when a window is open."""


def put(owner: object, name: str, instead: object) -> None:
    """Puts something else where a guard was."""
    setattr(owner, name, instead)


def no_inbox() -> None:
    """Every delivery of an event counts as the first."""
    from services.chassis.messaging import inbox

    put(inbox, "mark_seen", lambda *_: True)


def no_unique_pass() -> None:
    """Issuance makes a pass of every approval that it handles. (The test drops the unique index, too.)"""
    from services.issuance.handlers import passes

    put(passes, "opens_a_pass", lambda *_, **__: True)
    put(passes, "_live_row", lambda *_: None)


def no_outbox() -> None:
    """Events are kept in memory and said some time after the commit, as who publishes by hand does."""
    import eventlet

    from services.chassis.messaging import outbox
    from services.chassis.runtime.providers import process

    add = outbox.add

    def say_later(event: Any, at: datetime, expires_at: datetime | None) -> None:
        with process().database.transaction() as session:
            add(session, event, at=at, expires_at=expires_at)

    def forget(_session: Any, event: Any, *, at: datetime, expires_at: datetime | None = None) -> UUID:
        eventlet.spawn_after(HOLD_SECONDS, say_later, event, at, expires_at)
        return uuid4()

    put(outbox, "add", forget)


def mark_before_send() -> None:
    """The relay marks events as sent before the broker has confirmed them."""
    import asyncio

    from contracts.envelope import Envelope
    from services.chassis.messaging import relay

    async def publish_batch(self: Any, connection: Any) -> int:
        marked = await (
            await connection.execute(
                f"update outbox set sent_at = now() where sent_at is null returning {relay._COLUMNS}"
            )
        ).fetchall()
        if marked:
            await asyncio.sleep(HOLD_SECONDS)
            names = relay._COLUMNS.split(", ")
            await self._publisher.publish_all(
                [Envelope(**dict(zip(names, row, strict=True))) for row in marked]
            )
        return len(marked)

    put(relay.OutboxRelay, "_publish_batch", publish_batch)


def ack_first() -> None:
    """An event is acknowledged before it is handled."""
    from services.chassis.messaging import entrypoint

    work = entrypoint.EventEntrypoint._work

    def acknowledge_and_work(self: Any, envelope: Any, message: Any) -> None:
        self.consumers.consumer.acknowledge(message)
        message.ack = message.requeue = lambda: None
        work(self, envelope, message)

    put(entrypoint.EventEntrypoint, "_work", acknowledge_and_work)


def no_deadline() -> None:
    """A command is carried out however late it comes."""
    from services.chassis.rpc import server

    put(server, "now", lambda: datetime.min.replace(tzinfo=UTC))


def no_idempotency() -> None:
    """A command that is repeated is carried out again. (Handlers are imported afterwards, and get this one.)"""
    from services.chassis.rpc import idempotency

    put(idempotency, "once", lambda _session, _call, _route, _request, effect, answer, **_: answer(effect()))


def no_row_lock() -> None:
    """A gate reads the pass without locking it."""
    from services.verify.handlers import pass_lookup

    put(pass_lookup, "_LOCKED", pass_lookup._BY_NUMBER)


def no_nonce() -> None:
    """A scan is recorded whether its nonce is new or not. (The test drops the unique constraint, too.)"""
    from services.verify.handlers import scan_records

    put(scan_records, "_INSERT", scan_records.insert(scan_records._SCANS).returning(scan_records._SCANS.c.id))


def no_leaving() -> None:
    """A gateway that stops closes its connections at once, as uvicorn does by itself."""
    import uvicorn

    from services.gateway import server

    put(server.Server, "shutdown", uvicorn.Server.shutdown)


def slow_to_record() -> None:
    """No guard is taken out: between the provider's answer and the commit there is time to be killed."""
    from services.notify.handlers.deliveries import Sender

    attempt = Sender._attempt

    def attempt_and_hold(self: Any, message: Any) -> Any:
        outcome = attempt(self, message)
        print(HELD, flush=True)
        time.sleep(HOLD_SECONDS)
        return outcome

    put(Sender, "_attempt", attempt_and_hold)


def slow_to_acknowledge() -> None:
    """No guard is taken out: between the commit of an event's effect and its acknowledgement there is time to be killed."""
    from services.chassis.messaging import entrypoint

    settle = entrypoint.settle

    def hold_and_settle(*arguments: Any) -> str:
        print(HELD, flush=True)
        time.sleep(HOLD_SECONDS)
        return settle(*arguments)

    put(entrypoint, "settle", hold_and_settle)


def slow_to_mark() -> None:
    """No guard is taken out: between the broker's confirm and the mark in the outbox there is time to be killed."""
    import asyncio

    from services.chassis.messaging import relay

    publish_all = relay.Publisher.publish_all

    async def publish_all_and_hold(self: Any, envelopes: Any) -> Any:
        confirmed = await publish_all(self, envelopes)
        print(HELD, flush=True)
        await asyncio.sleep(HOLD_SECONDS)
        return confirmed

    put(relay.Publisher, "publish_all", publish_all_and_hold)


def no_possible_duplicates() -> None:
    """The sender does not write down that an earlier try may have succeeded."""
    from services.notify.handlers import leases

    put(leases, "case", lambda *_, **__: 0)


def new_key_each_try() -> None:
    """Each try has a key of its own, so that no provider can know it again."""
    from services.notify.adapters.channels import Outgoing
    from services.notify.handlers import deliveries

    put(deliveries, "Outgoing", lambda _id, *rest: Outgoing(uuid4(), *rest))


def no_answer_limit() -> None:
    """The gateway asks services for as long as each call may take, however long the client has waited."""
    from services.gateway import access

    put(access, "ANSWER_SECONDS", float("inf"))


def no_time_limit() -> None:
    """The gateway waits for an answer as long as it takes."""
    from contracts.rpc.call import Method
    from services.gateway.rpc.client import RpcClient

    async def as_long_as_it_takes(self: Any, *told: Any) -> bytes:
        method = next(one for one in told if isinstance(one, Method))
        body = next(one for one in told if isinstance(one, bytes))
        return await self._send(f"{method.service}.{method.name}", body, True)

    put(RpcClient, "_within_limit", as_long_as_it_takes)


def away_is_an_attempt() -> None:
    """A database that is away counts as a failure of the message."""
    from services.chassis.db import availability

    put(availability, "is_away", lambda _: False)


def patient_connections() -> None:
    """A database that takes everything and answers nothing is waited for, for ever."""
    from services.chassis.db import connection_timeouts

    for kind in (connection_timeouts.TimeoutConnection, connection_timeouts.AsyncTimeoutConnection):
        put(kind, "answer_seconds", None)


def slow_events() -> None:
    """No guard is taken out: each event of the queue SLOW takes SLOW_MS milliseconds longer."""
    import os

    from services.chassis.messaging import entrypoint

    handle_once, seconds = entrypoint.handle_once, float(os.environ["SLOW_MS"]) / 1000

    def slowly(db: Any, service: str, consumer: str, *rest: Any) -> None:
        if consumer == os.environ["SLOW"]:
            time.sleep(seconds)
        handle_once(db, service, consumer, *rest)

    put(entrypoint, "handle_once", slowly)


def held_events() -> None:
    """No guard is taken out: each event of the queue HELD keeps its worker for half a minute before it is begun."""
    import os

    from services.chassis.messaging import entrypoint

    handle_once = entrypoint.handle_once

    def hold(db: Any, service: str, consumer: str, *rest: Any) -> None:
        if consumer == os.environ["HELD"]:
            time.sleep(30)
        handle_once(db, service, consumer, *rest)

    put(entrypoint, "handle_once", hold)


def no_lane_for_codes() -> None:
    """One-time codes share the workers of the other events."""
    from services.notify import consumers

    put(
        consumers, "CONTAINERS", (type("All", (consumers.Consumers, consumers.Codes), {"workers": "events"}),)
    )


def one_pool() -> None:
    """Questions and events of a service share their workers."""
    from eventlet.greenpool import GreenPool
    from nameko import containers

    shared = GreenPool(8)
    put(containers, "GreenPool", lambda size: shared)


SWITCHES: dict[str, Callable[[], None]] = {
    switch.__name__: switch
    for switch in (
        no_inbox, no_unique_pass, no_outbox, mark_before_send, ack_first, no_deadline, no_idempotency,
        no_row_lock, no_nonce, no_leaving, no_answer_limit,
        slow_to_record, slow_to_acknowledge, slow_to_mark, no_possible_duplicates, new_key_each_try,
        no_time_limit, away_is_an_attempt, patient_connections, slow_events, held_events, no_lane_for_codes, one_pool,
    )
}  # fmt: skip


def main() -> None:
    """Imports the process's module (that of a service patches the standard library first), takes the guards out, and runs it."""
    switches, name, *arguments = sys.argv[1:]
    module = importlib.import_module(name)
    for switch in switches.split(","):
        SWITCHES[switch]()
    sys.argv = [name, *arguments]
    module.main()


if __name__ == "__main__":
    main()
