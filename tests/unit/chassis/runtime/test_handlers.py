"""A handler gets what it names, and one that names what nobody gives fails when its service is imported."""

from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from contracts.errors import InternalError
from contracts.events import PassIssued
from contracts.rpc.call import Call
from contracts.rpc.issuance import PASS, PassNumber
from contracts.rpc.notify import WEBHOOK_CHALLENGE, ChallengeAnswer, WebhookChallenge
from services.chassis.db.providers import every
from services.chassis.messaging.entrypoint import consumes
from services.chassis.rpc.server import rpc
from services.chassis.runtime import handlers
from services.chassis.runtime.handlers import Injected

NOON = datetime(2026, 11, 30, 6, 30, tzinfo=UTC)
OWNER = SimpleNamespace(db="the database", settings="the settings", other="not given")


def test_a_handler_gets_what_it_names_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "now", lambda: NOON)

    def handler(settings: Any, *, now: datetime, session: Any) -> tuple[Any, ...]:
        return settings, now, session

    injected = Injected(handler, ("session", "call"))
    assert injected(OWNER, session="a session", call="a call") == ("the settings", NOON, "a session")


def test_an_event_is_the_first_parameter_whatever_its_name() -> None:
    def withdraw(withdrawn: object, db: Any) -> tuple[Any, ...]:
        return withdrawn, db

    assert Injected(withdraw, messages=1)(OWNER, "an event") == ("an event", "the database")


def test_a_handler_keeps_the_defaults_of_what_only_other_callers_hand_in() -> None:
    def list_entries(service: str, others: tuple[str, ...] = ("nothing",)) -> tuple[Any, ...]:
        return service, others

    assert Injected(list_entries, ("service",))(OWNER, service="verify") == ("verify", ("nothing",))


def of_call(request: PassNumber, clock: datetime) -> Any: ...
def of_event(issued: PassIssued, clock: datetime) -> None: ...
def of_job(clock: datetime) -> None: ...


@pytest.mark.parametrize(
    "declare",
    [
        lambda: rpc(PASS, of_call),
        lambda: consumes(PassIssued, of_event),
        lambda: every(60, of_job),
        lambda: every(60, lambda: None, destroys=of_job),
    ],
    ids=["call", "event", "job", "destroys"],
)
def test_a_handler_that_names_what_nobody_gives_it_fails_at_once(declare: Any) -> None:
    with pytest.raises(TypeError, match=r"of_\w+ names clock; a handler here may name .*now, .*settings"):
        declare()


def test_a_job_of_batches_that_names_no_session_fails_at_once() -> None:
    with pytest.raises(TypeError, match="works in batches and names no session"):
        every(60, lambda: 1, rows=5)


@pytest.mark.parametrize("changed", [(), ("a row",)], ids=["reads", "changes a row"])
def test_a_question_that_changes_a_row_fails_instead_of_losing_the_change(changed: tuple[str, ...]) -> None:
    session = SimpleNamespace(new=(), dirty=changed, deleted=())
    owner = SimpleNamespace(db=SimpleNamespace(queries=lambda: nullcontext(session)))
    answer = rpc(WEBHOOK_CHALLENGE, lambda session: ChallengeAnswer(text="right"))
    with pytest.raises(InternalError) if changed else nullcontext():
        answer(owner, WebhookChallenge(vendor="whatsapp", query={}), Call(deadline=NOON))
