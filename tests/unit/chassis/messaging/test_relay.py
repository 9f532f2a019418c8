"""The relay's loop."""

import asyncio

import pytest

from services.chassis.messaging.relay import OutboxRelay, RelaySettings
from tests.support.running import free_port


async def test_the_relay_of_an_outbox_survives_an_error_that_nobody_expects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/issuance"
    settings = RelaySettings(broker_urls=("amqp://127.0.0.1",), relay_database_urls=(url,))
    relay, third = OutboxRelay(url, settings), asyncio.Event()
    tries: list[bool] = []

    async def fail() -> None:
        tries.append(relay.healthy)
        if len(tries) == 3:
            third.set()
        relay.healthy = True
        raise ZeroDivisionError

    monkeypatch.setattr(relay, "_work", fail)
    task = asyncio.create_task(relay.run())
    await asyncio.wait_for(third.wait(), 5)
    assert tries == [False] * 3  # after each failure the relay is not ready
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
