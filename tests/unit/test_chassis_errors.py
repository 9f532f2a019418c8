"""What callers are told of faults: those that pass are Unavailable, and text that no database stores is bad input."""

import psycopg
import pytest
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from contracts.rpc import ScanPass
from services.chassis.rpc import translate


def _fault(kind: type[psycopg.Error]) -> DBAPIError:
    return DBAPIError.instance("select 1", {}, kind("a secret"), psycopg.Error)  # type: ignore[return-value]  # SQLAlchemy's own way


@pytest.mark.parametrize(
    "kind",
    [psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected, psycopg.errors.AdminShutdown],
)
def test_a_fault_that_passes_is_unavailable(kind) -> None:
    assert type(translate(_fault(kind))).__name__ == "Unavailable"


@pytest.mark.parametrize("kind", [psycopg.errors.UniqueViolation, psycopg.errors.UndefinedTable])
def test_a_fault_of_ours_is_an_internal_error_without_its_text(kind) -> None:
    told = translate(_fault(kind))
    assert type(told).__name__ == "InternalError"
    assert "secret" not in str(told)


def test_a_nonce_that_no_database_stores_is_bad_input() -> None:
    with pytest.raises(ValidationError, match="nonce"):
        ScanPass.model_validate({"token": "x", "gate": "PCS1-G1", "nonce": "12345678\0"})
