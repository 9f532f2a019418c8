"""Run a process of the system with some of its guards taken out.

Only tests have this: production code has no switch.

Usage: python -m tests.support.chaos.sabotage SWITCH[,SWITCH…] MODULE [ARGUMENT…], with the module and
arguments of the process: ``services.ops.serve issuance`` or ``services.ops.cli relay``. The switches are the
functions of :data:`SWITCHES`. Nothing of the project is imported above, since a service patches the standard
library before anything else.
"""

import dataclasses
import functools
import importlib
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import FunctionType
from typing import Any
from uuid import UUID, uuid4

HOLD_SECONDS = 4.0
"""Seconds for which a window stays open in which a test kills the process."""
HELD = "held in the window"
"""What a process logs when a window is open."""


def put(owner: object, name: str, instead: object) -> None:
    """Replace a guard, which must exist: one that was renamed would stay in place unnoticed."""
    assert hasattr(owner, name), f"{owner} has no {name}"
    setattr(owner, name, instead)


def no_inbox() -> None:
    """Treat every delivery of an event as the first, also within one batch."""
    from services.chassis.messaging import entrypoint, inbox

    def take(self: Any) -> Any:
        return self._read_message(self._waiting.popleft()) if self._waiting else []

    put(entrypoint.EventEntrypoint, "_take", take)
    put(inbox, "mark_seen", lambda _session, _consumer, events, **_: set(events))


def any_sender() -> None:
    """Handle an event whoever sent it."""
    from services.chassis.messaging import event_consumers

    put(event_consumers, "require_sender", lambda *_: None)


def any_signature() -> None:
    """Handle an event whoever signed it."""
    from services.chassis.messaging import signatures

    put(signatures.EventKeys, "require_signature", lambda *_: None)


def any_principal() -> None:
    """Carry out a call in the name of whom the gateway says."""
    from services.chassis.rpc import principals

    put(principals.PrincipalVerifier, "verify", lambda _self, principal, _now: principal)


def anybodys_application() -> None:
    """Move an application to another number for whoever asks."""
    from services.application.handlers import mobiles, unlocked_sessions

    put(mobiles, "side_of", lambda *_: "applicant")
    put(unlocked_sessions, "require_open", lambda *_: None)


def no_unique_pass() -> None:
    """Let issuance make a pass of every approval. (The test drops the unique index, too.)"""
    from services.issuance.handlers import passes

    put(passes, "opens_a_pass", lambda *_, **__: True)
    put(passes, "_live_row", lambda *_: None)


def no_outbox() -> None:
    """Hold events in memory and publish them after the commit, as a service without an outbox does."""
    import eventlet

    from services.chassis.db.providers import process
    from services.chassis.messaging import outbox

    add = outbox.add

    def publish_later(event: Any, at: datetime, expires_at: datetime | None) -> None:
        with process().database.transaction() as session:
            add(session, event, at=at, expires_at=expires_at)

    def forget(_session: Any, event: Any, *, at: datetime, expires_at: datetime | None = None) -> UUID:
        eventlet.spawn_after(HOLD_SECONDS, publish_later, event, at, expires_at)
        return uuid4()

    put(outbox, "add", forget)


def mark_before_send() -> None:
    """Let the relay mark events as sent before the broker has confirmed them."""
    import asyncio

    from contracts.envelope import Envelope
    from services.chassis.messaging import outbox_rows, relay

    async def publish_batch(self: Any, connection: Any) -> list[str]:
        marked = await (
            await connection.execute(
                f"update outbox set sent_at = now() where sent_at is null returning {outbox_rows.COLUMNS}"
            )
        ).fetchall()
        names = outbox_rows.COLUMNS.split(", ")
        envelopes = [Envelope(**dict(zip(names, row, strict=True))) for row in marked]
        if envelopes:
            await asyncio.sleep(HOLD_SECONDS)
            await self._publisher.publish_all([[envelope] for envelope in envelopes])
        return [envelope.type for envelope in envelopes]

    put(relay.OutboxRelay, "_publish_batch", publish_batch)


def ack_first() -> None:
    """Acknowledge an event before it is handled."""
    from services.chassis.messaging import entrypoint

    receive = entrypoint.EventEntrypoint.receive

    def acknowledge_and_receive(self: Any, message: Any) -> None:
        self.consumers.reader.acknowledge(message)
        message.ack = message.requeue = lambda: None
        receive(self, message)

    put(entrypoint.EventEntrypoint, "receive", acknowledge_and_receive)


def no_deadline() -> None:
    """Carry out a command however late it comes; the session that proves its principal has the right time."""
    from services.chassis.rpc import principals, server
    from services.chassis.runtime import clock

    verify = principals.PrincipalVerifier.verify
    put(server, "now", lambda: datetime.min.replace(tzinfo=UTC))
    put(
        principals.PrincipalVerifier,
        "verify",
        lambda self, principal, _now: verify(self, principal, clock.now()),
    )


def clock_ahead() -> None:
    """Let the clock by which calls are late be ten seconds ahead; no guard is taken out."""
    from services.chassis.rpc import server
    from services.chassis.runtime import clock

    put(server, "now", lambda: clock.now() + timedelta(seconds=10))


