"""The staff of the demo, signed in once."""

import pytest

from tests.support.actors import Applicant, Department, Officer, Staff
from tests.support.system import System


@pytest.fixture(scope="session")
def department(system: System) -> Department:
    return Department(system)


@pytest.fixture(scope="session")
def officer(system: System) -> Officer:
    return Officer(system)


@pytest.fixture(scope="session")
def reception(system: System) -> Staff:
    return Staff(system, "reception")


@pytest.fixture(scope="session")
def ado(system: System) -> Staff:
    return Staff(system, "ado")


@pytest.fixture
def applicant(system: System) -> Applicant:
    return Applicant(system)
