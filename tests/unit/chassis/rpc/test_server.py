"""What callers are told of faults: those that pass are Unavailable, and text that no database stores is bad input."""

import psycopg
import pytest
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from contracts.rpc.call import Call
from contracts.rpc.verify import INSIDE, InsideList, InsideQuestion, ScanPass
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
def test_a_fault_that_passes_is_unavailable(kind) -> None:
    assert type(translate(_fault(kind))).__name__ == "Unavailable"


@pytest.mark.parametrize("kind", [psycopg.errors.UniqueViolation, psycopg.errors.UndefinedTable])
def test_a_fault_of_ours_is_an_internal_error_without_its_text(kind) -> None:
    told = translate(_fault(kind))
    assert type(told).__name__ == "InternalError"
    assert "secret" not in str(told)


def test_a_model_that_we_build_wrongly_is_our_fault_and_not_the_callers() -> None:
    with pytest.raises(ValidationError) as caught:
        ScanPass.model_validate({})
    assert type(translate(caught.value)).__name__ == "InternalError"


def test_a_worker_that_is_killed_gives_no_answer() -> None:
    class Killed(BaseException):
        """As eventlet's GreenletExit."""

    def inside(_self: object, _request: object, _call: object) -> InsideList:
        raise Killed

    answer = rpc(INSIDE)(inside)
    with pytest.raises(Killed):
        answer(None, InsideQuestion(site="PCS1"), Call(deadline=now()))


def test_a_nonce_that_no_database_stores_is_bad_input() -> None:
    with pytest.raises(ValidationError, match="nonce"):
        ScanPass.model_validate({"token": "x", "gate": "PCS1-G1", "nonce": "12345678\0"})
