"""`python -m bench.memory`: the memory of each process over an hour of load, as JSON and as a table.

MINUTES (60) is how long the load lasts: 20 scans and one staff sign-in a second, and each minute 30 journeys
of eight applicants who sign in with a code. What grows with the number of requests shows as a slope.
It fails if a process ends above its limit (`LIMITS`).
Journeys that end early, as on a busy machine, are printed and do not end the measurement.
"""

import asyncio
import json
import os
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from bench import journeys, processor
from bench.compare import RESULTS, version
from bench.load import Request, paced, requests
from bench.one_run import running_system
from bench.passes import Copies
from deploy.local.services import COMMANDS
from deploy.local.stack import Stack
from epass_client.errors import NoAnswer, Problem

MINUTES = int(os.environ.get("MINUTES", "60"))
SCANS_A_SECOND, JOURNEYS_A_MINUTE = 20, 30
SAMPLE_SECONDS = 15.0
"""Between two samples."""
LIMITS = {**dict.fromkeys(COMMANDS, 320.0), "accounts": 150.0}
"""How many MiB a process may have at the end: accounts as promised, the others as a small pod."""


async def load(stack: Stack, address: str) -> dict[str, list[float]]:
    """Put the load on a system; return samples: the minutes since its begin, and the MiB of each process."""
    logins = stack.folder / "logins.json"
    first = await journeys.run(address, logins, 8, journeys.OTHER_MOBILES)
    seconds = MINUTES * 60
    both = list(requests(Copies(stack, first.tokens[0]).make(SCANS_A_SECOND * seconds // 2), first.security))
    login = json.loads(logins.read_text())["reception"]
    sign_in = Request("/api/v1/sessions", {key: login[key] for key in ("login_id", "password")})

    async def all_journeys() -> None:
        for minute in range(MINUTES):
            mobiles = [f"+9198{minute:06}{number:02}" for number in range(8)]
            try:
                await journeys.run(address, logins, JOURNEYS_A_MINUTE, mobiles, JOURNEYS_A_MINUTE / 60)
            except (Problem, NoAnswer, TimeoutError, ExceptionGroup) as error:
                print(f"  the journeys of minute {minute} ended early: {error}")

    ended = asyncio.Event()
    samples = asyncio.create_task(_samples(stack, ended))
    await asyncio.gather(
        paced(address, both[0::2] + both[1::2], SCANS_A_SECOND),
        paced(address, [sign_in] * seconds, 1, 8),
        all_journeys(),
    )
    ended.set()
    return await samples


async def _samples(stack: Stack, ended: asyncio.Event) -> dict[str, list[float]]:
    began, samples = time.monotonic(), defaultdict[str, list[float]](list)
    while not ended.is_set():
        samples["minutes"].append(round((time.monotonic() - began) / 60, 2))
        for part, mebibytes in processor.resident_mib(stack).items():
            samples[part].append(round(mebibytes, 1))
        try:
            await asyncio.wait_for(ended.wait(), SAMPLE_SECONDS)
        except TimeoutError:
            continue
    return dict(samples)


def above(samples: Mapping[str, Sequence[float]]) -> list[str]:
    """Return a line for each process that ends above its limit, or of which there are no samples."""
    found = []
    for part, limit in LIMITS.items():
        values = samples.get(part)
        if not values:
            found.append(f"{part}: nothing was measured")
        elif values[-1] > limit:
            found.append(f"{part} ends at {values[-1]:.0f} MiB, and may have {limit:.0f}")
    return found


def main() -> None:
    """Measure on a stack of its own; write ``build/…-memory.json``, and print when each process had how much.

    Raises:
        SystemExit: a process ends above its limit.
    """
    with running_system() as (stack, services):
        samples = asyncio.run(load(stack, services.address("gateway")))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{version()}-memory.json").write_text(json.dumps(samples) + "\n")
    for part, values in samples.items():
        begin, middle, end = values[0], values[len(values) // 2], values[-1]
        peak, limit = max(values), LIMITS.get(part)
        may = f"  limit {limit:5.0f}" if limit else ""
        print(f"  {part:20} begin {begin:7.1f}  middle {middle:7.1f}  end {end:7.1f}  peak {peak:7.1f}{may}")
    if too_much := above(samples):
        raise SystemExit("\n".join(too_much))


if __name__ == "__main__":
    main()
