"""Housekeeping: the chassis' own tables do not grow for ever."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, text, update

from contracts.rpc.call import Principal
from contracts.rpc.issuance import PassNumber
from services.chassis.db import deferred_writes
from services.chassis.db.retention import kept_since
from services.chassis.db.tables import FORGOTTEN, event_sequences
from services.chassis.db.tables import outbox as outbox_table
from services.chassis.messaging import inbox, outbox
from services.chassis.process import housekeeping
from services.chassis.rpc.idempotency import once
from services.chassis.runtime.clock import now
from tests.support.factories.verify import pass_issued, pass_revoked

ALICE = Principal(kind="staff", id="HOM-0001")


def test_old_idempotency_keys_and_inbox_marks_are_deleted_and_young_ones_stay(databases, call) -> None:
    database = databases["verify"]
    with database.transaction() as session:
        inbox.mark_seen(session, "verify.PassIssued", [uuid4()])
        for key in ("young", "old"):
            number = PassNumber(number="1")
            once(session, call(ALICE, key), "make", number, lambda: "made", lambda ref: ref, reference=str)
        session.execute(
            text("update idempotency_keys set created_at = now() - interval '25 hours' where key = 'old'")
        )
        inbox.mark_seen(session, "verify.PassRevoked", [uuid4()])
        session.execute(
            text(
                "update inbox set seen_at = now() - interval '40 days' where consumer = 'verify.PassRevoked'"
            )
        )
    housekeeping.purge(database, 24)
    with database.transaction() as session:
        assert list(session.execute(text("select key from idempotency_keys")).scalars()) == ["young"]
        assert list(session.execute(text("select consumer from inbox")).scalars()) == ["verify.PassIssued"]


def test_numbers_of_applications_and_passes_are_forgotten_with_their_records_and_others_never(
    databases,
) -> None:
    database, oldest = databases["verify"], kept_since(now(), 24)
    rows = [
        {"subject": f"{kind}:{age}", "used_in": oldest.date() - timedelta(days=age)}
        for kind in ("application", "pass", "site", "department", "login")
        for age in (0, 1)
    ]
    with database.transaction() as session:
        session.execute(insert(event_sequences).values(seq=5), rows)
    housekeeping.purge(database, 24)
    with database.transaction() as session:
        left = set(session.scalars(select(event_sequences.c.subject)))
    assert left == {row["subject"] for row in rows} - {"application:1", "pass:1"} | {FORGOTTEN}


@pytest.mark.parametrize("together", [False, True], ids=["one event", "many events at once"])
def test_an_event_after_its_subject_was_forgotten_has_a_higher_number_than_any_before(
    databases, together: bool
) -> None:
    database, event = databases["issuance"], pass_revoked(pass_issued())

    def add(session) -> None:
        if together:
            outbox.add_rows(session, [outbox.new_row(session, event, at=now()) for _ in range(2)])
        else:
            outbox.add(session, event, at=now())
            deferred_writes.send(session)

    with database.transaction() as session:
        for _ in range(3):
            add(session)
        session.execute(update(event_sequences).values(used_in=date(2020, 1, 1)))
    for _ in range(2):
        housekeeping.purge(database, 24)
    with database.transaction() as session:
        add(session)
        seqs = session.scalars(select(outbox_table.c.seq).order_by(outbox_table.c.position)).all()
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_new_event_keeps_the_number_of_its_subject(databases) -> None:
    database = databases["issuance"]
    event = pass_revoked(pass_issued())
    with database.transaction() as session:
        outbox.add(session, event, at=now())
        deferred_writes.send(session)
        session.execute(update(event_sequences).values(used_in=date(2020, 1, 1)))
        outbox.add(session, event, at=now())
    housekeeping.purge(database, 24)
    with database.transaction() as session:
        assert session.scalars(select(event_sequences.c.subject)).all() == [event.subject]
