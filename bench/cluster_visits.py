"""Visits as `visits` makes them, from a pod of a cluster: applications, approvals, passes and scans.

Usage: python -m bench.cluster_visits ADDRESS LOGINS RUN VISITS VISITS_A_SECOND SCANS_A_SECOND

RUN is a number that no run before had: each has mobiles of its own. What came of it is printed as JSON.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from bench import journeys
from bench.load import paced, requests


async def visit(address: str, logins: Path, run: int, count: int, a_second: float, scans: float) -> None:
    """Let so many people apply, be approved and enter and leave; print how long each of them waited."""
    mobiles = [f"+919{run:03}123{number:03}" for number in range(12)]
    began = time.time()
    journey = await journeys.run(address, logins, count, mobiles, a_second)
    both = list(requests(journey.tokens, journey.security))
    answered = await paced(address, both[0::2] + both[1::2], scans)
    told = {
        "began": began,
        "ended": time.time(),
        "visits": len(journey.tokens),
        "visits_per_s": journey.rate,
        "approve_to_message_ms": [journey.quantile(q) for q in (0.5, 0.99)],
        "scans": len(answered.latencies),
        "scans_per_s": answered.rate,
        "scan_ms": [answered.quantile(q) for q in (0.5, 0.99)],
        "refused": answered.refused,
    }
    sys.stdout.write(f"{json.dumps(told)}\n")


if __name__ == "__main__":
    address, logins, run, count, *rates = sys.argv[1:]
    asyncio.run(visit(address, Path(logins), int(run), int(count), *map(float, rates)))
