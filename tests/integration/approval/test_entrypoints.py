"""approval as a process on a real broker: its calls and its events."""

import json
import os
from datetime import date, time, timedelta
from functools import partial

import pytest
from sqlalchemy import event

from contracts.events import OpeningHours, PassApproved
from contracts.model import IST
from contracts.subscriptions import SUBSCRIPTIONS
from services.approval.consumers import Consumers
from services.approval.handlers.directory import put_department, put_site
from services.approval.metrics import SITE_OPEN
from services.approval.settings import ApprovalSettings
from services.chassis.db.deferred_writes import send as store_events
from services.chassis.db.tables import outbox
from services.chassis.runtime.clock import now
from tests.support.factories.approval import (
    MONDAY,
    TUESDAY,
    cancelled,
    deliver,
    department,
    desk,
    everything,
    ist,
    published,
    received,
    scanned,
    site,
    slot,
    submitted,
)
from tests.support.factories.envelopes import deliver as deliver_envelopes
from tests.support.factories.envelopes import key_ring, wrap
from tests.support.factories.gateway import prove
from tests.support.stack.databases import execute, owner_of
from tests.support.stack.running import Process, eventually
from tests.support.stack.settings import make_settings
from tests.support.stack.wire import wire


@pytest.fixture
def administrator(topology):
    with wire(topology.broker_url("administrator")) as connection:
        for event in SUBSCRIPTIONS["approval"]:
            connection.purge(f"approval.{event.__name__}")
        yield connection


@pytest.fixture
def process(topology, approval_db, administrator, tmp_path):
    own = {key: value for key, value in os.environ.items() if key.startswith("EPASS_")}
    environment = {**topology.environment("approval"), "EPASS_PERSONAL_KEYS": own["EPASS_PERSONAL_KEYS"]}
    running = Process(
        ["-m", "services.ops.serve", "approval"], {**own, **environment}, tmp_path / "approval.log"
    ).start()
    yield running
    running.kill()


def publish(administrator, event, seq=1) -> None:
    delivery = received(event, seq, now())
    envelope = wrap(event, event_id=delivery.id, seq=seq, occurred_at=delivery.occurred_at, keys=key_ring())
    for _ in range(2):
        administrator.publish("application.events", type(event).__name__, envelope.to_bytes())


def ask(administrator, method, request, key=None):
    call = {"principal": prove(desk()).model_dump(mode="json"), "idempotency_key": key}
    return administrator.call("approval", method, request, call=call)


def test_the_scheduler_escalates_waiting_reviews_every_minute(approval_db) -> None:
    (timer,) = Consumers.escalate_waiting.nameko_entrypoints
    assert timer.interval == 60
    consumers = Consumers()
    consumers.db = approval_db
    soon = now().astimezone(IST) + timedelta(days=3)
    waiting = submitted(preferred=(slot(soon.date()),), channel="portal")
    with approval_db.transaction() as session:
        put_department(session, department(escalation={"stand_in": 10_000, "head": 0, "reception": 0}), now())
        every_day = tuple(
            OpeningHours(weekday=day, opens=time(0), closes=time(23, 59), valid_from=date(2026, 1, 1))
            for day in range(7)
        )
        put_site(session, site(hours=every_day, closed_days=()), now())
        store_events(session)
    execute(owner_of(approval_db), outbox.delete())
    deliver(approval_db, waiting, at=now() - timedelta(days=1))
    consumers.escalate_waiting()
    assert [event.step for event in published(approval_db)] == ["stand_in"]


def test_the_scheduler_counts_the_months_at_once_and_every_ten_minutes(approval_db) -> None:
    (timer,) = Consumers.count_months.nameko_entrypoints
    assert (timer.interval, timer.eager) == (600, True)
    consumers = Consumers()
    consumers.db = approval_db
    deliver(approval_db, submitted(), at=now())
    consumers.count_months()
    assert [row["applications"] for row in everything(approval_db)["month_numbers"]] == [1, 1]


def test_a_site_that_is_gone_is_no_longer_shown_as_open(approval_db) -> None:
    consumers = Consumers()
    consumers.db = approval_db
    SITE_OPEN.labels(site="PCS9").set(1)
    consumers.show_open_sites()
    shown = {sample.labels["site"] for metric in SITE_OPEN.collect() for sample in metric.samples}
    assert "PCS9" not in shown


def test_scans_that_wait_together_take_as_many_statements_as_two_of_them(approval_db) -> None:
    """And each application has the last day on which somebody went in."""
    applications = [submitted() for _ in range(20)]
    for one in applications:
        deliver(approval_db, one)
    consumers = Consumers()
    consumers.db, consumers.settings = approval_db, make_settings(ApprovalSettings)

    def scan(among, day) -> int:
        sent = []

        def count(*_arguments) -> None:
            sent.append(None)

        event.listen(approval_db.engine, "before_cursor_execute", count)
        scans = [received(scanned(one, ist(day, 11)), 2) for one in among]
        envelopes = [
            wrap(one.event, event_id=one.id, seq=one.seq, occurred_at=one.occurred_at, keys=key_ring())
            for one in scans
        ]
        deliver_envelopes(partial(Consumers.on_pass_scanned, consumers), *envelopes)
        event.remove(approval_db.engine, "before_cursor_execute", count)
        return len(sent)

    of_two = scan(applications[:2], MONDAY)
    assert scan(applications, TUESDAY) == of_two
    assert scan(applications[:10], MONDAY) == of_two
    assert {row["entered_on"] for row in everything(approval_db)["reviews"]} == {str(TUESDAY)}


def test_an_application_becomes_a_review_and_the_review_an_approval(
    process, approval_db, administrator
) -> None:
    first, gone = submitted(), submitted()
    publish(administrator, cancelled(gone), 2)
    publish(administrator, gone, 1)
    publish(administrator, first, 1)

    def waiting():
        items = ask(administrator, "list_reviews", {"status": "pending"})["result"]["items"]
        return [one for one in items if one["reference"] == first.reference]

    (review,) = eventually(waiting, "the review on the desk")
    assert review["name"] == "ਗੁਰਪ੍ਰੀਤ ਕੌਰ"
    tomorrow = {"date": f"{now().astimezone(IST):%Y-%m-%d}", "from": "10:00", "to": "12:00"}
    refusal = ask(
        administrator, "approve", {"review_id": review["id"], "slot": tomorrow, "gate": "T2-G1"}, "key-1"
    )["error"]
    assert refusal["exc_type"] == "InvalidInput"
    rejected = ask(administrator, "reject", {"review_id": review["id"], "reason": "duplicate"}, "key-2")[
        "result"
    ]
    assert (rejected["status"], rejected["decision"]["decided_by"]) == ("rejected", "HOM-0001")
    again = ask(administrator, "approve", {"review_id": review["id"], "slot": tomorrow}, "key-3")["error"]
    assert json.loads(again["exc_args"][0])["code"] == "already_decided"
    assert published(approval_db, PassApproved) == []
    eventually(
        lambda: ask(administrator, "search_reviews", {"q": gone.reference})["result"]["items"],
        "the tombstone's review",
    )
    (ended,) = ask(administrator, "search_reviews", {"q": gone.reference})["result"]["items"]
    assert ended["status"] == "closed"
    assert [one["code"] for one in ask(administrator, "sites", {})["result"]["items"]] == ["T1", "T2"]
    assert "Gurpreet" not in process.log.read_text()
    assert "9876543210" not in process.log.read_text()
