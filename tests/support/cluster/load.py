"""People at work while a server fails, and how fast they were answered before, during and afterwards."""

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, pairwise
from statistics import median

import httpx

from contracts.subscriptions import SERVICES
from tests.support.backends import TestStack
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.evidence import collect, database
from tests.support.chaos.oracle import Findings, SenderKills, judge
from tests.support.chaos.promises import Promises
from tests.support.chaos.run import CrowdThread, entering_on, unsettled, visiting_day
from tests.support.chaos.workload import Pacer, Plan
from tests.support.running import eventually

RATE = 2.0
"""Applications a second; each is followed by a decision and by views, some by a cancellation or a scan."""
PATIENCE = 90.0
"""Seconds within which whatever is awaited must have happened: far more than it takes."""
BACK_SECONDS = float(os.environ.get("CLUSTER_BACK_SECONDS", "inf"))
"""How long nothing may be answered, or nothing published, after a broker node was killed or cut off.

A figure of a machine that has nothing else to do, so it is judged only where somebody says so:
``CLUSTER_BACK_SECONDS=10 make cluster-test``. It is printed always.
"""
SEEDS = count(2026)
"""Each crowd has another seed, because crowds of one seed are the same people."""


@dataclass(frozen=True)
class Asked:
    """A request: when it was sent, how long it took, and its status, 0 without an answer."""

    at: float
    seconds: float
    status: int

    @property
    def failed(self) -> bool:
        return self.status == 0 or self.status >= 500


class Recorder(httpx.AsyncHTTPTransport):
    """A transport that records each request."""

    def __init__(self) -> None:
        super().__init__(limits=httpx.Limits(max_connections=80))
        self.asked: list[Asked] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        at, status = time.time(), 0
        try:
            response = await super().handle_async_request(request)
            status = response.status_code
        finally:
            self.asked.append(Asked(at, time.time() - at, status))
        return response


@dataclass(frozen=True)
class Span:
    """A stretch of time with a name, such as the one in which a node was away."""

    name: str
    since: float
    until: float


def longest_silence(instants: Sequence[float], span: Span) -> float:
    """Return the longest time of a span in which nothing happened."""
    inside = sorted(instant for instant in instants if span.since <= instant <= span.until)
    return max(later - earlier for earlier, later in pairwise([span.since, *inside, span.until]))


def figures(asked: Sequence[Asked], published: Sequence[float], span: Span) -> str:
    """Return a line about the requests and the published events of a span."""
    mine = [one for one in asked if span.since <= one.at <= span.until]
    answers = [one.at + one.seconds for one in asked if not one.failed]
    events = sum(span.since <= at <= span.until for at in published)
    seconds = span.until - span.since
    return (
        f"{span.name:34} {seconds:5.1f} s  "
        f"requests {len(mine) / seconds:5.1f}/s, {sum(one.failed for one in mine)} failed, "
        f"median {1000 * median([one.seconds for one in mine] or [0]):.0f} ms, "
        f"slowest {max([one.seconds for one in mine] or [0]):.1f} s, "
        f"none answered for {longest_silence(answers, span):.1f} s;  "
        f"events {events / seconds:4.1f}/s, none published for {longest_silence(published, span):.1f} s"
    )


def published(stack: TestStack, since: float) -> list[float]:
    """Return when each event was published, as the outboxes say."""
    found: list[float] = []
    for service in SERVICES:
        with database(stack, service) as connection:
            rows = connection.execute(
                "select extract(epoch from sent_at)::float8 from outbox where sent_at > to_timestamp(%s)",
                (since,),
            )
            found += [at for (at,) in rows.fetchall()]
    return found


def kind_of(span: Span) -> str:
    """Return the name of a span for all nodes."""
    return re.sub(r"^node \d ", "a node ", span.name)


@dataclass(frozen=True)
class Row:
    """What all spans of one kind saw: a row of the table in docs/operations.md, "Figures"."""

    what: str
    failed: list[int]
    unanswered: list[float]
    unpublished: list[float]

    def __str__(self) -> str:
        silences = [f"{min(one):.1f} to {max(one):.1f} s" for one in (self.unanswered, self.unpublished)]
        return f"| {self.what} | {min(self.failed)} to {max(self.failed)} | {' | '.join(silences)} |"


