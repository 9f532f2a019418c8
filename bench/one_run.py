"""`python -m bench.one_run FILE`: one run of `measure.py` on a stack of its own, with its figures as JSON."""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import Bench, chosen_parts
from deploy.local.services import COMMANDS, Services
from deploy.local.stack import Stack

SLOW_START_S = 600
"""Other work on the machine only lengthens the start, which is not measured."""


@contextmanager
def running_system(names: tuple[str, ...] = tuple(COMMANDS)) -> Iterator[tuple[Stack, Services]]:
    """Run the whole system in a new folder, without rate limits; remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="epass-bench-"))
    os.environ["EPASS_RATE_LIMITS"] = "false"
    os.environ["EPASS_UNDO_SECONDS"] = "0"
    os.environ["EPASS_GATE_DEVICES"] = "optional"  # a browser of the bench is enrolled for no gate
    stack = Stack(folder)
    services = Services(stack, names)
    try:
        stack.start()
        services.prepare()
        services.start()
        services.wait_ready(SLOW_START_S)
        yield stack, services
    finally:
        services.stop()
        stack.stop()
        stack.remove()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Measure, and write the figures into the file that is named."""
    with running_system() as (stack, services):
        bench = Bench(stack, services, lambda name, _: print(f"    {name}", flush=True))
        asyncio.run(bench.run(chosen_parts()))
    Path(sys.argv[1]).write_text(json.dumps(bench.figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
