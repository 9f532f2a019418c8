"""One installation of `deploy/compose.yaml` for all tests. Without an engine they say so and stop."""

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import chromium, mobile, open_browser
from tests.support.actors import Applicant, Department, Officer
from tests.support.compose import Installation, missing_engine

__all__ = ["chromium", "mobile", "open_browser"]


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The installation, as what the actors of the journeys know as the system."""
    if why := missing_engine():
        pytest.exit(f"no Docker-compatible engine answers: {why}", returncode=2)
    with Installation(tmp_path_factory.mktemp("compose")) as running:
        yield running


@pytest.fixture(scope="session")
def department(system) -> Department:
    return Department(system)


@pytest.fixture(scope="session")
def officer(system) -> Officer:
    return Officer(system)


@pytest.fixture
def applicant(system) -> Applicant:
    return Applicant(system)
