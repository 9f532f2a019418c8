"""Approval's database with the directory of the tests, also for many at a time."""

from collections.abc import Iterator

import pytest

from services.chassis.db.database import Database
from services.ops.grants import role_of
from tests.support.factories.approval import fill_directory
from tests.support.factories.envelopes import key_ring
from tests.support.stack.backends import TestStack
from tests.support.stack.databases import Databases
from tests.support.stack.settings import EVENT_SIGNERS


@pytest.fixture
def approval_db(databases: Databases) -> Database:
    fill_directory(databases["approval"])
    return databases["approval"]


@pytest.fixture
def crowd(approval_db: Database, stack: TestStack) -> Iterator[Database]:
    """Open the same database with a connection for each of 40 commands at a time."""
    database = Database(
        stack.database_url(role_of("approval"), "approval"),
        40,
        personal_keys=key_ring(),
        idempotency_secret=b"secret",
        event_key=EVENT_SIGNERS["approval"],
    )
    yield database
    database.close()
