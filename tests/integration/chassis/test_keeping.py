"""Schemas as the models say, and tables that do not grow for ever."""

from importlib import import_module
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from contracts.rpc.call import Principal
from contracts.rpc.issuance import PassNumber
from contracts.subscriptions import SERVICES
from services.chassis.db import housekeeping, tables
from services.chassis.messaging import inbox
from services.chassis.rpc.idempotency import once

ALICE = Principal(kind="staff", id="HOM-0001")


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_make_the_tables_that_the_models_describe(databases, service) -> None:
    models = import_module(f"services.{service}.models")
    with databases[service].engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, [models.Base.metadata, tables.metadata])
    assert differences == []


def test_old_keys_and_marks_are_purged_and_young_ones_stay(databases, call) -> None:
    database = databases["verify"]
    with database.transaction() as session:
        inbox.mark_seen(session, "verify.PassIssued", uuid4())
        once(session, call(ALICE, "young"), "make", PassNumber(number="1"), lambda: "made", lambda ref: ref)
        once(session, call(ALICE, "old"), "make", PassNumber(number="1"), lambda: "made", lambda ref: ref)
        session.execute(
            text("update idempotency_keys set created_at = now() - interval '25 hours' where key = 'old'")
        )
        inbox.mark_seen(session, "verify.PassRevoked", uuid4())
        session.execute(
            text(
                "update inbox set seen_at = now() - interval '40 days' where consumer = 'verify.PassRevoked'"
            )
        )
    housekeeping.purge(database)
    with database.transaction() as session:
        assert list(session.execute(text("select key from idempotency_keys")).scalars()) == ["young"]
        assert list(session.execute(text("select consumer from inbox")).scalars()) == ["verify.PassIssued"]