def days_ahead() -> None:
    """Let the clock by which events expire be three days ahead; no guard is taken out."""
    from services.chassis.messaging import entrypoint
    from services.chassis.runtime import clock

    put(entrypoint, "now", lambda: clock.now() + timedelta(days=3))


def no_idempotency() -> None:
    """Carry out a repeated command again."""
    from services.chassis.rpc import idempotency

    put(idempotency, "once", lambda _session, _call, _route, _request, effect, answer, **_: answer(effect()))


def no_row_lock() -> None:
    """Read a pass at the gate without locking it, and record scans whatever became of it meanwhile."""
    from services.verify.handlers import pass_lookup, scan_records

    put(pass_lookup, "_LOCKED", pass_lookup._BY_NUMBER)
    read, _, _ = scan_records.UNCHANGED.expressions.partition("and passes.xmin")
    always = dataclasses.replace(scan_records.UNCHANGED, expressions=f"{read}), {{name}} as (select)")
    put(scan_records, "UNCHANGED", always)


def no_nonce() -> None:
    """Record a scan even if its nonce is known. (The test disables the trigger, too.)"""
    from services.verify.handlers import pass_lookup

    read_all = pass_lookup.read_all
    put(pass_lookup, "read_all", lambda *asked: dataclasses.replace(read_all(*asked), used=set()))


def no_offline_scans() -> None:
    """Answer a gate that was without a network that its scans are recorded, and record none."""
    from services.verify.handlers import offline_scans

    store = offline_scans._store

    def forget(batch: Any) -> None:
        batch.made.clear()
        store(batch)

    put(offline_scans, "_store", forget)


def another_nonce() -> None:
    """Record what a gate without a network has decided under a nonce that it never drew."""
    from services.verify.handlers import scan_records

    new_scan = scan_records.new_scan

    def rename(session: Any, request: Any, *rest: Any) -> Any:
        return new_scan(session, request.model_copy(update={"nonce": str(uuid4())}), *rest)

    put(scan_records, "new_scan", rename)


def no_conflicts() -> None:
    """Tell nobody that more persons came in than a pass allows."""
    from services.verify.handlers import pass_ledgers

    put(pass_ledgers, "publish_conflict", lambda *_: None)


def no_leaving() -> None:
    """Let a gateway that stops close its connections at once, as uvicorn does by default."""
    import uvicorn

    from services.gateway.edge import server

    put(server.Server, "shutdown", uvicorn.Server.shutdown)


def slow_to_record() -> None:
    """Open a window between the provider's answer and the commit; no guard is taken out."""
    from services.notify.handlers.deliveries import Sender

    attempt = Sender._attempt

    def attempt_and_hold(self: Any, message: Any) -> Any:
        outcome = attempt(self, message)
        print(HELD, flush=True)
        time.sleep(HOLD_SECONDS)
        return outcome

    put(Sender, "_attempt", attempt_and_hold)


def slow_to_acknowledge() -> None:
    """Open a window between the commit of an effect and the acknowledgement; no guard is taken out."""
    from services.chassis.messaging import entrypoint

    settle = entrypoint.EventEntrypoint._settle

    def hold_and_settle(*arguments: Any) -> None:
        print(HELD, flush=True)
        time.sleep(HOLD_SECONDS)
        settle(*arguments)

    put(entrypoint.EventEntrypoint, "_settle", hold_and_settle)


def slow_to_reply() -> None:
    """Open a window between the commit of RPCs and their replies; no guard is taken out."""
    from services.chassis.rpc import replies

    add = replies.Replies.add

    def hold_and_add(*arguments: Any) -> None:
        print(HELD, flush=True)
        time.sleep(HOLD_SECONDS)
        add(*arguments)

    put(replies.Replies, "add", hold_and_add)


def no_trace_context() -> None:
    """Publish events without the trace context of what caused them."""
    from contracts.envelope import Envelope

    to_bytes = Envelope.to_bytes
    put(Envelope, "to_bytes", lambda self: to_bytes(self.model_copy(update={"traceparent": None})))


def no_sealing() -> None:
    """Publish what is personal in an event in clear, beside the sealed block."""
    from contracts.envelope import seal
    from services.chassis.messaging import outbox

    def leak(event: Any, event_id: UUID, key_ring: Any) -> Any:
        data, personal = seal(event, event_id, key_ring)
        shown = event.model_dump(mode="json", by_alias=True).get("personal")
        return {**data, "leaked": shown}, personal

    put(outbox, "seal", leak)


def events_in_logs() -> None:
    """Log what is personal in each event."""
    from services.chassis.messaging import outbox
    from services.chassis.runtime import logs

    log, add = logs.logger(__name__), outbox.add

    def leak(session: Any, event: Any, **more: Any) -> Any:
        log.warning("an event", personal=event.model_dump(mode="json").get("personal"))
        return add(session, event, **more)

    put(outbox, "add", leak)


