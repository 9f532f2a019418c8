"""A relay of issuance's outbox."""

from collections.abc import Iterator

import pytest

from tests.integration.chassis_under_test import make_relay
from tests.support.stack.running import Process


@pytest.fixture
def relay(topology, issuance, tmp_path) -> Iterator[Process]:
    process = make_relay(topology, tmp_path).start()
    yield process
    process.kill()
