"""Many requests in the same moment, by clients who follow the interface: a 503 is answered by the same request with the same key."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.system import System

TRIES = 30


@dataclass(frozen=True)
class Command:
    """A request that changes something. Its key is its correlation id, too, so that what it causes can be found by it."""

    path: str
    key: str
    token: str = ""
    body: Any = None
    method: str = "POST"

    @property
    def headers(self) -> dict[str, str]:
        told = {"Idempotency-Key": self.key, "X-Request-ID": self.key}
        return {**told, "Authorization": f"Bearer {self.token}"} if self.token else told


def at_once(system: System, commands: Sequence[Command]) -> list[httpx.Response]:
    """What each was answered in the end."""

    async def send(http: httpx.AsyncClient, command: Command) -> httpx.Response:
        for _ in range(TRIES):
            answer = await http.request(
                command.method, f"/api/v1{command.path}", json=command.body, headers=command.headers
            )
            if answer.status_code != 503:
                break
            await asyncio.sleep(random.uniform(0.2, 1.5))
        return answer

    async def all_of_them() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=system.url, timeout=30, trust_env=False) as http:
            return await asyncio.gather(*(send(http, command) for command in commands))

    return asyncio.run(all_of_them())
