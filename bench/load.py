"""A small HTTP/1.1 load client: persistent connections, one request after another on each.

With httpx the client would be the bottleneck.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

GATE = "PCS1-G1"
ID = ("voter_id", "4821")
"""The ID of the visitors: its kind, and its number's last four."""


@dataclass
class Result:
    """Seconds and bodies of the answers of 2xx, and the number of other answers by status."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def quantile(self, q: float) -> float:
        """Return a quantile of the latencies, in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * q), len(ordered) - 1)] * 1000 if ordered else float("nan")


@dataclass(frozen=True)
class Request:
    """A POST with a JSON body."""

    path: str
    body: dict[str, object]
    token: str = ""
    scheme: str = "Bearer"
    key: str = ""
    """The Idempotency-Key, where the route takes one."""

    def to_bytes(self, host: str) -> bytes:
        body = json.dumps(self.body).encode()
        authorization = f"Authorization: {self.scheme} {self.token}\r\n" if self.token else ""
        key = f"Idempotency-Key: {self.key}\r\n" if self.key else ""
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {host}\r\n{authorization}{key}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Connection:
    """One persistent connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._over_tls = parts.scheme == "https"
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or (443 if self._over_tls else 80)

    async def open(self) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection(
            self._host, self._port, ssl=self._over_tls or None
        )
        return self

    async def send(self, request: Request) -> tuple[int, bytes]:
        """Send a request; return status and body."""
        self._writer.write(request.to_bytes(f"{self._host}:{self._port}"))
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        return status, await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


async def in_shares(url: str, shares: Sequence[Iterable[Request]]) -> Result:
    """Send each share of the requests over a connection of its own, one when the last one is answered."""
    result = Result()
    connections = [await Connection(url).open() for _ in shares]
    began = time.perf_counter()

    async def client(connection: Connection, requests: Iterable[Request]) -> None:
        for request in requests:
            await timed(connection, request, result, time.perf_counter())

    await asyncio.gather(*map(client, connections, shares))
    result.seconds = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return result


async def paced(url: str, requests: Iterable[Request], rate: float, clients: int = 64) -> Result:
    """Send so many requests a second, however long the answers take; a late start counts as latency."""
    result = Result()
    connections = [await Connection(url).open() for _ in range(clients)]
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in connections:
        free.put_nowait(connection)
    began = time.perf_counter()

    async def one(request: Request, due: float) -> None:
        connection = await free.get()
        try:
            await timed(connection, request, result, due)
        finally:
            free.put_nowait(connection)

    tasks = []
    for number, request in enumerate(requests):
        due = began + number / rate
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        tasks.append(asyncio.create_task(one(request, due)))
    await asyncio.gather(*tasks)
    result.seconds = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return result


async def calls(call: Callable[[], Awaitable[object]], clients: int, count: int) -> Result:
    """Call a function so often, with so many at a time."""
    result = Result()
    began = time.perf_counter()

    async def client() -> None:
        for _ in range(count // clients):
            start = time.perf_counter()
            await call()
            result.latencies.append(time.perf_counter() - start)

    await asyncio.gather(*(client() for _ in range(clients)))
    result.seconds = time.perf_counter() - began
    return result


async def timed(connection: Connection, request: Request, result: Result, since: float) -> None:
    """Send a request and add its answer to the result; its latency counts from ``since``."""
    status, body = await connection.send(request)
    if 200 <= status < 300:
        result.latencies.append(time.perf_counter() - since)
        result.bodies.append(body)
    else:
        result.refused[status] = result.refused.get(status, 0) + 1


def requests(tokens: list[str], session: str) -> Iterator[Request]:
    """Yield an entry and an exit for each pass; both are recorded."""
    id_type, last4 = ID
    check = {"kind": "matched", "id_type": id_type, "id_last4": last4}
    for token in tokens:
        for direction in ("entry", "exit"):
            body = {
                "token": token,
                "gate": GATE,
                "direction": direction,
                "nonce": f"{direction}-{token[-24:]}",
                "id_check": check if direction == "entry" else None,
            }
            yield Request("/api/v1/scans", body, session)
