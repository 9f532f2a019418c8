"""The database of notify, and a clock that a test moves."""

import pytest

from services.chassis.db.database import Database
from tests.support.factories.notify import Clock


@pytest.fixture
def db(databases) -> Database:
    return databases["notify"]


@pytest.fixture
def clock(db: Database) -> Clock:
    return Clock(db)
