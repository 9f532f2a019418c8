"""A service's connections to its database."""

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from services.chassis.db import database
from services.chassis.db.database import Database
from tests.integration.conftest import postgres_away
from tests.support.backends import TestStack


@pytest.fixture
def pooled(databases, stack: TestStack):
    """Yield a pool with an open connection to a server that has restarted since."""
    own = Database(databases["verify"].engine.url.render_as_string(hide_password=False))
    assert own.is_available()
    with postgres_away(stack):
        pass
    yield own
    own.close()


def test_the_first_transaction_after_a_restart_of_the_server_succeeds(pooled: Database) -> None:
    with pooled.transaction() as session:
        assert session.execute(text("select 1")).scalar_one() == 1


def test_without_the_check_of_the_connection_the_first_call_fails(pooled: Database) -> None:
    """Negative control."""
    event.remove(pooled.engine, "checkout", database._check_open)
    with pytest.raises(OperationalError), pooled.transaction() as session:
        session.execute(text("select 1"))
