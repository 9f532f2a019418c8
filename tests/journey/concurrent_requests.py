"""Many calls in the same moment, by clients that repeat a call whose outcome is unknown."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx

from epass_client import AsyncClient, Call
from tests.support.system.system import System

REPEAT_SECONDS = 60


def send_at_once(system: System, calls: Sequence[tuple[str, Call[Any]]]) -> list[Any]:
    """Send each call with the session of its token; return each answer, or the `Problem` that was raised."""

    async def send_all() -> list[Any]:
        http = httpx.AsyncClient(timeout=30, trust_env=False)
        async with AsyncClient(system.url, http=http, repeat_seconds=REPEAT_SECONDS) as client:
            sent = (client.with_token(token).send(call) for token, call in calls)
            return await asyncio.gather(*sent, return_exceptions=True)

    return asyncio.run(send_all())
