"""Asks the exporter, over HTTP, what the pages of operations show: also while the broker is down."""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cached_property
from typing import TypeVar

import httpx
from pydantic import SecretStr, ValidationError

from contracts.errors import NotFound, Unavailable
from contracts.model import Wire
from contracts.ops import PROOF_HEADER, LetterList, Replay, Replayed, Report
from contracts.rpc.call import Principal

R = TypeVar("R", bound=Wire)
REPORT_SECONDS = 1.5
"""The report lies ready. Who does not have it after this time has none."""
SECONDS = 3.0
"""For what the exporter reads from the broker first."""


class OpsClient:
    """A client of the exporter.

    Each call raises `NotFound` if no consumer of events has the queue, and `Unavailable` if the exporter or
    the broker does not answer: what became of it is then unknown.
    """

    def __init__(self, url: str, token: SecretStr, verify: ssl.SSLContext | bool = True) -> None:
        self._url = url
        self._token = token
        self._verify = verify

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        """Return the client, made when it is needed first: most gateways never show these pages."""
        headers = {"Authorization": f"Bearer {self._token.get_secret_value()}"}
        return httpx.AsyncClient(
            base_url=self._url, headers=headers, trust_env=False, timeout=SECONDS, verify=self._verify
        )

    async def close(self) -> None:
        """Close the connections; harmless where nobody has asked anything."""
        if "_http" in self.__dict__:
            await self._http.aclose()

    async def report(self) -> Report:
        """Return everything that the exporter knows."""
        return await self._ask("GET", "/report", Report, REPORT_SECONDS)

    async def letters(self, queue: str, by: Principal) -> LetterList:
        """Return the first dead letters of a consumer to an operator, whose login the exporter logs."""
        return await self._ask("GET", f"/dead-letters/{queue}", LetterList, headers=_proof_of(by))

    async def replay(self, queue: str, letter: str, replayed: int, by: Principal) -> Replayed:
        """Send a dead letter back to its consumer that was replayed so often; repeating it is safe."""
        wanted = Replay(replayed=replayed, by=by.id)
        return await self._ask(
            "POST",
            f"/dead-letters/{queue}/{letter}/replay",
            Replayed,
            content=wanted.model_dump_json(),
            headers={"Content-Type": "application/json", **_proof_of(by)},
        )

    async def _ask(
        self,
        method: str,
        path: str,
        kind: type[R],
        seconds: float = SECONDS,
        content: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> R:
        if not self._url:
            raise Unavailable("EPASS_OPS_URL is not set")
        try:
            async with asyncio.timeout(seconds):
                answer = await self._http.request(method, path, content=content, headers=headers)
            if answer.status_code == 404:
                raise NotFound("no such queue")
            answer.raise_for_status()
            return kind.model_validate_json(answer.content)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValidationError):
            raise Unavailable("the exporter does not answer") from None


def _proof_of(operator: Principal) -> Mapping[str, str]:
    """Return what proves to the exporter who asks; one of 0.23 and before wants the name alone."""
    proof = operator.proof.model_dump_json(exclude_none=True) if operator.proof else ""
    return {"X-Operator": operator.id, PROOF_HEADER: proof}
