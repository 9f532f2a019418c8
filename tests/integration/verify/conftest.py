"""A gate of verify."""

import pytest

from tests.support.factories.verify import Gate


@pytest.fixture
def gate(databases) -> Gate:
    return Gate(databases["verify"])
