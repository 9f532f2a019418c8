"""How fast each step works with one, two and four replicas of its process.

The work of a step waits until everything is ready: the processes of the step are paused (SIGSTOP), the relay
fills their queues, then they go on, and their backlog is timed. Steps that answer people get requests as fast
as they answer. The relay is paused while another step is measured, so that what follows a step takes no
processor time from it. Other processes have one replica,
or several that have nothing to do.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from bench import journeys
from bench.load import Request, in_shares
from bench.meter import Meter, wait_until
from bench.passes import Copies
from bench.replicas import Replica, pause, resume
from bench.scans import requests
from contracts.subscriptions import SERVICES
from deploy.local.services import Services
from deploy.local.stack import Stack
from epass_client import Call, calls

CLIENTS, SCANNERS = 32, 64
"""Connections, each with one request at a time."""
RESENT = ("application", "approval", "issuance", "verify")
"""Databases whose newest events are sent again, to measure the relay."""
_INBOX = "select count(*) from inbox where consumer = %s"
_WAITING = "select count(*) from outbox where sent_at is null"
_QUEUED = "select count(*) from messages where state = 'queued'"
_PENDING = "select id from reviews where status = 'pending'"
_UNSEND = """
update outbox set sent_at = null where id in (select id from outbox order by position desc limit %s)
"""
Figures = dict[str, Any]


class Steps:
    """The steps of one running system.

    Args:
        stack: its servers.
        services: all processes but the relay.
    """

    _people: journeys.People
    _copies: Copies

    def __init__(self, stack: Stack, services: Services) -> None:
        self._stack = stack
        self._gateway = services.address("gateway")
        self._relays: list[Replica] = []
        self._databases = {name: stack.postgres.connect(name) for name in SERVICES}
        self._idle = 0.2

    def meet(self, people: journeys.People, copies: Copies) -> None:
        """Take those who work with the system, and what makes passes to scan."""
        self._people, self._copies = people, copies

    async def start_relays(self, count: int = 1) -> None:
        """Start relays that share the databases among themselves, instead of those that run."""
        for relay in self._relays:
            relay.stop()
        urls = self._stack.environment("relay")["EPASS_RELAY_DATABASE_URLS"].split(",")
        urls.sort(key=lambda url: not url.partition("?")[0].endswith(RESENT))
        self._relays = [
            Replica(self._stack, "relay", EPASS_RELAY_DATABASE_URLS=",".join(urls[number::count]))
            for number in range(count)
        ]
        await asyncio.gather(*(relay.wait_ready() for relay in self._relays))

    def stop(self) -> None:
        """Stop the relays, and close the connections."""
        for relay in self._relays:
            relay.stop()
        for connection in self._databases.values():
            connection.close()

    async def measure_idle(self, seconds: float = 30) -> Figures:
        """Return the processor time that the system takes while only the exporter looks, twice."""
        await asyncio.sleep(2)
        with Meter(self._stack) as meter:
            await asyncio.sleep(seconds)
        meter.units = round(seconds)
        self._idle = meter.used.total() / meter.seconds
        return meter.figures()

    async def settle(self) -> None:
        """Let the relay work until nothing waits anywhere and the processes have nothing to do."""
        resume(self._stack, "relay")
        wait_until(lambda: not any(map(self._waiting, SERVICES)), "the outboxes are empty")
        wait_until(lambda: not self._count("notify", _QUEUED), "the messages are sent")
        for _ in range(60):
            with Meter(self._stack) as meter:
                await asyncio.sleep(0.4)
            if meter.used.total() / meter.seconds < 1.5 * self._idle + 0.05:
                return
        raise TimeoutError("the system does not become quiet")

    async def with_replicas(self, count: int, units: int) -> AsyncIterator[tuple[str, Figures]]:
        """Yield each step with its figures, over so many applications and passes."""
        async with self._replicas(count, "application"):
            await self._settle_and_hold()
            applications = list(self._applications(units))
            yield "apply", await self._ask("application", count, applications, CLIENTS)
        async with self._replicas(count, "approval"):
            pause(self._stack, "approval")
            done = self._knows("approval", "ApplicationSubmitted", units)
            await self._fill()
            yield "application reaches the desk", self._drain("approval", count, units, done)
            await self._settle_and_hold()
            yield "approve", await self._ask("approval", count, list(self._approvals()), CLIENTS)
        async with self._replicas(count, "issuance"):
            pause(self._stack, "issuance")
            done = self._knows("issuance", "PassApproved", units)
            await self._fill()
            yield "pass is issued", self._drain("issuance", count, units, done)
        async with self._replicas(count, "application", "verify", "notify", "sender"):
            pause(self._stack, "application", "verify", "notify", "sender")
            known = {
                name: self._knows(name, "PassIssued", units) for name in ("application", "verify", "notify")
            }
            await self._fill()
            for service, step in (
                ("application", "pass reaches the application"),
                ("verify", "pass reaches the gates"),
                ("notify", "message is stored"),
            ):
                yield step, self._drain(service, count, units, known[service])
            yield (
                "message is sent",
                self._drain("sender", count, units, lambda: not self._count("notify", _QUEUED)),
            )
            await self._settle_and_hold()
            yield "scan", await self._ask("verify", count, self._scans(units), SCANNERS)
        async with self._replicas(count, "gateway") as gateways:
            await self._settle_and_hold()
            addresses = [self._gateway, *(one.address for one in gateways)]
            yield "gateway", await self._ask("gateway", count, self._scans(units), SCANNERS, addresses)
        async with self._replicas(count, "application", "approval"):
            pause(self._stack, "application", "approval")
            scans = self._waiting("verify")
            known = {name: self._knows(name, "PassScanned", scans) for name in ("application", "approval")}
            await self._fill()
            for service, done in known.items():
                yield f"scan reaches {service}", self._drain(service, count, scans, done)
        await self.settle()
        yield "relay", await self._relay(count, units)
        await self.start_relays()
        await self.settle()

    async def _relay(self, count: int, units: int) -> Figures:
        """Send events of four databases again, with their databases shared among relays."""
        await self.start_relays(count)
        await self._settle_and_hold()
        pause(self._stack, *SERVICES)
        for name in RESENT:
            self._databases[name].execute(_UNSEND, (units,))
        sent = self._drain("relay", count, len(RESENT) * units, lambda: not any(map(self._waiting, RESENT)))
        resume(self._stack, *SERVICES)
        return sent

    async def _settle_and_hold(self) -> None:
        await self.settle()
        pause(self._stack, "relay")

    async def _fill(self) -> None:
        """Let the relay fill the queues; wait until only the processes that are paused have work."""
        await self.settle()
        pause(self._stack, "relay")

    def _drain(self, part: str, count: int, units: int, done: Callable[[], bool]) -> Figures:
        with Meter(self._stack, {part: count}, units) as meter:
            resume(self._stack, part)
            wait_until(done, f"{part} has done its work")
        return meter.figures()

    async def _ask(
        self, part: str, count: int, asked: list[Request], clients: int, addresses: Sequence[str] = ()
    ) -> Figures:
        shares = [asked[number::clients] for number in range(clients)]
        with Meter(self._stack, {part: count}, len(asked)) as meter:
            result = await in_shares(addresses or self._gateway, shares)
        if result.refused:
            raise RuntimeError(f"{part} refused {result.refused}")
        latencies = {"p50_ms": round(result.quantile(0.5), 1), "p99_ms": round(result.quantile(0.99), 1)}
        return meter.figures() | latencies

    def _applications(self, units: int) -> Iterator[Request]:
        form = journeys.form()
        for number in range(units):
            token = self._people.applicants[number % CLIENTS % len(self._people.applicants)]
            yield request_of(calls.submit_application(form), token)

    def _approvals(self) -> Iterator[Request]:
        pending = [UUID(str(row[0])) for row in self._databases["approval"].execute(_PENDING).fetchall()]
        for review in pending:
            call = calls.approve_review(review, journeys.slot(), entries=20)
            yield request_of(call, self._people.department)

    def _scans(self, units: int) -> list[Request]:
        """Return an entry and an exit of each of so many new passes, both by the same client."""
        tokens = self._copies.make(units // SCANNERS * SCANNERS)
        shares = [
            list(requests(tokens[number::SCANNERS], self._people.security)) for number in range(SCANNERS)
        ]
        return [one for turn in zip(*shares, strict=True) for one in turn]

    def _knows(self, service: str, event: str, more: int) -> Callable[[], bool]:
        """Return a function that says whether a service has handled so many more events of a type."""
        consumer = f"{service}.{event}"
        wanted = self._count(service, _INBOX, consumer) + more
        return lambda: self._count(service, _INBOX, consumer) >= wanted

    def _waiting(self, service: str) -> int:
        return self._count(service, _WAITING)

    def _count(self, database: str, query: str, *values: str) -> int:
        row = self._databases[database].execute(query, values).fetchone()
        assert row is not None
        return int(str(row[0]))

    @asynccontextmanager
    async def _replicas(self, count: int, *names: str) -> AsyncIterator[list[Replica]]:
        """Run so many of each of these processes for the length of the block; one of each runs anyway."""
        more = [Replica(self._stack, name) for name in names for _ in range(count - 1)]
        try:
            await asyncio.gather(*(one.wait_ready() for one in more))
            yield more
        finally:
            resume(self._stack, *names)
            for one in more:
                one.stop()


def request_of(call: Call[Any], token: str) -> Request:
    """Return a call of the client as a request of the load client."""
    assert call.key is not None
    return Request(call.path, json.loads(call.body or "{}"), token, key=call.key)
