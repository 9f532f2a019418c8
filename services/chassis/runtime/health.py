"""/healthz (the process is alive), /readyz (it does its work) and /metrics, on a port of their own.

The gateway has them beside its pages, too, where nothing but the proxy keeps others from the pages' port.

A plain threaded HTTP server of the standard library: under eventlet's patching its threads are green,
elsewhere real.
"""

import asyncio
import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

from services.chassis.runtime import metrics

Checks = dict[str, Callable[[], bool]]
TURN_SECONDS = 2.0
"""A loop that takes longer for one turn hangs."""
HANDSHAKE_SECONDS = 10.0
"""For so long a thread waits for a client that has asked for TLS."""


class _Server(ThreadingHTTPServer):
    """A server whose threads, and not the one that accepts, wait for the other side of TLS."""

    daemon_threads = True
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answer one request."""
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(HANDSHAKE_SECONDS)
        try:
            secured = self.tls.wrap_socket(request, server_side=True)
        except OSError:  # somebody who speaks no TLS, or does not believe us
            return
        with secured:
            super().finish_request(secured, client_address)


class Health:
    """The named checks of one process. It is ready when it has named them and all of them are true."""

    def __init__(self) -> None:
        self.checks: Checks = {}
        self.loop: asyncio.AbstractEventLoop | None = None
        """The loop that does the work of an asyncio process. eventlet's loop also serves these answers."""

    def is_alive(self) -> bool:
        """Return whether the process still does one thing after another, and does not hang in one of them."""
        if self.loop is None:
            return True
        turned = threading.Event()
        try:
            self.loop.call_soon_threadsafe(turned.set)
        except RuntimeError:  # the loop is closed, so the process is about to end
            return False
        return turned.wait(TURN_SECONDS)

    def report(self) -> dict[str, bool]:
        """Run all checks and return their results by name; before any is named, the process is starting.

        A process that hangs is not ready, whatever its checks say.
        """
        if not self.is_alive():
            return {"loop": False}
        return {name: check() for name, check in list(self.checks.items())} or {"started": False}

    def serve(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> ThreadingHTTPServer | None:
        """Serve on a thread of its own and return the server; port 0 means nowhere, no ``tls`` in clear."""
        if not port:
            return None
        health = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path, _, query = self.path.partition("?")
                if path == "/healthz":
                    alive = health.is_alive()
                    status = b'{"status": "alive"}' if alive else b'{"status": "hangs"}'
                    self._answer(200 if alive else 503, status, "application/json")
                elif path == "/readyz":
                    report = health.report()
                    self._answer(
                        200 if all(report.values()) else 503, json.dumps(report).encode(), "application/json"
                    )
                elif path == "/metrics":
                    self._answer(200, metrics.exposition(query), CONTENT_TYPE_LATEST)
                else:
                    self._answer(404, b"", "text/plain")

            def _answer(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Log nothing: a request comes every few seconds."""

        server = _Server((host, port), Handler)
        server.tls = tls
        threading.Thread(target=server.serve_forever, daemon=True, name="health").start()
        return server
