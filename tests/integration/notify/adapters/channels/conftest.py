"""The client of all channels over HTTP; it leaves no connection open."""

import httpx
import pytest

from services.notify.adapters.channels.http_gateway import GatewayClient


@pytest.fixture(scope="package")
def client() -> GatewayClient:
    limits = httpx.Limits(max_keepalive_connections=0)
    return GatewayClient(httpx.AsyncClient(timeout=2, limits=limits, trust_env=False))
