"""`make bench-scale`: replicas of each step, what visits cost, and what the simulation needs to be checked.

All in one run on one machine, in about ten minutes. The figures go to ``bench/results/scale-<version>.json``;
then the simulation runs with them, and the tables of ``docs/scaling.md`` are written from them.
`python -m bench.scale --render` writes the tables again, `--simulate` runs the simulation again, too.
SCALE_VISITS (400) and SCALE_UNITS (1200) make the run shorter.
"""

import asyncio
import json
import os
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil

from bench import day, journeys, processor, scale_page, sizes, visits
from bench.compare import RESULTS, version
from bench.load import in_shares, paced
from bench.meter import Meter
from bench.one_run import running_system
from bench.passes import Copies
from bench.replicas import pause
from bench.scans import requests
from bench.steps import Steps
from contracts.subscriptions import STREAM
from deploy.local.services import COMMANDS, Services
from deploy.local.stack import Stack

REPLICAS = (1, 2, 4)
CLIENTS = (1, 8, 32, 128)
SHARES = (0.07, 0.2)
"""Of what 32 clients reach: the scans a second of the runs that the simulation is compared with."""
RATE_SECONDS = 15
VISITS = int(os.environ.get("SCALE_VISITS", "400"))
UNITS = int(os.environ.get("SCALE_UNITS", "1200"))
MOBILES = [f"+9198123004{number:02}" for number in range(32)]
WITHOUT_RELAY = tuple(name for name in COMMANDS if name != "relay")
Figures = dict[str, Any]


async def run(stack: Stack, services: Services) -> Figures:
    """Measure everything on a system without a relay."""
    gateway, logins = services.address("gateway"), stack.folder / "logins.json"
    copies: Copies | None = None
    found: Figures = {"version": version(), "processors": psutil.cpu_count()}
    steps = Steps(stack, services)
    try:
        await steps.start_relays()
        warm = await journeys.run(gateway, logins, 32, journeys.OTHER_MOBILES)
        copies = Copies(stack, warm.tokens[0])
        with Meter(stack, units=len(MOBILES)) as meter:
            people = await journeys.sign_in(gateway, logins, MOBILES)
        found["sign_in"] = meter.figures()
        await in_shares(gateway, [requests(copies.make(25), people.security) for _ in range(8)])
        steps.meet(people, copies)
        found["idle"] = await steps.measure_idle()
        found["visits"] = await visits.measure(
            stack, services, steps, people.security, VISITS, found["idle"]["busy"]
        )
        _tell("visits", found["visits"])
        found["replicas"] = {}
        for count in REPLICAS:
            async for name, figures in steps.with_replicas(count, UNITS):
                found["replicas"].setdefault(name, {})[str(count)] = figures
                _tell(f"{name}, {count}", figures)
        found["scans"] = {}
        for clients in CLIENTS:
            found["scans"][str(clients)] = await _scans(
                stack, services, steps, copies, people.security, clients
            )
            _tell(f"scans, {clients} clients", found["scans"][str(clients)])
        found["scans"]["all at once"] = await _with_everything(stack, gateway, steps, copies, people.security)
        found["checks"] = {}
        for rate in rates(found["scans"]["32"]["answering"]["per_s"]):
            found["checks"][str(rate)] = await _check(stack, gateway, steps, copies, people.security, rate)
            _tell(f"scans, {rate} a second", found["checks"][str(rate)])
    finally:
        steps.stop()
    return found


