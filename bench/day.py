"""The steps of e-Pass for the simulation, with the service times of one `make bench-scale`.

A service time is ``a + b n`` for a batch of n. For scans both are fitted to runs with 1, 8, 32 and 128
clients. For events, b is measured with a backlog, and a is the same multiple of it for all, chosen so that
visits that come slowly cost what they were measured to cost. Commands (apply, approve) go alone.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from bench import sizes
from bench.simulation import Outage, Simulation, Step, by_profile, quantile, steady

Figures = Mapping[str, Any]
POLL = 0.2
"""The relay's longest pause (EPASS_RELAY_POLL)."""
BUSY_POLL = 0.02
SENDER_POLL = 0.5
SYNCHRONOUS = ("verify", "postgres", "broker")
"""What works on a scan until its answer, beside the gateway."""


@dataclass(frozen=True)
class Line:
    """Seconds of a batch: ``fixed`` and for each of its units ``each``."""

    fixed: float
    each: float

    @classmethod
    def through(cls, points: Sequence[tuple[float, float]]) -> "Line":
        """Fit a line to points: units in a batch, and seconds that one unit then takes."""
        x, y = [1 / units for units, _ in points], [seconds for _, seconds in points]
        middle, height = fmean(x), fmean(y)
        spread = sum((one - middle) ** 2 for one in x)
        slope = sum((one - middle) * (two - height) for one, two in zip(x, y, strict=True)) / spread
        slope = max(slope, 0.0)
        return cls(slope, max(height - slope * middle, 0.0))


def scan_steps(found: Figures) -> list[Step]:
    """Return the steps of a scan and of what follows it, on one machine."""
    runs = [run for clients, run in found["scans"].items() if clients.isdigit()]
    sizes_of_batches = [run["scans_a_transaction"] for run in runs]

    def line(*parts: str) -> Line:
        cost = [sum(run["answering"]["processor_ms"].get(part, 0) for part in parts) for run in runs]
        return Line.through([(n, ms / 1000) for n, ms in zip(sizes_of_batches, cost, strict=True)])

    gateway, verify = line("gateway"), line(*SYNCHRONOUS)
    alone = found["scans"]["1"]["answering"]["p50_ms"] / 1000
    pause = max(alone - gateway.fixed - gateway.each - verify.fixed - verify.each, 0.0)
    everything = found["scans"]["all at once"]
    cheap = _following(found["scans"]["128"]["following"])
    dear = everything["processor_ms_in_all"] - found["scans"]["1"]["answering"]["processor_ms_in_all"]
    after = Line.through([(64.0, cheap / 1000), (everything["scans_a_message"], max(dear, cheap) / 1000)])
    third = Line(after.fixed / 3, after.each / 3)
    return [
        Step("gateway", 0.0, gateway.each, most=1, then=("scan",), first=True),
        Step("scan", gateway.fixed + verify.fixed, verify.each, pause, then=("relay",), first=True),
        Step("relay", third.fixed, third.each, poll=POLL, gathers=True, then=("application", "approval")),
        Step("application", third.fixed, third.each, replicas=2),
        Step("approval", third.fixed, third.each, replicas=2),
    ]


def _following(figures: Figures) -> float:
    parts = ("relay", "application", "approval", "broker", "postgres")
    return float(sum(figures["processor_ms"].get(part, 0) for part in parts))


def check(found: Figures, rate: int, seed: int = 1) -> dict[str, float]:
    """Simulate a run of ``checks``; return what was simulated and what was measured."""
    measured = found["checks"][str(rate)]
    arrivals = [(number / rate, "gateway") for number in range(measured["units"])]
    seen = Simulation(scan_steps(found), found["processors"], seed).run(arrivals)["scan"]
    return {
        "rate": rate,
        "measured_per_s": measured["answered_per_s"],
        "simulated_per_s": round(seen.left / seen.left_at, 1),
        "measured_p50_ms": measured["p50_ms"],
        "simulated_p50_ms": round(quantile(seen.ages, 0.5) * 1000, 1),
        "measured_p99_ms": measured["p99_ms"],
        "simulated_p99_ms": round(quantile(seen.ages, 0.99) * 1000, 1),
    }


CLOSED_SECONDS = 20.0


