"""notify as a process on a real broker: its entrypoints and its subscriptions."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from contracts.envelope import Received
from contracts.model import SHORT_LINK
from contracts.rpc.call import Principal
from contracts.subscriptions import SUBSCRIPTIONS, exchange_of
from services.chassis.db import tables
from services.chassis.db.database import Database
from services.notify.models import MessageRow
from tests.support.factories.envelopes import key_ring, wrap
from tests.support.factories.gateway import prove
from tests.support.factories.notify import APPLICANT, MOBILE, RECEPTION, Visit, login, otp, received
from tests.support.stack.backends import TestStack
from tests.support.stack.running import Process, eventually
from tests.support.stack.wire import Wire, wire


@pytest.fixture
def administrator(topology: TestStack) -> Iterator[Wire]:
    with wire(topology.broker_url("administrator")) as connection:
        for event in SUBSCRIPTIONS["notify"]:
            connection.purge(f"notify.{event.__name__}")
        yield connection


@pytest.fixture
def service(topology: TestStack, db: Database, administrator: Wire, tmp_path: Path) -> Iterator[Process]:
    """The service and a sender with the local phone."""
    own = {key: value for key, value in os.environ.items() if key.startswith("EPASS_")}
    keys = {"EPASS_PERSONAL_KEYS": own["EPASS_PERSONAL_KEYS"]}
    served = Process(
        ["-m", "services.ops.serve", "notify"],
        {**own, **topology.environment("notify"), **keys},
        tmp_path / "notify.log",
    )
    sender = Process(
        ["-m", "services.ops.cli", "sender"],
        {**own, **topology.environment("sender"), **keys},
        tmp_path / "sender.log",
    )
    served.start()
    sender.start()
    yield served
    served.kill()
    sender.kill()


def publish(administrator: Wire, delivered: Received, times: int = 2) -> None:
    envelope = wrap(
        delivered.event,
        event_id=delivered.id,
        seq=delivered.seq,
        occurred_at=delivered.occurred_at,
        keys=key_ring(),
        expires_at=delivered.expires_at,
    )
    for _ in range(times):
        administrator.publish(
            exchange_of(delivered.producer), type(delivered.event).__name__, envelope.to_bytes()
        )


def ask(
    administrator: Wire, method: str, request: dict, principal: Principal, key: str | None = None
) -> dict:
    call = {"principal": prove(principal).model_dump(mode="json"), "idempotency_key": key}
    return administrator.call("notify", method, request, call=call)


def phone(administrator: Wire) -> list[dict]:
    return ask(administrator, "local_phone", {"to": MOBILE}, Principal())["result"]["items"]


def test_every_event_delivered_twice_by_the_broker_creates_each_message_once(
    service: Process, administrator: Wire, db: Database
) -> None:
    visit = Visit(language="en")
    delivered = [
        otp(),
        received(login()),
        received(visit.submitted()),
        received(visit.cancelled()),
        received(visit.expired()),
        received(visit.rejected()),
        received(visit.returned()),
        received(visit.issued()),
        received(Visit().revoked()),
        received(visit.escalated()),
        received(Visit().erased()),
    ]
    for one in delivered:
        publish(administrator, one)

    def ended() -> bool:
        with db.transaction() as session:
            rows = session.execute(select(MessageRow.purpose, MessageRow.state)).all()
        return sorted(rows) == sorted((purpose, "delivered") for purpose in PURPOSES)

    eventually(ended, "ten messages, each delivered")
    eventually(
        lambda: all(
            administrator.depth(f"notify.{event.__name__}") == 0 for event in SUBSCRIPTIONS["notify"]
        ),
        "all are taken",
    )
    assert all(administrator.depth(f"notify.{event.__name__}.dead") == 0 for event in SUBSCRIPTIONS["notify"])


PURPOSES = (
    "otp",
    "login_issued",
    "application_submitted",
    "application_cancelled",
    "application_expired",
    "rejected",
    "returned",
    "pass_issued",
    "pass_revoked",
    "review_escalated",
)


def test_a_pass_reaches_the_local_phone_and_once_more_after_a_resend_and_a_refusal_its_caller(
    service: Process, administrator: Wire, db: Database
) -> None:
    visit = Visit()
    publish(administrator, received(visit.issued()))
    eventually(lambda: len(phone(administrator)) == 1, "it is on the phone")
    for _ in range(2):
        assert (
            ask(administrator, "resend", {"reference": visit.reference}, APPLICANT, "key-1")["result"] == {}
        )
    eventually(lambda: len(phone(administrator)) == 2, "it is there again")
    shown = phone(administrator)[1]
    assert (shown["to"], shown["channel"], shown["purpose"], shown["language"]) == (
        MOBILE,
        "sms",
        "pass_issued",
        "pa",
    )
    code = shown["link"].rpartition("/")[2]
    assert f"/q/{code[:SHORT_LINK]}" in shown["text"], "the message has the short form of the link"
    assert visit.number in shown["text"]
    assert ask(administrator, "record_print", {"number": visit.number}, RECEPTION, "key-2")["result"] == {}
    with db.transaction() as session:
        published = session.execute(
            select(tables.outbox.c.type, func.count()).group_by(tables.outbox.c.type)
        ).all()
    assert published == [("NotificationDelivered", 3)]
    applied = Visit()
    publish(administrator, received(applied.submitted()))
    eventually(lambda: len(phone(administrator)) == 3, "it is known")
    error = ask(administrator, "resend", {"reference": applied.reference}, APPLICANT)["error"]
    assert (error["exc_type"], json.loads(error["exc_args"][0])["code"]) == ("Conflict", "no_pass")
    refused = ask(administrator, "record_print", {"number": applied.number}, APPLICANT)["error"]
    assert refused["exc_type"] == "Forbidden"
