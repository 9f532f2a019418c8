"""What all HTTP gateways have in common: one POST of JSON, and the meaning of its response.

Headers: ``Authorization: Bearer <token>`` and ``Idempotency-Key: <message id>``, the same at every try. Any
2xx is success. Temporary errors are: no connection, no response in time, 408, 425, 429, 5xx, and also 401 and
403, since a token that is wrong for hours must not cost every applicant their message: what cannot have
arrived is tried again until it is of no use. Any other status is a permanent error.

A gateway that got the request and did not respond may have accepted the message. So may one that failed with
5xx, except 503, which means that it did not begin.
"""

from collections.abc import Mapping
from http import HTTPStatus
from uuid import UUID

import httpx
from pydantic import JsonValue

from services.notify.adapters.channels import PermanentChannelError, TemporaryChannelError

TIMEOUT = httpx.Timeout(connect=3.0, read=8.0, write=4.0, pool=1.0)
"""In seconds; the lease is longer than their sum."""
_NOT_REACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Errors after which the gateway has not received a byte."""
_TEMPORARY = {401: "credentials", 403: "credentials", 408: "timeout", 425: "busy", 429: "busy"}


def gateway_client(connections: int) -> httpx.Client:
    """Return a client for that many threads; it follows no redirect."""
    return httpx.Client(timeout=TIMEOUT, limits=httpx.Limits(max_connections=connections))


def post(client: httpx.Client, url: str, token: str, key: UUID, body: Mapping[str, JsonValue]) -> JsonValue:
    """Post a body and return the JSON of the response, or None where it has none.

    Raises:
        TemporaryChannelError: ``unreachable``, ``timeout``, ``busy``, ``credentials`` or ``gateway_fault``.
        PermanentChannelError: ``refused``.
    """
    headers = {"Idempotency-Key": str(key), **({"Authorization": f"Bearer {token}"} if token else {})}
    try:
        response = client.post(url, json=body, headers=headers)
    except httpx.HTTPError as error:
        reason = "timeout" if isinstance(error, httpx.TimeoutException) else "unreachable"
        raise TemporaryChannelError(reason, may_have_arrived=not isinstance(error, _NOT_REACHED)) from None
    if response.is_success:
        try:
            content: JsonValue = response.json()
        except ValueError:
            return None
        return content
    if response.is_server_error:
        raise TemporaryChannelError(
            "gateway_fault", may_have_arrived=response.status_code != HTTPStatus.SERVICE_UNAVAILABLE
        )
    if response.status_code in _TEMPORARY:
        raise TemporaryChannelError(_TEMPORARY[response.status_code])
    raise PermanentChannelError("refused")
