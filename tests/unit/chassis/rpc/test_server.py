"""Errors that reach the caller of an RPC: a temporary fault is Unavailable, and our own fault has no text."""

from dataclasses import replace

import psycopg
import pytest
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from contracts.errors import Forbidden, Unavailable
from contracts.rpc.call import Call, Principal
from contracts.rpc.verify.presence import INSIDE, InsideList, InsideQuestion
from contracts.rpc.verify.scans import ScanPass
from services.chassis.rpc.server import rpc, translate
from services.chassis.runtime.clock import now


def _fault(kind: type[psycopg.Error]) -> DBAPIError:
    return DBAPIError.instance("select 1", {}, kind("a secret"), psycopg.Error)  # type: ignore[return-value]  # SQLAlchemy's own way


@pytest.mark.parametrize(
    "kind",
    [
        psycopg.errors.LockNotAvailable,
        psycopg.errors.QueryCanceled,
        psycopg.errors.DeadlockDetected,
        psycopg.errors.AdminShutdown,
    ],
)
def test_a_temporary_fault_is_unavailable(kind) -> None:
    assert type(translate(_fault(kind))).__name__ == "Unavailable"


@pytest.mark.parametrize("kind", [psycopg.errors.UniqueViolation, psycopg.errors.UndefinedTable])
def test_a_fault_of_ours_is_an_internal_error_without_its_text(kind) -> None:
    error = translate(_fault(kind))
    assert type(error).__name__ == "InternalError"
    assert "secret" not in str(error)


def test_a_model_that_a_handler_builds_wrongly_is_an_internal_error() -> None:
    with pytest.raises(ValidationError) as caught:
        ScanPass.model_validate({})
    assert type(translate(caught.value)).__name__ == "InternalError"


def test_a_worker_that_is_killed_gives_no_reply() -> None:
    class Killed(BaseException):
        """As eventlet's GreenletExit."""

    def inside() -> InsideList:
        raise Killed

    answer = rpc(INSIDE, inside)
    with pytest.raises(Killed):
        answer(None, InsideQuestion(site="PCS1"), Call(deadline=now()))


def test_a_call_that_is_late_when_a_worker_is_free_is_not_handled_and_gets_a_reply() -> None:
    def inside() -> InsideList:
        pytest.fail("it was handled")

    with pytest.raises(Unavailable):
        rpc(INSIDE, inside)(None, InsideQuestion(site="PCS1"), Call(deadline=now()), lambda _call: True)


def test_a_nonce_with_a_nul_character_is_refused() -> None:
    with pytest.raises(ValidationError, match="nonce"):
        ScanPass.model_validate({"token": "x", "gate": "PCS1-G1", "nonce": "12345678\0"})


def test_a_call_that_needs_the_second_factor_of_just_now_is_not_handled_without() -> None:
    handled = []
    answer = rpc(replace(INSIDE, fresh=True), lambda request: handled.append(request) or InsideList(items=()))
    at = int(now().timestamp())

    def ask(factor_at: int | None) -> None:
        principal = Principal(kind="staff", role="ado", factor_at=factor_at)
        answer(None, InsideQuestion(site="PCS1"), Call(deadline=now(), principal=principal))

    with pytest.raises(Forbidden) as refused:
        ask(at - 301)
    assert refused.value.body.code == "second_factor_stale"
    assert not handled
    ask(at - 1)
    ask(None)
    assert len(handled) == 2