def check_closed(found: Figures, clients: str) -> dict[str, float]:
    """Simulate clients who scan as fast as they are answered; return what was simulated and measured.

    Only the processor time of these runs went into the service times, not their throughput.
    """
    measured = found["scans"][clients]["answering"]
    steps = [replace(step, then=()) if step.name == "scan" else step for step in scan_steps(found)[:2]]
    simulation = Simulation(steps, found["processors"], again=("scan", "gateway"))
    seen = simulation.run([(0.0, "gateway")] * int(clients), CLOSED_SECONDS)["scan"]
    return {
        "measured_per_s": measured["per_s"],
        "simulated_per_s": round(seen.left / CLOSED_SECONDS, 1),
        "measured_p50_ms": measured["p50_ms"],
        "simulated_p50_ms": round(quantile(seen.ages, 0.5) * 1000, 1),
        "measured_p99_ms": measured["p99_ms"],
        "simulated_p99_ms": round(quantile(seen.ages, 0.99) * 1000, 1),
    }


MEASURED = {
    "apply": "apply",
    "desk": "application reaches the desk",
    "approve": "approve",
    "issue": "pass is issued",
    "gates": "pass reaches the gates",
    "notify": "message is stored",
    "send": "message is sent",
    "scan": "scan",
    "application": "pass reaches the application",
    "entry-application": "scan reaches application",
    "entry-approval": "scan reaches approval",
}
"""Steps of a visit in the simulation, and their names in the results."""
PROCESS = {
    "apply": "application",
    "desk": "approval",
    "approve": "approval",
    "issue": "issuance",
    "gates": "verify",
    "notify": "notify",
    "send": "sender",
    "scan": "verify",
    "application": "application",
    "entry-application": "application",
    "entry-approval": "approval",
}
"""Whose replicas work on a step. RPC and events have replicas of their own."""
COMMANDS = ("apply", "approve")
RELAYS = {
    "relay-application": ("desk", "notify"),
    "relay-approval": ("issue", "application"),
    "relay-issuance": ("gates", "notify", "application"),
    "relay-notify": ("application",),
    "relay-verify": ("entry-application", "entry-approval"),
}
"""The relay of each database, and where its events go."""
AFTER = {
    "apply": ("relay-application",),
    "approve": ("relay-approval",),
    "issue": ("relay-issuance",),
    "notify": ("send",),
    "send": ("relay-notify",),
    "scan": ("relay-verify",),
}
TIMES = Counter(
    {"notify": 2, "send": 2, "application": 4, "scan": 2, "entry-application": 2, "entry-approval": 2}
    | {"relay-issuance": 1, "relay-notify": 2, "relay-verify": 2}
)
"""How often a visit comes to a step, where it is not once."""


def visit_steps(
    found: Figures, replicas: Callable[[str], int], provider_s: float | None = None
) -> list[Step]:
    """Return the steps of a visit, from the application to the way out.

    Args:
        found: the results.
        replicas: returns how many there are of a process.
        provider_s: how long an SMS gateway takes; None for the phone on a page, as in the bench.
    """
    alone = _alone(found)
    steps = []
    for name, measured in MEASURED.items():
        each = _seconds(found, measured)
        many = replicas(PROCESS[name])
        if name == "send" and provider_s is not None:
            threads = many * sizes.SENDER_THREADS
            cost = (1 + alone) * each
            steps.append(
                Step(name, cost, 0.0, provider_s, threads, most=1, poll=SENDER_POLL, then=AFTER[name])
            )
        elif name in COMMANDS:
            steps.append(Step(name, each, 0.0, replicas=many, most=1, then=AFTER[name], first=True))
        elif name == "scan":
            steps.append(replace(_scan(found), replicas=many, then=AFTER[name]))
        else:
            poll = SENDER_POLL if name == "send" else 0.0
            steps.append(Step(name, alone * each, each, replicas=many, poll=poll, then=AFTER.get(name, ())))
    each = _seconds(found, "relay")
    return steps + [
        Step(
            name,
            alone * each,
            each,
            poll=BUSY_POLL if name == "relay-issuance" else POLL,
            most=200,
            then=then,
        )
        for name, then in RELAYS.items()
    ]


def _seconds(found: Figures, measured: str) -> float:
    return float(found["replicas"][measured]["1"]["processor_ms_in_all"]) / 1000


