"""Idempotent commands in a real database: one effect and one answer, whatever is repeated."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import uuid4

import pytest
from sqlalchemy import text

from contracts.errors import IdempotencyKeyReused
from contracts.rpc.call import Principal
from contracts.rpc.issuance import PassNumber
from services.chassis.rpc.idempotency import once

ALICE = Principal(kind="staff", id="HOM-0001")


def test_fifty_repeats_at_once_have_one_effect_and_one_answer(databases, call) -> None:
    database, key = databases["verify"], str(uuid4())
    effects: list[str] = []

    def command(_number: int) -> str:
        def effect() -> str:
            effects.append("done")
            return f"made-{len(effects)}"

        with database.transaction() as session:
            return once(
                session,
                call(ALICE, key),
                "make",
                PassNumber(number="7K3M9QW4"),
                effect,
                lambda ref: ref,
                reference=str,
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
                reference=str,
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
                reference=str,
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
                reference=str,
            )

    command("1")
    with pytest.raises(IdempotencyKeyReused):
        command("2")
    assert effects == ["1"]


def test_a_command_that_failed_may_be_repeated_with_its_key(databases, call) -> None:
    def command(effect) -> str:
        with databases["verify"].transaction() as session:
            return once(
                session,
                call(ALICE, "k"),
                "make",
                PassNumber(number="1"),
                effect,
                lambda ref: ref,
                reference=str,
            )

    with pytest.raises(ZeroDivisionError):
        command(lambda: str(1 / 0))
    assert command(lambda: "made") == "made"


@dataclass(frozen=True)
class Made:
    """A reference of two parts."""

    name: str
    revision: int


def test_a_repeat_gets_the_same_typed_reference(databases, call) -> None:
    def command() -> Made:
        with databases["verify"].transaction() as session:
            return once(
                session,
                call(ALICE, "k"),
                "make",
                PassNumber(number="1"),
                lambda: Made(str(uuid4()), 2),
                lambda made: made,
                reference=Made,
            )

    assert command() == command()
    with databases["verify"].transaction() as session:
        stored = session.execute(text("select ref from idempotency_keys where key = 'k'")).scalar_one()
    assert stored.endswith('"revision":2}')


class LaterPassNumber(PassNumber):
    """The request of a later version, with an optional field more."""

    language: str | None = None


def test_a_new_optional_field_does_not_turn_a_repeat_into_another_command(databases, call) -> None:
    def command(request: PassNumber) -> str:
        with databases["verify"].transaction() as session:
            return once(
                session,
                call(ALICE, "k"),
                "make",
                request,
                lambda: str(uuid4()),
                lambda ref: ref,
                reference=str,
            )

    first = command(PassNumber(number="1"))
    assert command(LaterPassNumber(number="1")) == first
    with pytest.raises(IdempotencyKeyReused):  # negative control: the client sent another body
        command(LaterPassNumber(number="1", language=None))
