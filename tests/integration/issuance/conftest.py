"""The database of issuance."""

import pytest


@pytest.fixture
def database(databases):
    return databases["issuance"]
