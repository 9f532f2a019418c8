"""A vendor over HTTP that does as a test says."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from services.notify.adapters.channels.http_gateway import GatewayClient

TOKEN = "a-token"


class Vendor:
    """A gateway: the requests that it received, and its next responses (200 where none is set)."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], dict]] = []
        self.answers: list[tuple[int, bytes]] = []
        self.retry_after: str | None = None
        self.hold: threading.Event | None = None
        self.hang_up = False
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                vendor.got.append((dict(self.headers), body))
                if vendor.hold is not None:
                    vendor.hold.wait(30)
                if vendor.hang_up:
                    self.close_connection = True
                    return
                status, answer = (
                    vendor.answers.pop(0)
                    if vendor.answers
                    else (200, b'{"id": "v-1", "messages": [{"id": "wamid.1"}]}')
                )
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(answer)))
                    if status == 429 and vendor.retry_after:
                        self.send_header("Retry-After", vendor.retry_after)
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    pass  # the client was killed, or stopped waiting

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/messages"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def keys(self) -> list[str]:
        return [headers["Idempotency-Key"] for headers, _ in self.got]

    def close(self) -> None:
        if self.hold is not None:
            self.hold.set()
        self._server.shutdown()
        self._server.server_close()


def gateway_client(seconds: float, **options: float) -> GatewayClient:
    """Return a client with this time for each step; it leaves no connection open."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return GatewayClient(httpx.AsyncClient(timeout=seconds, limits=limits, trust_env=False), **options)
