"""The desk of application."""

import pytest

from tests.support.factories.application import Desk


@pytest.fixture
def desk(databases) -> Desk:
    return Desk(databases["application"]).open_directory()
