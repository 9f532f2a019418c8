"""Fixtures of this folder."""

import pytest

from services.verify.service import Service
from tests.integration.verify.handlers.supervision.supervised import Supervised
from tests.support.factories.verify import SETTINGS


@pytest.fixture
def gate(databases) -> Supervised:
    return Supervised(databases["verify"])


@pytest.fixture
def service(gate: Supervised) -> Service:
    one = Service()
    one.db, one.settings = gate.database, SETTINGS
    return one
