"""The echo behind our own HTTP edge: a gateway with one route more, which only calls the echo.

`python -m bench.edge`, with the settings of a gateway. What it costs above the bare echo is the edge: HTTP,
session, validation, and JSON.
"""

import uvicorn

from bench.peers import ECHO, Echoed
from services.chassis.runtime.settings import read
from services.gateway.access.callers import Security
from services.gateway.app import create_app
from services.gateway.rpc import client
from services.gateway.settings import GatewaySettings

PATH = "/bench/echo"


async def echo(caller: Security, body: Echoed) -> Echoed:
    """Return what the echo returns."""
    return await caller.query(ECHO, body)


def main() -> None:
    """Serve until killed."""
    # The administrator, who alone may call the echo, speaks as the gateway: services answer nobody else.
    client.user_of = lambda _urls: "gateway"
    settings = read(GatewaySettings)
    app = create_app(settings, ready_seconds=3.0)
    app.post(PATH)(echo)
    uvicorn.run(
        app, host="127.0.0.1", port=settings.gateway_port, loop="uvloop", http="httptools", log_config=None
    )


if __name__ == "__main__":
    main()
