"""The staff of the demo who take part in journeys only, signed in once."""

import pytest

from tests.support.system.actors import Staff
from tests.support.system.system import System


@pytest.fixture(scope="session")
def reception(system: System) -> Staff:
    return Staff(system, "reception")


@pytest.fixture(scope="session")
def ado(system: System) -> Staff:
    return Staff(system, "ado")