def requests_in_spans() -> None:
    """Show the body of each webhook in the span of its request to notify."""
    from services.chassis.runtime import tracing
    from services.notify.handlers import webhooks

    receive = webhooks.receive

    @functools.wraps(receive)  # it names what the handler names
    def leak(request: Any, **rest: Any) -> Any:
        with tracing.Span("INTERNAL", f"webhook {request.body!r}", logs.traceparent(), {}):
            return receive(request=request, **rest)

    from services.chassis.runtime import logs

    put(webhooks, "receive", leak)


def slow_to_mark() -> None:
    """Open a window between the broker's confirm and the mark in the outbox; no guard is taken out."""
    import asyncio

    from services.chassis.messaging import publisher

    publish_all = publisher.Publisher.publish_all

    async def publish_all_and_hold(self: Any, messages: Any) -> Any:
        confirmed = await publish_all(self, messages)
        print(HELD, flush=True)
        await asyncio.sleep(HOLD_SECONDS)
        return confirmed

    put(publisher.Publisher, "publish_all", publish_all_and_hold)


def no_possible_duplicates() -> None:
    """Let the sender not record that an earlier attempt may have succeeded."""
    from sqlalchemy import text

    from services.notify.handlers import leases

    before, guard = str(leases._LEASE), "+ (lease is not null)::int"
    assert guard in before
    put(leases, "_LEASE", text(before.replace(guard, "")))


def new_key_each_try() -> None:
    """Give each attempt a key of its own, so that no provider can recognise it."""
    from services.notify.adapters.channels import Outgoing
    from services.notify.handlers import deliveries

    put(deliveries, "Outgoing", lambda _id, *rest: Outgoing(uuid4(), *rest))


def no_answer_limit() -> None:
    """Let the gateway call services for as long as each call may take, however long the client has waited."""
    from services.gateway.access import admission

    put(admission, "ANSWER_SECONDS", float("inf"))


def no_time_limit() -> None:
    """Let the gateway wait for an answer without a limit."""
    from contracts.rpc.call import Method
    from services.gateway.rpc.client import RpcClient

    async def as_long_as_it_takes(self: Any, *arguments: Any) -> bytes:
        method = next(one for one in arguments if isinstance(one, Method))
        body = next(one for one in arguments if isinstance(one, bytes))
        return await self._send_once_more_if_lost(method, body, True)

    put(RpcClient, "_within_limit", as_long_as_it_takes)


def away_is_an_attempt() -> None:
    """Count a database that is down as a failure of the message."""
    from services.chassis.db import availability

    put(availability, "is_away", lambda _: False)


def no_upgrade_step() -> None:
    """Give an event a new version, without the step that upgrades the one before."""
    from contracts import events

    put(events.PassIssued, "version", events.PassIssued.version + 1)


def patient_connections() -> None:
    """Wait for ever for a database that accepts data and never replies."""
    from services.chassis.db import connection_timeouts

    for kind in (connection_timeouts.TimeoutConnection, connection_timeouts.AsyncTimeoutConnection):
        put(kind, "response_timeout", None)


def slow_events() -> None:
    """Delay each event of the queue SLOW by SLOW_MS milliseconds; no guard is taken out."""
    import os

    from services.chassis.messaging import entrypoint

    handle_batch, seconds = entrypoint.handle_batch, float(os.environ["SLOW_MS"]) / 1000

    def slowly(db: Any, handler: Any, deliveries: Any, settle: Any) -> None:
        if handler.consumer == os.environ["SLOW"]:
            time.sleep(seconds * len(deliveries))
        handle_batch(db, handler, deliveries, settle)

    put(entrypoint, "handle_batch", slowly)


def held_events() -> None:
    """Let each batch of the queue HELD occupy its worker for half a minute first; no guard is taken out."""
    import os

    from services.chassis.messaging import entrypoint

    handle_batch = entrypoint.handle_batch

    def hold(db: Any, handler: Any, *rest: Any) -> None:
        if handler.consumer == os.environ["HELD"]:
            time.sleep(30)
        handle_batch(db, handler, *rest)

    put(entrypoint, "handle_batch", hold)


def no_lane_for_codes() -> None:
    """Let one-time codes share the workers of the other events."""
    from services.notify import consumers

    put(
        consumers, "CONTAINERS", (type("All", (consumers.Consumers, consumers.Codes), {"workers": "events"}),)
    )


def one_pool() -> None:
    """Let RPC and events of a service share two workers: so many batches of one queue run at a time."""
    from eventlet.greenpool import GreenPool
    from nameko import containers

    shared = GreenPool(2)
    put(containers, "GreenPool", lambda size: shared)


SWITCHES: dict[str, Callable[[], None]] = {
    name: switch
    for name, switch in [*globals().items()]
    if isinstance(switch, FunctionType) and switch.__module__ == __name__ and switch is not put
}
"""Each function above, by its name."""


def main() -> None:
    """Import the process's module (that of a service patches the standard library), take the guards out, and
    run it."""
    switches, name, *arguments = sys.argv[1:]
    module = importlib.import_module(name)
    for switch in switches.split(","):
        SWITCHES[switch]()
    sys.argv = [name, *arguments]
    module.main()


if __name__ == "__main__":
    main()
