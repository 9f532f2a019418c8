"""What the exporter sees in a database: how long messages wait, what vendors tell, what was archived."""

from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import ColumnElement, select, text, update

from contracts.ops import LaneView
from contracts.subscriptions import SERVICES
from deploy.local.postgres import Postgres
from deploy.local.secrets import SecretStore
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.adapters.channels import DeliveryReport, InboundText
from services.notify.handlers import chains, event_handlers, receipts
from services.notify.handlers.policies import policy_of
from services.notify.models import MessageRow
from services.ops.inspection import Inspected, inspect
from services.ops.migrations import upgrade
from tests.support.factories.notify import OPTIONS, PUBLIC_URL, Visit, otp, received
from tests.support.stack.database_faults import superuser
from tests.support.stack.databases import execute, owner_of
from tests.support.stack.running import eventually, free_port

CODES = {"chain_code": ("sms:45", "whatsapp:45")}


@pytest.fixture
def db(databases, topology) -> Database:
    for service in SERVICES:  # the rights are granted in all of them
        databases[service]
    topology.grant_rights()
    return databases["notify"]


def look(topology) -> Inspected:
    return inspect(topology.database_url("ops", "notify"))


def put_pass(db: Database, **changes: object) -> None:
    """Store a message about a pass; ``changes`` are made to its row."""
    with db.transaction() as session:
        known = session.scalars(select(MessageRow.id)).all()
        event_handlers.handle_pass_issued(received(Visit().issued()), session, now(), PUBLIC_URL)
    change(db, MessageRow.id.not_in(known), **changes)


def change(db: Database, which: ColumnElement[bool], **changes: object) -> None:
    execute(db, update(MessageRow).where(which).values(**changes) if changes else select(1))


def test_looks_share_a_connection_and_open_a_new_one_where_it_was_lost(db: Database, topology) -> None:
    open_ = text("select array_agg(pid) from pg_stat_activity where usename = 'ops' and datname = :name")

    def backends() -> list[int]:
        with owner_of(db).transaction() as owner:
            return owner.execute(open_, {"name": db.engine.url.database}).scalar_one() or []

    look(topology)
    kept = backends()
    look(topology)
    assert backends() == kept != []
    with superuser(topology) as connection:
        for pid in kept:
            connection.execute("select pg_terminate_backend(%s)", (pid,))
    assert look(topology).lanes is not None
    assert not set(backends()) & set(kept)


def test_a_lane_without_messages_does_not_wait(db: Database, topology) -> None:
    lanes = ("otp", "normal", "bulk")
    assert look(topology).lanes == tuple(LaneView(lane=one, waiting=0) for one in lanes)


def test_a_code_waits_since_its_step_was_queued_and_any_other_message_since_it_is_due(
    db: Database, topology
) -> None:
    with db.transaction() as session:
        event_handlers.handle_otp_requested(otp(), session, now())
    asked, again = now() - timedelta(seconds=90), now() + timedelta(seconds=60)
    change(db, MessageRow.purpose == "otp", queued_at=asked, due_at=again)
    put_pass(db, created_at=now() - timedelta(hours=9), due_at=now() - timedelta(seconds=7))
    put_pass(db, due_at=now() + timedelta(hours=1))  # it waits for the morning
    codes, others, _ = look(topology).lanes or ()
    assert (codes.waiting, others.waiting) == (1, 1)
    assert 90 <= codes.oldest_seconds < 120
    assert 7 <= others.oldest_seconds < 37


def test_a_code_that_goes_on_to_the_next_channel_has_waited_for_no_vendor_until_then(
    db: Database, topology
) -> None:
    with db.transaction() as session:
        event_handlers.handle_otp_requested(otp(), session, now())
    earlier = now() - timedelta(seconds=90)
    change(db, MessageRow.purpose == "otp", created_at=earlier, queued_at=earlier, next_at=earlier)
    with db.transaction() as session:
        assert chains.take_next(session, policy_of(OPTIONS.model_copy(update=CODES)).chains, now()) == 1
    codes, *_ = look(topology).lanes or ()
    assert codes.waiting == 1
    assert codes.oldest_seconds < 60