async def _scans(
    stack: Stack, services: Services, steps: Steps, copies: Copies, session: str, clients: int
) -> Figures:
    """Scan with so many clients while the relay is paused, then let it follow; return what both cost."""
    tokens = copies.make(UNITS if clients >= 32 else UNITS // 4)
    shares = [list(requests(tokens[number::clients], session)) for number in range(clients)]
    await steps.settle()
    pause(stack, "relay")
    groups = _groups(services)
    with Meter(stack, units=2 * len(tokens)) as answering:
        result = await in_shares(services.address("gateway"), shares)
    together, calls = (now - then for now, then in zip(_groups(services), groups, strict=True))
    if result.refused:
        raise RuntimeError(f"scans were refused: {result.refused}")
    with Meter(stack, units=2 * len(tokens)) as following:
        await steps.settle()
    transactions = together + answering.units - calls
    return {
        "answering": answering.figures()
        | {"p50_ms": round(result.quantile(0.5), 2), "p99_ms": round(result.quantile(0.99), 2)},
        "following": following.figures(),
        "scans_a_transaction": round(answering.units / transactions, 2),
    }


async def _with_everything(stack: Stack, gateway: str, steps: Steps, copies: Copies, session: str) -> Figures:
    """Scan with one client while everything runs: what follows an answer if little waits."""
    asked = list(requests(copies.make(UNITS // 4), session))
    await steps.settle()
    messages = visits.published(stack, STREAM)
    with Meter(stack, units=len(asked)) as meter:
        await in_shares(gateway, [asked])
        await steps.settle()
    messages = visits.published(stack, STREAM) - messages
    return meter.figures() | {"scans_a_message": round(len(asked) / messages, 2)}


async def _check(
    stack: Stack, gateway: str, steps: Steps, copies: Copies, session: str, rate: int
) -> Figures:
    """Scan so many times a second, with everything running, for the simulation to be compared with."""
    both = list(requests(copies.make(rate * RATE_SECONDS // 2), session))
    await steps.settle()
    with Meter(stack, units=len(both)) as meter:
        result = await paced(gateway, both[0::2] + both[1::2], rate)
    return meter.figures() | {
        "answered_per_s": round(result.rate, 1),
        "p50_ms": round(result.quantile(0.5), 2),
        "p99_ms": round(result.quantile(0.99), 2),
        "refused": result.refused,
    }


def rates(most: float) -> list[int]:
    """Return how many scans a second to compare with, in tens, on a machine that answers so many at most."""
    return [max(10, 10 * round(share * most / 10)) for share in SHARES]


def _groups(services: Services) -> tuple[float, float]:
    """Return how many groups of scans verify has recorded so far, and how many scans were in them."""
    with urllib.request.urlopen(f"{services.address('verify')}/metrics") as answer:
        lines = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if line[0] != "#")
    return float(lines["epass_group_calls_count"]), float(lines["epass_group_calls_sum"])


def _tell(name: str, figures: Figures) -> None:
    words = [
        f"{key} {value}"
        for key, value in figures.items()
        if key in {"per_s", "processor_ms_in_all", "busiest", "processors_used", "p50_ms", "p99_ms"}
    ]
    print(f"  {name:40} " + "  ".join(words), flush=True)


def simulate(found: Figures) -> Figures:
    """Run the simulation with what was measured: against real runs, then at the peak of each case."""
    small, *large = sizes.CASES
    relays = [*day.RELAYS]
    peaks: dict[str, tuple[sizes.Case, int | None, list[str]]] = {
        f"{small.name}, one machine of {found['processors']} processors": (small, found["processors"], [])
    }
    peaks |= {case.name: (case, None, []) for case in large}
    peaks |= {
        f"{large[0].name}, {what}": (large[0], None, out)
        for what, out in (("no relay for ten minutes", relays), ("no SMS for ten minutes", ["send"]))
    }
    return {
        "checks": {
            **{f"scans, {clients} clients": day.check_closed(found, str(clients)) for clients in CLIENTS},
            **{f"{rate} scans a second": day.check(found, int(rate)) for rate in found["checks"]},
            f"{visits.A_SECOND} visits a second, approval to message": day.approvals(found),
        },
        "peaks": {
            name: day.peak(found, case, processors=processors, out=out)
            for name, (case, processors, out) in peaks.items()
        },
    }


def measure() -> None:
    """Measure on a stack of its own, and write the results."""
    began = time.monotonic()
    with running_system(WITHOUT_RELAY) as (stack, services):
        found = asyncio.run(run(stack, services))
        memory = sorted(processor.resident_mib(stack).items())
    found["memory_mib"] = {part: round(used) for part, used in memory}
    _write(RESULTS / f"scale-{version()}.json", found)
    print(f"{time.monotonic() - began:.0f} s", flush=True)


def _write(file: Path, found: Figures) -> None:
    file.write_text(json.dumps(found, indent=1) + "\n")


def main() -> None:
    """Measure, simulate and render; with an argument only what it names."""
    if not sys.argv[1:]:
        measure()
    if "--render" not in sys.argv:
        file = scale_page.newest()
        found = json.loads(file.read_text())
        _write(file, found | {"simulated": simulate(found)})
    scale_page.main()


if __name__ == "__main__":
    main()
