"""The gateway as a process: one event loop, uvloop and httptools; more of them are more processes."""

import signal
import sys

import uvicorn

from services.chassis.runtime import logs
from services.chassis.runtime.settings import settings as process_settings
from services.gateway.app import create_app
from services.gateway.server import KEEP_ALIVE_SECONDS, STOP_SECONDS, Server

READY_SECONDS = 3.0
"""So long nobody is let in who would only be told 503; where broker or accounts are away for longer, that is the answer."""


def main() -> None:
    """Serves until SIGTERM or SIGINT, then finishes the requests in hand."""
    settings = process_settings()
    logs.configure("gateway", settings.log_level)
    if not settings.local_mode and not settings.idempotency_secret.get_secret_value():
        logs.logger(__name__).critical(
            "EPASS_IDEMPOTENCY_SECRET is not set: replicas could not agree on who an anonymous caller is"
        )
        sys.exit(1)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(
            number, signal.SIG_IGN
        )  # uvicorn handles them while it runs, and raises them again when it has stopped
    config = uvicorn.Config(
        create_app(settings, ready_seconds=READY_SECONDS),
        host=settings.gateway_host,
        port=settings.gateway_port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    Server(config).run()


if __name__ == "__main__":
    main()
