"""`python -m bench.one_run FILE`: one run of the figures that versions are compared by, as JSON.

BENCH_SCANS (1500) is the number of passes of each measurement, BENCH_JOURNEYS (200) that of journeys.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from bench import journeys, processor
from bench.passes import Copies
from bench.scans import WARM_UP, Gate
from deploy.local.services import Services
from deploy.local.stack import Stack

CLIENTS = (1, 8, 32, 128)
SCANS = int(os.environ.get("BENCH_SCANS", "1500"))
JOURNEYS = int(os.environ.get("BENCH_JOURNEYS", "200"))


async def measure(stack: Stack, services: Services) -> dict[str, object]:
    """Return the figures of journeys and scans, by name."""
    address = services.address("gateway")
    logins = stack.folder / "logins.json"
    await journeys.run(address, logins, 8, journeys.OTHER_MOBILES)  # warms up
    before = processor.seconds(stack)
    journey = await journeys.run(address, logins, JOURNEYS)
    used = processor.seconds(stack)
    used.subtract(before)
    figures: dict[str, object] = {
        "journeys": {
            "per_s": round(journey.rate, 1),
            "approve_to_message_p50_ms": round(journey.quantile(0.5), 1),
            "processor_ms": {part: round(ms * 1000 / JOURNEYS, 2) for part, ms in used.most_common()},
            "processor_ms_in_all": round(used.total() * 1000 / JOURNEYS, 2),
        }
    }
    gate = Gate(stack, address, journey.security)
    copies = Copies(stack, journey.tokens[0])
    await gate.warm_up(copies.make(WARM_UP))
    for clients in CLIENTS:
        passes = SCANS if clients >= 8 else SCANS // 4
        found = await gate.measure(copies.make(passes), clients)
        figures[f"scans, {clients} clients"] = found.to_json()
    return figures


def main() -> None:
    """Measure on a stack of its own, and write the figures into the file that is named."""
    folder = Path(tempfile.mkdtemp(prefix="epass-bench-"))
    os.environ["EPASS_RATE_LIMITS"] = "false"
    stack = Stack(folder)
    services = Services(stack)
    try:
        stack.start()
        services.prepare()
        services.start()
        services.wait_ready()
        figures = asyncio.run(measure(stack, services))
    finally:
        services.stop()
        stack.stop()
        stack.remove()
        shutil.rmtree(folder, ignore_errors=True)
    Path(sys.argv[1]).write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
