"""What all HTTP vendors have in common: a request, a deadline, and the meaning of the response's status.

Any 2xx is success, unless a vendor says otherwise in the body. Temporary errors are: no connection, no
response in time, 408, 425, 429, 5xx, and also 401 and 403, since a token that is wrong for hours must not
cost every applicant their message: what cannot have arrived is tried again until it is of no use. Any other
status is a permanent error.

A vendor that got the request and did not respond may have accepted the message. So may one that failed with
5xx, except 503, which means that it did not begin.

Addresses come from settings alone. Outside local mode they begin with https://, certificates are verified,
no redirect is followed, and a name that leads to a private address is refused before anything is connected to
(``public_addresses.py``).
"""

import asyncio
import json
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx
from pydantic import JsonValue

from services.notify.adapters.channels import (
    SEND_SECONDS,
    Deadline,
    PermanentChannelError,
    TemporaryChannelError,
)
from services.notify.adapters.channels.public_addresses import NotPublic, require_public

TIMEOUT = httpx.Timeout(connect=3.0, read=8.0, write=4.0, pool=1.0)
"""In seconds, of each step. A vendor that sends a byte now and then stays within them for ever."""
MOST_BYTES = 64 * 1024
"""More of a response is not read."""
_NOT_REACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Errors after which the vendor has not received a byte."""
_TEMPORARY = {401: "credentials", 403: "credentials", 408: "timeout", 425: "busy", 429: "busy"}


@dataclass(frozen=True)
class Response:
    """The status of a response, as much of its content as is needed, and for how long to wait if it says."""

    status: int
    content: bytes = field(repr=False)
    retry_after: float | None = None

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return httpx.codes.is_success(self.status)

    def fields(self) -> Mapping[str, JsonValue]:
        """Return the content as an object of JSON, an empty one where it is something else."""
        try:
            parsed = json.loads(self.content)
        except (ValueError, RecursionError):
            return {}
        return parsed if isinstance(parsed, dict) else {}


class GatewayClient:
    """A client for several threads.

    One event loop makes their calls: only there a deadline ends a call wherever it is, also between two bytes
    of a header.

    Args:
        call_seconds: the longest time of a call.
        public_only: whether a name that leads to a private address is refused.
    """

    def __init__(
        self, client: httpx.AsyncClient, call_seconds: float = SEND_SECONDS, *, public_only: bool = False
    ) -> None:
        self._client = client
        self._call_seconds = call_seconds
        self._public_only = public_only
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def post(self, url: str, headers: Mapping[str, str], deadline: Deadline, **content: Any) -> Response:
        """Post ``json``, ``data`` (a form) or ``files``, and return the response.

        Raises:
            TemporaryChannelError: ``unreachable``, or ``timeout``, also where too little is left to begin.
            PermanentChannelError: ``private_address``.
        """
        seconds = min(self._call_seconds, deadline.require_left())
        return self._request("POST", url, headers, content, seconds)

    def get(self, url: str, headers: Mapping[str, str], query: Mapping[str, str]) -> Response:
        """Ask for something; nothing arrives anywhere by that.

        Raises:
            TemporaryChannelError: ``unreachable`` or ``timeout``.
            PermanentChannelError: ``private_address``.
        """
        return self._request("GET", url, headers, {"params": query}, self._call_seconds)

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], content: Mapping[str, Any], seconds: float
    ) -> Response:
        call = self._call(method, url, headers, content, seconds)
        try:
            return asyncio.run_coroutine_threadsafe(call, self._loop).result()
        except TimeoutError:
            raise TemporaryChannelError("timeout", may_have_arrived=True) from None
        except NotPublic:
            raise PermanentChannelError("private_address") from None
        except httpx.HTTPError as error:
            reason = "timeout" if isinstance(error, httpx.TimeoutException) else "unreachable"
            reached = not isinstance(error, _NOT_REACHED)
            raise TemporaryChannelError(reason, may_have_arrived=reached) from None

    async def _call(
        self, method: str, url: str, headers: Mapping[str, str], content: Mapping[str, Any], seconds: float
    ) -> Response:
        async with asyncio.timeout(seconds):
            name = httpx.URL(url)
            if not self._public_only:
                return await self._send(method, name, headers, content)
            *others, last = await self._addresses(name)
            for address in others:
                with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                    return await self._send(method, name, headers, content, address)
            return await self._send(method, name, headers, content, last)

    async def _send(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        content: Mapping[str, Any],
        address: str = "",
    ) -> Response:
        """Send to a URL, at an address if there is one; the certificate is that of the name in the URL."""
        received = b""
        given = {"Host": url.netloc.decode(), **headers}
        target = url.copy_with(host=address) if address else url
        extensions = {"sni_hostname": url.host} if address else {}
        async with self._client.stream(
            method, target, headers=given, extensions=extensions, **content
        ) as response:
            async for chunk in response.aiter_raw():
                received += chunk
                if len(received) > MOST_BYTES:
                    break
        return Response(response.status_code, received, _seconds(response.headers.get("Retry-After")))

    async def _addresses(self, url: httpx.URL) -> list[str]:
        """Return the addresses of the name in a URL.

        Raises:
            NotPublic: one of them is not on the internet.
            httpx.ConnectError: the name is not known.
        """
        try:
            found = await self._loop.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
        except OSError:
            raise httpx.ConnectError("its name is not known") from None
        return require_public(found)


def _seconds(header: str | None) -> float | None:
    """Return the seconds of a Retry-After; a date there counts as nothing."""
    return float(header) if header is not None and header.isdecimal() else None


def gateway_client(connections: int, *, public_only: bool) -> GatewayClient:
    """Return a client for that many threads; it follows no redirect."""
    limits = httpx.Limits(max_connections=connections)
    return GatewayClient(httpx.AsyncClient(timeout=TIMEOUT, limits=limits), public_only=public_only)


def key_headers(key: UUID, token: str) -> dict[str, str]:
    """Return the idempotency key, the same at every try, and the bearer token of a request."""
    headers = {"Idempotency-Key": str(key), "Accept-Encoding": "identity"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return headers


def require_success(response: Response) -> None:
    """Raise an error if the status of a response is not 2xx.

    Raises:
        TemporaryChannelError: ``timeout``, ``busy``, ``credentials`` or ``gateway_fault``.
        PermanentChannelError: ``refused``.
    """
    if response.is_success:
        return
    if httpx.codes.is_server_error(response.status):
        began = response.status != HTTPStatus.SERVICE_UNAVAILABLE
        raise TemporaryChannelError("gateway_fault", may_have_arrived=began, retry_after=response.retry_after)
    if response.status in _TEMPORARY:
        raise TemporaryChannelError(_TEMPORARY[response.status], retry_after=response.retry_after)
    raise PermanentChannelError("refused")
