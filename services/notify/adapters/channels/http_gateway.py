"""What all HTTP gateways have in common: one POST of JSON, and the meaning of its response.

Headers: ``Authorization: Bearer <token>`` and ``Idempotency-Key: <message id>``, the same at every try. Any
2xx is success. Temporary errors are: no connection, no response in time, 408, 425, 429, 5xx, and also 401 and
403, since a token that is wrong for hours must not cost every applicant their message: what cannot have
arrived is tried again until it is of no use. Any other status is a permanent error.

A gateway that got the request and did not respond may have accepted the message. So may one that failed with
5xx, except 503, which means that it did not begin.
"""

import asyncio
import json
import threading
from collections.abc import Mapping
from http import HTTPStatus
from uuid import UUID

import httpx
from pydantic import JsonValue

from services.notify.adapters.channels import PermanentChannelError, TemporaryChannelError

TIMEOUT = httpx.Timeout(connect=3.0, read=8.0, write=4.0, pool=1.0)
"""In seconds, of each step. A gateway that sends a byte now and then stays within them for ever."""
CALL_SECONDS = 15.0
"""The longest time of a call: well below the lease, and below the time in which a sender stops."""
MOST_BYTES = 64 * 1024
"""More of a response is not read."""
_NOT_REACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Errors after which the gateway has not received a byte."""
_TEMPORARY = {401: "credentials", 403: "credentials", 408: "timeout", 425: "busy", 429: "busy"}


class GatewayClient:
    """A client for several threads.

    One event loop makes their calls: only there a deadline ends a call wherever it is, also between two bytes
    of a header.
    """

    def __init__(self, client: httpx.AsyncClient, call_seconds: float = CALL_SECONDS) -> None:
        self._client = client
        self._call_seconds = call_seconds
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def post(self, url: str, body: Mapping[str, JsonValue], headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Return the status and the content of the response, of which no more than needed is read.

        Raises:
            TimeoutError: the call takes too long.
            httpx.HTTPError: it failed.
        """
        return asyncio.run_coroutine_threadsafe(self._call(url, body, headers), self._loop).result()

    async def _call(
        self, url: str, body: Mapping[str, JsonValue], headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        content = b""
        async with (
            asyncio.timeout(self._call_seconds),
            self._client.stream("POST", url, json=body, headers=headers) as response,
        ):
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > MOST_BYTES:
                    break
        return response.status_code, content


def gateway_client(connections: int) -> GatewayClient:
    """Return a client for that many threads; it follows no redirect."""
    limits = httpx.Limits(max_connections=connections)
    return GatewayClient(httpx.AsyncClient(timeout=TIMEOUT, limits=limits))


def post(client: GatewayClient, url: str, token: str, key: UUID, body: Mapping[str, JsonValue]) -> JsonValue:
    """Post a body and return the JSON of the response, or None where it has none.

    Raises:
        TemporaryChannelError: ``unreachable``, ``timeout``, ``busy``, ``credentials`` or ``gateway_fault``.
        PermanentChannelError: ``refused``.
    """
    headers = {"Idempotency-Key": str(key), "Accept-Encoding": "identity"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        status, content = client.post(url, body, headers)
    except TimeoutError:
        raise TemporaryChannelError("timeout", may_have_arrived=True) from None
    except httpx.HTTPError as error:
        reason = "timeout" if isinstance(error, httpx.TimeoutException) else "unreachable"
        raise TemporaryChannelError(reason, may_have_arrived=not isinstance(error, _NOT_REACHED)) from None
    if httpx.codes.is_success(status):
        try:
            answer: JsonValue = json.loads(content)
        except (ValueError, RecursionError):
            return None
        return answer
    if httpx.codes.is_server_error(status):
        raise TemporaryChannelError(
            "gateway_fault", may_have_arrived=status != HTTPStatus.SERVICE_UNAVAILABLE
        )
    if status in _TEMPORARY:
        raise TemporaryChannelError(_TEMPORARY[status])
    raise PermanentChannelError("refused")
