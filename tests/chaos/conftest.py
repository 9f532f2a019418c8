"""One whole system for all of these tests, with a phone provider that nobody kills."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.chaos.deployment import Deployment, deploy
from tests.support.chaos.scenario import Scenario, mobile_ending_in
from tests.support.system.actors import Department


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deploy(tmp_path_factory.mktemp("chaos")) as running:
        yield running


@pytest.fixture(scope="session")
def department(deployment: Deployment) -> Department:
    return Department(deployment.system)


@pytest.fixture
def scenario_of(deployment: Deployment, department: Department) -> Callable[[int], Scenario]:
    """Start a scenario of somebody whose number ends in this digit."""
    return lambda digit: Scenario(
        deployment.stack, deployment.system, deployment.provider, department, mobile_ending_in(digit)
    )


@pytest.fixture
def scenario(scenario_of: Callable[[int], Scenario]) -> Scenario:
    """A scenario of somebody whose provider honours idempotency keys."""
    return scenario_of(2)
