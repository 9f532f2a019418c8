"""Idempotent commands in a real database: one effect and one answer, whatever is repeated."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from contracts.errors import IdempotencyKeyReused
from contracts.rpc.call import Call, Principal
from contracts.rpc.issuance import PassNumber
from services.chassis.db.database import Database
from services.chassis.rpc.idempotency import once

ALICE = Principal(kind="staff", id="HOM-0001")

NUMBER = PassNumber(number="7K3M9QW4")


@pytest.fixture
def command(databases, call) -> Callable[..., Any]:
    """Return a function that carries a command out in a transaction of its own."""
    database: Database = databases["verify"]

    def carry_out(
        effect: Callable[[], Any],
        key: str | None = "k",
        *,
        principal: Principal = ALICE,
        route: str = "make",
        request: PassNumber = NUMBER,
        reference: type = str,
    ) -> Any:
        with database.transaction() as session:
            asked: Call = call(principal, key)
            return once(session, asked, route, request, effect, lambda made: made, reference=reference)

    return carry_out


def test_fifty_repeats_at_once_have_one_effect_and_one_answer(command) -> None:
    effects: list[str] = []

    def effect() -> str:
        effects.append("done")
        return f"made-{len(effects)}"

    with ThreadPoolExecutor(30) as pool:
        answers = set(pool.map(lambda _number: command(effect), range(50)))
    assert answers == {"made-1"}
    assert effects == ["done"]


def test_without_a_key_each_call_has_its_effect(command) -> None:
    """Negative control of the test above."""
    effects: list[str] = []
    for _ in range(3):
        command(lambda: effects.append("done") or "made", None)
    assert len(effects) == 3


def test_a_key_belongs_to_its_principal_and_its_route_and_its_body(command) -> None:
    effects: list[str] = []

    def effect() -> str:
        effects.append("done")
        return "made"

    command(effect)
    command(effect, principal=Principal(kind="staff", id="HOM-0002"))
    command(effect, route="break")
    with pytest.raises(IdempotencyKeyReused):
        command(effect, request=PassNumber(number="1"))
    assert len(effects) == 3


def test_a_command_that_failed_may_be_repeated_with_its_key(command) -> None:
    with pytest.raises(ZeroDivisionError):
        command(lambda: str(1 / 0))
    assert command(lambda: "made") == "made"


@dataclass(frozen=True)
class Made:
    """A reference of two parts."""

    name: str
    revision: int


def test_a_repeat_gets_the_same_typed_reference(databases, command) -> None:
    def make() -> Made:
        made: Made = command(lambda: Made(str(uuid4()), 2), reference=Made)
        return made

    assert make() == make()
    with databases["verify"].transaction() as session:
        stored = session.execute(text("select ref from idempotency_keys where key = 'k'")).scalar_one()
    assert stored.endswith('"revision":2}')


class LaterPassNumber(PassNumber):
    """The request of a later version, with an optional field more."""

    language: str | None = None


def test_a_new_optional_field_does_not_turn_a_repeat_into_another_command(command) -> None:
    def make(request: PassNumber) -> str:
        return str(command(lambda: str(uuid4()), request=request))

    first = make(PassNumber(number="1"))
    assert make(LaterPassNumber(number="1")) == first
    with pytest.raises(IdempotencyKeyReused):  # negative control: the client sent another body
        make(LaterPassNumber(number="1", language=None))
