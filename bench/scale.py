"""`python -m bench.scale`: what 1,000 visits cost, from which `sizes` counts machines.

One run on one machine, in about five minutes. The figures go to ``bench/results/scale-<version>.json``, and
the tables of ``docs/scaling.md`` are written from them; `--render` writes the tables again without a run.
SCALE_VISITS (400) is how many visits are measured.
"""

import asyncio
import json
import os
import sys
from typing import Any

import psutil

from bench import journeys, processor, scale_page, visits
from bench.compare import version
from bench.load import in_shares, requests
from bench.meter import Meter
from bench.one_run import running_system
from bench.passes import Copies
from bench.scans import Gate
from deploy.local.services import Services
from deploy.local.stack import Stack

VISITS = int(os.environ.get("SCALE_VISITS", "400"))
IDLE_SECONDS = 30
MOBILES = [f"+9198123004{number:02}" for number in range(32)]
Figures = dict[str, Any]


async def run(stack: Stack, services: Services) -> Figures:
    """Measure a sign-in, the idle system and visits, each after the system has become quiet."""
    gateway, logins = services.address("gateway"), stack.folder / "logins.json"
    warm = await journeys.run(gateway, logins, 32, journeys.OTHER_MOBILES)
    gate = Gate(stack, gateway, warm.security)
    copies = Copies(stack, warm.tokens[0])
    await in_shares(gateway, [requests(copies.make(25), gate.session) for _ in range(8)])
    await gate.drained()
    await asyncio.sleep(2)
    with Meter(stack, units=IDLE_SECONDS) as idle:
        await asyncio.sleep(IDLE_SECONDS)
    with Meter(stack, units=len(MOBILES)) as signing_in:
        await journeys.sign_in(gateway, logins, MOBILES)
        await gate.drained()
    found = {"sign_in": signing_in.figures(), "idle": idle.figures()}
    found["visits"] = await visits.measure(stack, services, gate, VISITS, found["idle"]["busy"])
    return found


def measure() -> None:
    """Measure on a stack of its own, and write the results."""
    with running_system() as (stack, services):
        found = asyncio.run(run(stack, services))
        memory = {part: round(used) for part, used in sorted(processor.resident_mib(stack).items())}
    found = {"version": version(), "processors": psutil.cpu_count(), **found, "memory_mib": memory}
    file = scale_page.RESULTS / f"scale-{version()}.json"
    file.write_text(json.dumps(found, indent=1) + "\n")


def main() -> None:
    """Measure, unless only the tables are asked for, and write the tables."""
    if "--render" not in sys.argv:
        measure()
    scale_page.main()


if __name__ == "__main__":
    main()
