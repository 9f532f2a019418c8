"""The gateway as a process: one event loop on uvloop and httptools.

To use more cores, start more processes.
"""

import signal

import uvicorn

from services.chassis.runtime import logs, tracing
from services.chassis.runtime.health import Health
from services.chassis.runtime.settings import read
from services.gateway.app import create_app
from services.gateway.edge.connections import MOST_CONNECTIONS, BoundedProtocol
from services.gateway.edge.server import KEEP_ALIVE_SECONDS, STOP_SECONDS, Server
from services.gateway.settings import GatewaySettings

READY_SECONDS = 20.0
"""For so long the start waits for the broker and accounts, since earlier requests would only get 503.

After that they do. Three seconds were too few on a busy node, and so, once, were ten.
"""


def main() -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests under way.

    Raises:
        WrongSettings: a setting is missing or wrong.
    """
    settings = read(GatewaySettings)
    logs.configure("gateway", settings.log_level)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn handles them while it runs, and raises them again when it has stopped
        signal.signal(number, signal.SIG_IGN)
    app = create_app(settings, ready_seconds=READY_SECONDS)
    state, tls = app.state.gateway, settings.served_with()
    health = Health()
    health.checks |= {name: lambda name=name: state.checks()[name] for name in state.checks()}
    health.serve(settings.health_host, settings.health_port, tls)
    config = uvicorn.Config(
        app,
        host=settings.gateway_host,
        port=settings.gateway_port,
        loop="uvloop",
        http=BoundedProtocol,
        ws="none",
        limit_concurrency=MOST_CONNECTIONS,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ssl_context_factory=(lambda *_: tls) if tls else None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    with tracing.exporting("gateway", settings.otlp_endpoint, settings.otlp_ratio):
        Server(config, state.end_streams, health).run()


if __name__ == "__main__":
    main()
