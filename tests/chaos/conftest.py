"""One whole system for all of these tests, with a phone provider that nobody kills."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.support.actors import Department
from tests.support.backends import TestStack, start_stack
from tests.support.chaos.provider import Provider
from tests.support.chaos.run import settings_for
from tests.support.chaos.scenario import Scene, mobile_ending_in
from tests.support.system import System


@dataclass(frozen=True)
class Ground:
    """Where chaos happens."""

    stack: TestStack
    system: System
    provider: Provider


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("chaos")
    (folder / "stack").mkdir()
    with (
        start_stack(folder / "stack") as stack,
        Provider(folder) as provider,
        System(stack, **settings_for(provider)) as system,
    ):
        yield Ground(stack, system, provider)


@pytest.fixture(scope="session")
def department(ground: Ground) -> Department:
    return Department(ground.system)


@pytest.fixture
def scene_of(ground: Ground, department: Department) -> Callable[[int], Scene]:
    """A scene of somebody whose number ends in this digit."""
    return lambda digit: Scene(
        ground.stack, ground.system, ground.provider, department, mobile_ending_in(digit)
    )


@pytest.fixture
def scene(scene_of: Callable[[int], Scene]) -> Scene:
    """A scene of somebody whose provider honours keys."""
    return scene_of(2)
