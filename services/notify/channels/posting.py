"""What the HTTP gateways have in common: one POST of JSON, and what its answer means.

Headers: ``Authorization: Bearer <token>`` and ``Idempotency-Key: <message id>``, the same at every try. Any 2xx is a yes.
What may pass is temporary: no connection, no answer in time, 408, 425, 429, 5xx, and 401 and 403 as well, since a token
that is wrong for an hour must not cost every applicant the message. Any other status is a no for ever.

Who was asked and did not answer may have taken the message, and so may a gateway that fails in the middle of it (5xx, but
not 503, which says that it did not begin).
"""

from collections.abc import Mapping
from http import HTTPStatus
from uuid import UUID

import httpx
from pydantic import JsonValue

from services.notify.channels import PermanentChannelError, TemporaryChannelError

TIMEOUT = httpx.Timeout(connect=3.0, read=8.0, write=4.0, pool=1.0)
"""Seconds; the lease is longer."""
_NOT_ASKED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Of these the gateway has not had a byte."""
_TEMPORARY = {401: "credentials", 403: "credentials", 408: "timeout", 425: "busy", 429: "busy"}


def gateway_client(connections: int) -> httpx.Client:
    """A client for as many threads; it follows no redirect."""
    return httpx.Client(timeout=TIMEOUT, limits=httpx.Limits(max_connections=connections))


def post(client: httpx.Client, url: str, token: str, key: UUID, body: Mapping[str, JsonValue]) -> JsonValue:
    """Sends and returns the JSON of the answer, or None where it has none.

    Raises:
        TemporaryChannelError: ``unreachable``, ``timeout``, ``busy``, ``credentials`` or ``gateway_fault``.
        PermanentChannelError: ``refused``.
    """
    headers = {"Idempotency-Key": str(key), **({"Authorization": f"Bearer {token}"} if token else {})}
    try:
        response = client.post(url, json=body, headers=headers)
    except httpx.HTTPError as error:
        reason = "timeout" if isinstance(error, httpx.TimeoutException) else "unreachable"
        raise TemporaryChannelError(reason, may_have_arrived=not isinstance(error, _NOT_ASKED)) from None
    if response.is_success:
        return _json(response)
    if response.is_server_error:
        raise TemporaryChannelError(
            "gateway_fault", may_have_arrived=response.status_code != HTTPStatus.SERVICE_UNAVAILABLE
        )
    if response.status_code in _TEMPORARY:
        raise TemporaryChannelError(_TEMPORARY[response.status_code])
    raise PermanentChannelError("refused")


def _json(response: httpx.Response) -> JsonValue:
    try:
        content: JsonValue = response.json()
    except ValueError:
        return None
    return content
