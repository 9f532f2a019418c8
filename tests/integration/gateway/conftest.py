"""What the tests of the gateway on a real broker share: the accounts stub, and an application over it."""

import asyncio
from collections.abc import Iterator

import aio_pika
import pytest
from fastapi import FastAPI

from services.chassis.messaging import topology
from services.gateway.app import create_app
from tests.integration.gateway.accounts_stub import AccountsStub
from tests.support.factories.gateway import gateway_settings
from tests.support.stack.backends import TestStack


@pytest.fixture(scope="module")
def accounts(stack: TestStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccountsStub]:
    async def declare() -> None:
        async with await aio_pika.connect(stack.broker_url("administrator")) as connection:
            await topology.declare(connection, (1.0,))

    asyncio.run(declare())
    service = AccountsStub(stack, tmp_path_factory.mktemp("accounts"))
    service.start()
    yield service
    service.stop()


@pytest.fixture
def app(stack: TestStack, accounts: AccountsStub) -> FastAPI:
    return create_app(
        gateway_settings(broker_urls=(stack.broker_url("gateway"),), trusted_proxies=("127.0.0.1",))
    )