def _alone(found: Figures) -> float:
    """Return how much a batch costs beside its units, in units, so that slow visits cost what they cost."""
    scan = _scan(found)
    alone = [_seconds(found, MEASURED[name]) for name in COMMANDS] + [
        TIMES["scan"] * (scan.fixed + scan.each)
    ]
    visit = float(sum(found["visits"]["processor_s"].values())) / 1000
    events = sum((TIMES[name] or 1) * _seconds(found, measured) for name, measured in _events())
    return max((visit - sum(alone)) / events - 1, 0.0)


def _events() -> Iterator[tuple[str, str]]:
    """Yield the steps that handle events, relays too, and their names in the results."""
    yield from ((name, measured) for name, measured in MEASURED.items() if name not in (*COMMANDS, "scan"))
    yield from ((name, "relay") for name in RELAYS)


def _scan(found: Figures) -> Step:
    """Return the step that answers a scan, gateway included."""
    gateway, scan, *_ = scan_steps(found)
    return replace(scan, each=gateway.each + scan.each)


def approvals(found: Figures, seed: int = 1) -> dict[str, float]:
    """Simulate the visits that were measured; return how long an approval took until its message was sent."""
    measured = found["visits"]
    seconds = measured["visits"] / measured["a_second"]
    seen = Simulation(visit_steps(found, lambda _: 1), found["processors"], seed).run(
        steady(measured["a_second"], seconds, "approve", seed)
    )
    ages = seen["send"].ages
    return {
        "rate": measured["a_second"],
        "measured_p50_ms": measured["approve_to_message_p50_ms"],
        "simulated_p50_ms": round(quantile(ages, 0.5) * 1000, 1),
        "measured_p99_ms": measured["approve_to_message_p99_ms"],
        "simulated_p99_ms": round(quantile(ages, 0.99) * 1000, 1),
    }


QUIET_SECONDS, PEAK_SECONDS, AFTER_SECONDS = 300, 900, 600
OUTAGE = Outage("", QUIET_SECONDS + 100, QUIET_SECONDS + 700)
"""Ten minutes, at the peak."""


def peak(
    found: Figures, case: sizes.Case, *, processors: int | None, out: Sequence[str] = ()
) -> dict[str, Any]:
    """Simulate half an hour around the peak of a busy day.

    As many people apply, are approved, come and go a second: the worst that a day can bring at once.

    Args:
        found: the results.
        case: the installation.
        processors: of its one machine; None for a cluster in which each replica has one.
        out: steps that do not work for ten minutes of the peak.
    """
    rate = case.visits_per_s

    def count(process: str) -> int:
        return 1 if processors else sizes.replicas(found, process, rate)

    profile = [(QUIET_SECONDS, rate / sizes.PEAK), (PEAK_SECONDS, rate), (AFTER_SECONDS, rate / sizes.PEAK)]
    arrivals = heapq.merge(
        by_profile(profile, "apply"),
        by_profile(profile, "approve"),
        by_profile(profile, "scan", seed=1),
        by_profile(profile, "scan", seed=2),
    )
    outages = [replace(OUTAGE, step=name) for name in out]
    steps = visit_steps(found, count, sizes.PROVIDER_S)
    seen = Simulation(steps, processors).run(arrivals, outages=outages)
    seconds = QUIET_SECONDS + PEAK_SECONDS + AFTER_SECONDS
    busy = {step.name: seen[step.name].busy / seconds / step.replicas for step in steps}
    busiest = max(busy, key=lambda name: busy[name])
    return {
        "visits_per_s": round(rate, 2),
        "busiest": [busiest, round(busy[busiest], 3)],
        "processors_used": round(sum(one.busy for one in seen.values()) / seconds, 2),
        "apply_p99_ms": round(quantile(seen["apply"].ages, 0.99) * 1000, 1),
        "scan_p50_ms": round(quantile(seen["scan"].ages, 0.5) * 1000, 1),
        "scan_p99_ms": round(quantile(seen["scan"].ages, 0.99) * 1000, 1),
        "message_p50_s": round(quantile(seen["send"].ages, 0.5), 2),
        "message_p99_s": round(quantile(seen["send"].ages, 0.99), 2),
        "backlog": max((seen[name].most_waiting for name in out), default=0),
        "worked_off_s": round(max((seen[name].empty_at - OUTAGE.end for name in out), default=0), 1),
    }
