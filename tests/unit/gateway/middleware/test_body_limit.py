"""The largest body that the gateway reads."""

from typing import Any

from services.gateway.middleware.body_limit import LARGEST_BODY
from tests.support.factories.gateway import send_refused

OTP = "/api/v1/otp"
JSON = {"Content-Type": "application/json"}


async def test_a_body_with_too_large_a_content_length_is_refused() -> None:
    status, problem = await send_refused("POST", OTP, content=b" " * (LARGEST_BODY + 1), headers=JSON)
    assert (status, problem["code"]) == (413, "body_too_large")


async def test_too_large_a_body_is_refused_on_routes_that_read_no_body() -> None:
    status, _ = await send_refused(
        "POST", "/api/v1/applications/PCS-7K3M-9QW4/cancel", content=b" " * (LARGEST_BODY + 1), headers=JSON
    )
    assert status == 413


async def test_too_large_a_body_without_a_content_length_is_refused() -> None:
    async def pieces() -> Any:
        for _ in range(20):
            yield b" " * 5_000

    status, problem = await send_refused("POST", OTP, content=pieces(), headers=JSON)
    assert (status, problem["code"]) == (413, "body_too_large")


async def test_a_body_of_exactly_the_largest_size_is_read() -> None:
    status, problem = await send_refused(
        "POST", OTP, content=b'{"mobile": "' + b"9" * (LARGEST_BODY - 14) + b'"}', headers=JSON
    )
    assert (status, problem["errors"][0]["code"]) == (422, "string_too_long")