def rows(asked: Sequence[Asked], published: Sequence[float], spans: Sequence[Span]) -> list[Row]:
    """Return a row for each kind of span, in the order in which they began."""
    answers = [one.at + one.seconds for one in asked if not one.failed]
    found = []
    for kind in dict.fromkeys(map(kind_of, spans)):
        mine = [span for span in spans if kind_of(span) == kind]
        failed = [sum(span.since <= one.at <= span.until and one.failed for one in asked) for span in mine]
        unanswered, unpublished = (
            [longest_silence(instants, span) for span in mine] for instants in (answers, published)
        )
        found.append(Row(kind, failed, unanswered, unpublished))
    return found


def late(found: Sequence[Row], limit: float) -> list[str]:
    """Return the kinds of faults of one broker node after which it took longer than the limit."""
    faults = ("a node is killed", "a node is cut off")
    return [str(one) for one in found if one.what in faults and max(one.unanswered + one.unpublished) > limit]


class Load:
    """A crowd that works, its ledger, and what is measured meanwhile."""

    def __init__(self, deployment: Deployment) -> None:
        self.promises = Promises()
        self.senders = SenderKills(0, 0)
        """What explains duplicates of messages."""
        self.recorder = Recorder()
        self.spans: list[Span] = []
        self._deployment = deployment
        self._began = time.time()

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Measure the length of the block."""
        since = time.time()
        yield
        self.spans.append(Span(name, since, time.time()))

    def goes_on(self, applications: int = 8) -> None:
        """Wait until so many people were decided about who apply from now on."""
        before, decided = set(self.promises.mobiles), self.promises.decided
        eventually(
            lambda: len(set(decided) - before) >= applications, f"{applications} more are decided", PATIENCE
        )

    def findings(self) -> Findings:
        """Return what the oracle finds now."""
        deployment, promises = self._deployment, self.promises
        evidence = collect(deployment.stack, set(promises.mobiles.values()))
        ledger = deployment.provider.ledger()
        evidence.codes = [code for code in evidence.codes if ledger.numbers.get(code.id) in promises.numbers]
        return judge(promises, evidence, ledger, self.senders, deployment.provider.honours)

    def rows(self) -> list[Row]:
        """Return what the spans of each kind saw."""
        return rows(self.recorder.asked, published(self._deployment.stack, self._began), self.spans)

    def lines(self) -> Iterator[str]:
        """Yield the figures of each span, and of each kind of span."""
        events = published(self._deployment.stack, self._began)
        yield from (figures(self.recorder.asked, events, span) for span in self.spans)
        yield "| what | requests that failed | no request answered for | no event published for |"
        yield from map(str, self.rows())
        yield (
            f"{len(self.promises.mobiles)} applications, {len(self.promises.decided)} decisions, "
            f"{len(self.promises.admitted)} admissions, {len(self.recorder.asked)} requests, "
            f"of which {sum(one.failed for one in self.recorder.asked)} failed and were repeated"
        )


def check_promises(deployment: Deployment, load: Load) -> None:
    """Print the figures, and check that nothing is lost, doubled or a dead letter."""
    print("", *load.lines(), sep="\n")
    found = load.findings()
    assert found.problems() == {}, list(found.details())
    deployment.system.epass("administrator", "invariants", "--grace", "10")
    assert late(load.rows(), BACK_SECONDS) == []


@contextmanager
def people_at_work(
    deployment: Deployment, is_final: Callable[[Findings], bool] | None = None
) -> Iterator[Load]:
    """Let a crowd work for the length of the block; afterwards wait until everybody has finished.

    Args:
        deployment: where.
        is_final: whether no more is to be expected of these findings; by default when nothing is left to do.
    """
    load, pacer, day = Load(deployment), Pacer(RATE), visiting_day(600)
    crowd = CrowdThread(
        deployment.system,
        deployment.provider,
        load.promises,
        Plan(10_000, next(SEEDS), day, entering=4 * entering_on(day)),
        pacer,
        lambda: httpx.AsyncClient(timeout=6, trust_env=False, transport=load.recorder),
    )
    crowd.start()
    try:
        eventually(lambda: load.promises.decided, "people are at work", PATIENCE)
        yield load
        pacer.closed = True
        over = is_final or (lambda found: not unsettled(found))
        eventually(lambda: crowd.finished and over(load.findings()), "all is final", PATIENCE)
    finally:
        pacer.closed = True
        crowd.stop()
