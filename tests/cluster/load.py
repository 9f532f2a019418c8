"""People at work while a server fails, and how fast they were answered before, during and afterwards."""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, pairwise
from statistics import median

import httpx

from contracts.subscriptions import SERVICES
from tests.support.chaos.crowd import crowd_at_work, entering_on, findings, unsettled, visiting_day
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.evidence import Lease, database
from tests.support.chaos.oracle import Findings
from tests.support.chaos.prober import Prober
from tests.support.chaos.promises import Promises
from tests.support.chaos.scenario import Scenario, mobile_ending_in
from tests.support.chaos.workload import Plan
from tests.support.stack.backends import TestStack
from tests.support.stack.running import eventually
from tests.support.system.actors import Department

RATE = 2.0
"""Applications a second; each is followed by a decision and by views, some by a cancellation or a scan."""
PATIENCE = 90.0
"""Seconds within which whatever is awaited must have happened: far more than it takes."""
BACK_SECONDS = float(os.environ.get("CLUSTER_BACK_SECONDS") or 10)
"""How long a service may answer nobody, or a database publish nothing, after a broker node was killed or cut
off. It is a figure of a machine that has little else to do: on another, set ``CLUSTER_BACK_SECONDS``.
"""
SEEDS = count(2026)
"""Each crowd has another seed, because crowds of one seed are the same people."""


PROBES = {
    "accounts: a code": "accounts",
    "own applications": "application",
    "approval: decide": "approval",
    "issuance: reissue": "issuance",
    "notify: send again": "notify",
    "verify: scan": "verify",
}
"""Requests that are sent all the time beside those of the crowd, by the service that answers them: a service
that nobody asks cannot be seen to be away, nor one to be back while everybody waits for an earlier answer."""
RESOURCES = {
    "otp": "accounts",
    "sessions": "accounts",
    "applications": "application",
    "reviews": "approval",
    "passes": "issuance",
    "scans": "verify",
}
CALM = ("all nodes", "primary and standby")
"""The spans before a fault."""
HEADINGS = "| what | requests that failed | slowest service silent for | slowest outbox silent for |"
Wait = tuple[float, float, bool]
"""When somebody began to wait, when that ended, and whether they got what they waited for."""
Waits = Mapping[str, Sequence[Wait]]


def service_of(path: str) -> str:
    """Return which service answers a path of the interface that the crowd uses."""
    resource, *more = path.removeprefix("/api/v1/").split("/")
    return "notify" if more and more[-1] in {"resend", "print"} else RESOURCES[resource]


@dataclass(frozen=True)
class Asked:
    """A request: when it was sent, how long it took, its status, 0 without an answer, and who answers it."""

    at: float
    seconds: float
    status: int
    service: str = ""

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
            self.asked.append(Asked(at, time.time() - at, status, service_of(request.url.path)))
        return response


@dataclass(frozen=True)
class Span:
    """A stretch of time with a name, such as the one in which a node was away."""

    name: str
    since: float
    until: float


def longest_silence(waits: Sequence[Wait], span: Span) -> float:
    """Return the longest time in which somebody who waits in a span, and nobody else, got anything.

    What begins in the span counts to its end, also if that is later; in a calm one up to the fault.
    """
    mine = [(began, ended) for began, ended, _ in waits if began < span.until and ended > span.since]
    got = sorted(ended for _, ended, well in waits if well and ended >= span.since)
    inside = [ended for ended in got if ended <= span.until]
    later = [] if span.name in CALM else [ended for ended in got if ended > span.until]
    end = min(later, default=span.until)
    longest = 0.0
    for last, following in pairwise([span.since, *inside, end]):
        waiting = [began for began, ended in mine if began < following and ended > last]
        if waiting:
            longest = max(longest, following - max(last, min(waiting)))
    return longest


def silences(waits: Waits, span: Span) -> dict[str, float]:
    """Return the longest silence of each, from the longest to the shortest."""
    found = {who: longest_silence(theirs, span) for who, theirs in waits.items()}
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def answers(asked: Sequence[Asked]) -> Waits:
    """Return how long people waited for each service."""
    return {
        service: [(one.at, one.at + one.seconds, not one.failed) for one in asked if one.service == service]
        for service in SERVICES
    }


def figures(asked: Sequence[Asked], published: Waits, span: Span) -> str:
    """Return two lines about the requests and the published events of a span."""
    mine = [one for one in asked if span.since <= one.at <= span.until]
    events = sum(span.since <= at <= span.until for theirs in published.values() for _, at, _ in theirs)
    seconds = span.until - span.since
    unanswered, unpublished = (
        ", ".join(f"{who} {silence:.1f}" for who, silence in silences(waits, span).items())
        for waits in (answers(asked), published)
    )
    return (
        f"{span.name:34} {seconds:5.1f} s  "
        f"requests {len(mine) / seconds:5.1f}/s, {sum(one.failed for one in mine)} failed, "
        f"median {1000 * median([one.seconds for one in mine] or [0]):.0f} ms, "
        f"slowest {max([one.seconds for one in mine] or [0]):.1f} s;  events {events / seconds:4.1f}/s\n"
        f"{'':34} answered none for (s): {unanswered};  published none for (s): {unpublished}"
    )


