"""What all stand-ins share: an HTTP server, its faults, and the reports that it sends to our webhook."""

import random
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request, urlopen

Answer = tuple[int, bytes]


@dataclass
class Faults:
    """How a vendor misbehaves. Nothing is wrong by default."""

    latency: float = 0.0
    """Seconds before each response."""
    answers: deque[Answer] = field(default_factory=deque)
    """Responses that come instead of the next ones; nothing is done for those requests."""
    error_rate: float = 0.0
    """The part of the requests that get ``error`` instead."""
    error: Answer = (500, b"")
    hang_up_rate: float = 0.0
    """The part of the requests that are done and never answered."""
    repeats: int = 1
    """How often each report comes."""
    shuffled: bool = False
    """Whether reports of one message come in any order."""
    seed: int = 1

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.hold: threading.Event | None = None
        """Requests wait for it before they are answered."""


@dataclass(frozen=True)
class Shown:
    """A message as a person sees it on their phone."""

    to: str
    channel: str
    text: str
    picture: bytes | None = None
    button: str | None = None


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class VendorServer:
    """A vendor on a port of this machine.

    Subclasses answer in `respond`, which runs once the faults are done with. A request that is refused raises
    `Refused` with the vendor's own response.
    """

    def __init__(self, port: int = 0) -> None:
        self.faults = Faults()
        self.requests: list[Received] = []
        self.phone: list[Shown] = []
        self.webhook: str | None = None
        self.keep_alive = True
        self.lock = threading.Lock()
        self._reports: list[threading.Thread] = []
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                received = Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                answer = vendor.answer(received)
                if answer is None:
                    self.close_connection = True
                    return
                try:
                    self.send_response(answer[0])
                    self.send_header("Content-Length", str(len(answer[1])))
                    if not vendor.keep_alive:
                        self.send_header("Connection", "close")
                    self.end_headers()
                    self.wfile.write(answer[1])
                except OSError:
                    self.close_connection = True  # the client has gone

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.address = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Stop, once the reports that are on their way have arrived."""
        if self.faults.hold is not None:
            self.faults.hold.set()
        self.finish_reports()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> "VendorServer":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def answer(self, received: Received) -> Answer | None:
        """Return the response to a request, or None where the connection ends without one."""
        faults = self.faults
        with self.lock:
            self.requests.append(received)
            scripted = faults.answers.popleft() if faults.answers else None
            fails = scripted is None and faults.random.random() < faults.error_rate
            hangs_up = faults.random.random() < faults.hang_up_rate
        if faults.hold is not None:
            faults.hold.wait(30)
        if faults.latency:
            time.sleep(faults.latency)
        if scripted is not None:
            return scripted
        if fails:
            return faults.error
        try:
            answer = self.respond(received)
        except Refused as refusal:
            answer = refusal.answer
        return None if hangs_up else answer

    def respond(self, received: Received) -> Answer:
        """Do what a request asks for, and return the response."""
        raise NotImplementedError

    def report(self, bodies: list[tuple[bytes, Mapping[str, str]]]) -> None:
        """Send reports of one message to our webhook, if there is one: repeated and shuffled as set."""
        if self.webhook is None:
            return
        with self.lock:
            todo = bodies * self.faults.repeats
            if self.faults.shuffled:
                self.faults.random.shuffle(todo)
            thread = threading.Thread(target=self._post_all, args=(self.webhook, todo), daemon=True)
            self._reports.append(thread)
        thread.start()

    def finish_reports(self) -> None:
        """Wait for the reports that are on their way."""
        with self.lock:
            threads, self._reports = self._reports, []
        for thread in threads:
            thread.join(10)

    @staticmethod
    def _post_all(url: str, bodies: list[tuple[bytes, Mapping[str, str]]]) -> None:
        for body, headers in bodies:
            for _ in range(5):  # vendors try again until somebody answers
                try:
                    urlopen(Request(url, body, dict(headers)), timeout=10).close()
                    break
                except OSError:
                    time.sleep(0.05)


class Refused(Exception):
    """The vendor refuses a request with this response."""

    def __init__(self, status: int, body: bytes) -> None:
        self.answer = (status, body)
        super().__init__(status)