def test_a_job_that_is_refused_is_shown_with_its_reason(db: Database, topology) -> None:
    execute(
        db,
        "insert into destructive_jobs (job, ran_at, refused_at, reason, detail) values"
        " ('housekeeping', now(), null, null, null),"
        " ('purge_outbox', null, now(), 'leap', 'five days')",
    )
    (runs, nothing), (job, refused) = look(topology).refused or ()
    assert (runs, nothing, job) == ("housekeeping", None, "purge_outbox")
    assert refused is not None
    assert (refused.name, refused.reason, refused.detail) == ("purge_outbox", "leap", "five days")


def test_receipts_are_counted_of_vendors_that_tell_of_messages_that_had_time(db: Database, topology) -> None:
    old = {"provider": "msg91", "created_at": now() - timedelta(hours=1)}
    put_pass(db, state="delivered", **old)
    put_pass(db, state="accepted", **old)
    put_pass(db, provider="msg91", state="accepted")
    put_pass(db, state="delivered", created_at=now() - timedelta(hours=1))
    with db.transaction() as session:
        receipts.store_reports(session, "msg91", [DeliveryReport("an-id", "delivered", now())], now())
    (msg91,) = look(topology).receipts or ()
    assert (msg91.provider, msg91.accepted, msg91.told) == ("msg91", 2, 1)
    assert msg91.last_at is not None


def test_a_channel_says_why_its_tries_fail_what_may_be_there_twice_and_who_is_not_known(
    db: Database, topology
) -> None:
    recent, old = now().isoformat(), (now() - timedelta(hours=2)).isoformat()
    tries = [*[{"at": recent, "reason": "template"}] * 2, *[{"at": old, "reason": "busy"}] * 3]
    put_pass(db, failed_tries=tries, possible_duplicates=2)
    put_pass(db, failed_tries=[{"at": recent, "reason": "credentials"}])
    with db.transaction() as session:
        receipts.store_texts(session, "sms", [InboundText(None, "STOP", now(), "IN.1349120")], now())
    (channel,) = look(topology).channels or ()
    assert (channel.channel, channel.reasons) == ("sms", ("template", "credentials"))
    assert (channel.repeated, channel.unknown_opt_outs) == (1, 1)


def test_a_vendor_that_has_told_and_takes_nothing_any_more_is_shown(db: Database, topology) -> None:
    with db.transaction() as session:
        receipts.store_reports(session, "msg91", [DeliveryReport("an-id", "delivered", now())], now())
    (msg91,) = look(topology).receipts or ()
    assert (msg91.accepted, msg91.told) == (0, 0)


@pytest.mark.parametrize(("service", "column"), [("issuance", "signed_at"), ("verify", "complete_at")])
def test_the_age_of_the_revocations_is_unknown_without_a_list_and_for_one_from_the_future(
    databases, db: Database, topology, service: str, column: str
) -> None:
    def age(signed_at: datetime | None) -> float | None:
        with owner_of(databases[service]).transaction() as session:
            session.execute(text("delete from status_list"))
            if signed_at is not None:
                more = "" if service == "verify" else ", seq, jws"
                given = "" if service == "verify" else ", 1, ''"
                session.execute(
                    text(f"insert into status_list (id, {column}{more}) values (1, :at{given})"),
                    {"at": signed_at},
                )
        return inspect(topology.database_url("ops", service)).revocations_seconds

    assert age(None) == inf
    assert 90 <= (age(now() - timedelta(seconds=90)) or 0) < 120
    assert age(now() + timedelta(hours=6)) == inf
    assert look(topology).revocations_seconds is None


def test_when_the_server_archived_its_log_last_is_seen_and_that_it_never_did(tmp_path: Path) -> None:
    mark = f"archive-{uuid4().hex[:8]}"
    server = Postgres(
        tmp_path / "server",
        free_port(),
        SecretStore(tmp_path / "s.json"),
        tmp_path / "log",
        mark,
        durable=False,
    )

    def seen(*commands: str) -> float | None:
        with server.connect() as connection:
            for one in commands:
                connection.execute(one)
        return inspect(server.url("accounts")).log_archived_at

    server.start()
    try:
        upgrade("accounts", server.create_database("accounts"))
        assert (
            seen("alter system set archive_mode = on", "alter system set archive_command = 'false'") is None
        )
        server.stop()
        server.start()
        assert seen("select pg_switch_wal()") == 0
        began = now().timestamp()
        seen("alter system set archive_command = 'true'", "select pg_reload_conf()")
        eventually(lambda: (seen("select pg_switch_wal()") or 0) >= began - 1, "a piece is archived")
    finally:
        server.stop()
        server.remove()