def published(stack: TestStack, since: float) -> Waits:
    """Return how long the events of each database waited to be published, as its outbox says."""
    found: dict[str, Sequence[Wait]] = {}
    for service in SERVICES:
        with database(stack, service) as connection:
            rows = connection.execute(
                "select extract(epoch from added_at)::float8, extract(epoch from sent_at)::float8, true "
                "from outbox where sent_at > to_timestamp(%s)",
                (since,),
            )
            found[service] = rows.fetchall()
    return found


def kind_of(span: Span) -> str:
    """Return the name of a span for all nodes."""
    return re.sub(r"^node \d ", "a node ", span.name)


@dataclass(frozen=True)
class Row:
    """What all spans of one kind saw: a row of the table in docs/outages.md, "Figures"."""

    what: str
    failed: list[int]
    unanswered: list[float]
    """The longest silence of the slowest service, in each span."""
    unpublished: list[float]
    """The longest silence of the slowest database, in each span."""

    def __str__(self) -> str:
        silences = [f"{min(one):.1f} to {max(one):.1f} s" for one in (self.unanswered, self.unpublished)]
        return f"| {self.what} | {min(self.failed)} to {max(self.failed)} | {' | '.join(silences)} |"


def rows(asked: Sequence[Asked], published: Waits, spans: Sequence[Span]) -> list[Row]:
    """Return a row for each kind of span, in the order in which they began."""
    found = []
    for kind in dict.fromkeys(map(kind_of, spans)):
        mine = [span for span in spans if kind_of(span) == kind]
        failed = [sum(span.since <= one.at <= span.until and one.failed for one in asked) for span in mine]
        unanswered, unpublished = (
            [max(silences(waits, span).values()) for span in mine] for waits in (answers(asked), published)
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
        self.held: set[Lease] = set()
        """What senders had leased when their database was killed: each may be sent once more."""
        self.recorder = Recorder()
        self.spans: list[Span] = []
        scenario = Scenario(
            deployment.stack,
            deployment.system,
            deployment.provider,
            Department(deployment.system),
            mobile_ending_in(2),
        )
        self.prober = Prober(scenario, PROBES, threads=4)
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
        return findings(self._deployment, self.promises, self.held)

    def asked(self) -> list[Asked]:
        """Return all requests, of the crowd and of the probes."""
        now = time.time() - time.monotonic()
        probes = [
            Asked(
                now + one.at - one.seconds,
                one.seconds,
                0 if one.status == 599 else one.status,
                PROBES[one.kind.name],
            )
            for one in self.prober.answers
        ]
        return [*self.recorder.asked, *probes]

    def rows(self) -> list[Row]:
        """Return what the spans of each kind saw."""
        return rows(self.asked(), published(self._deployment.stack, self._began), self.spans)

    def lines(self) -> Iterator[str]:
        """Yield the figures of each span, and of each kind of span."""
        asked, events = self.asked(), published(self._deployment.stack, self._began)
        yield from (figures(asked, events, span) for span in self.spans)
        yield HEADINGS
        yield from map(str, rows(asked, events, self.spans))
        yield (
            f"{len(self.promises.mobiles)} applications, {len(self.promises.decided)} decisions, "
            f"{len(self.promises.scans)} admissions, {self.promises.offline} scans without a network with "
            f"{self.promises.conflicts} conflicts, {len(asked)} requests, "
            f"of which {sum(one.failed for one in asked)} failed and were repeated"
        )


def check_promises(deployment: Deployment, load: Load) -> None:
    """Print the figures, and check that nothing is lost, doubled or a dead letter."""
    print("", *load.lines(), sep="\n")
    found = load.findings()
    print(f"{found.sms_duplicates} SMS were sent twice, of {len(load.held)} that kills explain")
    assert found.problems() == {}, list(found.details())
    deployment.system.epass("administrator", "invariants", "--grace", "10")
    assert late(load.rows(), BACK_SECONDS) == []


@contextmanager
def people_at_work(
    deployment: Deployment, is_final: Callable[[Findings], bool] | None = None, *, gates: bool = False
) -> Iterator[Load]:
    """Let a crowd work for the length of the block; afterwards wait until everybody has finished.

    Args:
        deployment: where.
        is_final: whether no more is to be expected of these findings; by default when nothing is left to do.
        gates: whether some come to gates whose networks come and go.
    """
    load, day = Load(deployment), visiting_day(600)
    plan = Plan(10_000, next(SEEDS), day, entering=4 * entering_on(day), apart=8 * entering_on(day) * gates)
    over = is_final or (lambda found: not unsettled(found))

    def http() -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=6, trust_env=False, transport=load.recorder)

    with (
        crowd_at_work(deployment, load.promises, plan, RATE, http, lambda: over(load.findings()), PATIENCE),
        load.prober,
    ):
        yield load
