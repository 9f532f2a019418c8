"""A vendor over HTTP, and a client that waits 0.3 seconds for it."""

from collections.abc import Iterator

import pytest

from services.notify.adapters.channels.http_gateway import GatewayClient
from tests.integration.notify.http_gateways.http_vendor import Vendor, gateway_client


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    server = Vendor()
    yield server
    server.close()


@pytest.fixture(scope="module")
def client() -> GatewayClient:
    return gateway_client(0.3)
