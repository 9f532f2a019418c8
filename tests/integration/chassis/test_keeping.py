"""Commands once, schemas as the models say, and tables that do not grow for ever."""

from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from contracts.errors import IdempotencyKeyReused
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


def test_fifty_repeats_at_once_have_one_effect_and_one_answer(databases, call) -> None:
    database, key = databases["verify"], str(uuid4())
    effects: list[str] = []

    def command(_number: int) -> str:
        def effect() -> str:
            effects.append("done")
            return f"made-{len(effects)}"

        with database.transaction() as session:
            return once(
                session, call(ALICE, key), "make", PassNumber(number="7K3M9QW4"), effect, lambda ref: ref
            )

    with ThreadPoolExecutor(30) as pool:
        answers = set(pool.map(command, range(50)))
    assert answers == {"made-1"}
    assert effects == ["done"]


def test_without_a_key_each_call_has_its_effect(databases, call) -> None:
    """Negative control of the test above."""
    effects: list[str] = []
    for _ in range(3):
        with databases["verify"].transaction() as session:
            once(
                session,
                call(ALICE),
                "make",
                PassNumber(number="7K3M9QW4"),
                lambda: effects.append("done") or "made",
                lambda ref: ref,
            )
    assert len(effects) == 3


def test_a_key_belongs_to_its_principal_and_its_route(databases, call) -> None:
    effects: list[str] = []
    for principal, route in (
        (ALICE, "make"),
        (Principal(kind="staff", id="HOM-0002"), "make"),
        (ALICE, "break"),
    ):
        with databases["verify"].transaction() as session:
            once(
                session,
                call(principal, "k"),
                route,
                PassNumber(number="1"),
                lambda: effects.append("done") or "made",
                lambda ref: ref,
            )
    assert len(effects) == 3


def test_a_key_with_another_body_is_refused_and_has_no_effect(databases, call) -> None:
    effects: list[str] = []

    def command(number: str) -> None:
        with databases["verify"].transaction() as session:
            once(
                session,
                call(ALICE, "k"),
                "make",
                PassNumber(number=number),
                lambda: effects.append(number) or "made",
                lambda ref: ref,
            )

    command("1")
    with pytest.raises(IdempotencyKeyReused):
        command("2")
    assert effects == ["1"]


def test_a_command_that_failed_may_be_repeated_with_its_key(databases, call) -> None:
    def command(effect) -> str:
        with databases["verify"].transaction() as session:
            return once(session, call(ALICE, "k"), "make", PassNumber(number="1"), effect, lambda ref: ref)

    with pytest.raises(ZeroDivisionError):
        command(lambda: str(1 / 0))
    assert command(lambda: "made") == "made"


def test_old_keys_and_marks_are_purged_and_young_ones_stay(databases, call) -> None:
    database = databases["verify"]
    with database.transaction() as session:
        inbox.first_sight(session, "verify.PassIssued", uuid4())
        once(session, call(ALICE, "young"), "make", PassNumber(number="1"), lambda: "made", lambda ref: ref)
        once(session, call(ALICE, "old"), "make", PassNumber(number="1"), lambda: "made", lambda ref: ref)
        session.execute(
            text("update idempotency_keys set created_at = now() - interval '25 hours' where key = 'old'")
        )
        inbox.first_sight(session, "verify.PassRevoked", uuid4())
        session.execute(
            text(
                "update inbox set seen_at = now() - interval '40 days' where consumer = 'verify.PassRevoked'"
            )
        )
    housekeeping.purge(database)
    with database.transaction() as session:
        assert list(session.execute(text("select key from idempotency_keys")).scalars()) == ["young"]
        assert list(session.execute(text("select consumer from inbox")).scalars()) == ["verify.PassIssued"]
