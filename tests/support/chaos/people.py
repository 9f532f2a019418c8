"""One person signed in, where a whole crowd would be too much."""

import time

import httpx

from tests.support.actors import ok
from tests.support.chaos.provider import Provider
from tests.support.running import eventually
from tests.support.system import System


def prove(system: System, provider: Provider, mobile: str) -> str:
    """The session token of whoever reads the code on this phone."""
    with system.client() as http:
        request = ok(http.post("/api/v1/otp", json={"mobile": mobile, "language": "en"}), 202)
        code = eventually(lambda: read_code(provider, mobile), "the code arrives", 60)
        return str(
            ok(http.post("/api/v1/otp/verify", json={"request_id": request["request_id"], "code": code}))[
                "access_token"
            ]
        )


def read_code(provider: Provider, mobile: str) -> str | None:
    """The last code on this phone."""
    time.sleep(0.05)
    code: str | None = httpx.get(provider.code_url, params={"to": mobile}, trust_env=False).json()["code"]
    return code
