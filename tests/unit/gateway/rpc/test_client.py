"""RPC client of the gateway: what it puts on the wire, and what it may send twice."""

import asyncio
import json
from typing import Any

import pytest

from contracts import rpc
from contracts.errors import InternalError, Unavailable
from contracts.rpc.accounts.sessions import RequestOtp
from contracts.rpc.verify.scans import ScanPass
from services.gateway.rpc.client import RpcClient
from services.gateway.rpc.connection import ConnectionLost

SCAN = {"gate": "PCS1-G1", "pass_number": "7K3M9QW4", "nonce": "nonce-0001"}


class FakeConnection:
    """A connection that breaks at the first request and answers the second one."""

    pending = 0

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.bodies: list[dict[str, Any]] = []

    async def request(self, _method: Any, body: bytes) -> dict[str, Any]:
        self.bodies.append(json.loads(body))
        if len(self.bodies) == 1:
            raise ConnectionLost
        return {}


def connected() -> tuple[RpcClient, FakeConnection]:
    client, connection = RpcClient(("amqp://nowhere",)), FakeConnection()
    client._connection = connection  # type: ignore[assignment]
    return client, connection


async def test_a_command_without_a_key_is_sent_once_with_the_fields_that_were_set() -> None:
    client, connection = connected()
    with pytest.raises(Unavailable):
        await client.call(rpc.accounts.sessions.REQUEST_OTP, RequestOtp(mobile="+919876543210"))
    assert [body["args"] for body in connection.bodies] == [[{"mobile": "+919876543210"}]]


async def test_a_scan_is_sent_again_because_its_nonce_is_its_key() -> None:
    client, connection = connected()
    with pytest.raises(InternalError):  # what it answers is no answer of the contract
        await client.call(rpc.verify.scans.SCAN, ScanPass.model_validate(SCAN))
    assert len(connection.bodies) == 2
    assert connection.bodies[0] == connection.bodies[1]
