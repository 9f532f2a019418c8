"""A system of its own, since nothing in it can be trusted afterwards."""

from collections.abc import Iterator

import pytest

from tests.support.stack.backends import start_stack
from tests.support.system.system import System


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with start_stack(tmp_path_factory.mktemp("attacked")) as stack, System(stack) as running:
        yield running
