"""`make chaos`: kill -9 everywhere while ten thousand applications go through, and count the results from
outside.

CHAOS_APPLICATIONS (10000), CHAOS_KILLS (200) and CHAOS_SECONDS (3600) limit it; a run ends with its
applications and kills, or when its time is up. CHAOS_SEED replays the faults of an earlier run, in their
order. Where libfaketime is installed, clocks of processes are set, too. CHAOS_REPORT names a file for the
report as JSON. The run ends with `epass invariants`. The exit code is 1 if a promise was broken or an
invariant does not hold; then the logs of all processes stay.
"""

import os
import random
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.clocks import LIBRARY, Clocks
from tests.chaos.report import Report
from tests.chaos.run import Limits, Run
from tests.support.chaos.deployment import settings_of_every_channel
from tests.support.chaos.provider import Provider
from tests.support.stack.backends import start_stack
from tests.support.system.system import System


def print_line(text: str) -> None:
    """Print a line of progress, or of the report."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def limits() -> Limits:
    """Return the limits that the environment sets."""
    setting = os.environ.get
    return Limits(
        applications=int(setting("CHAOS_APPLICATIONS", "10000")),
        kills=int(setting("CHAOS_KILLS", "200")),
        seconds=float(setting("CHAOS_SECONDS", "3600")),
        seed=int(setting("CHAOS_SEED", str(random.randrange(1_000_000)))),
    )


def run(folder: Path, chosen: Limits) -> tuple[Report, bool]:
    """Run chaos on a stack of its own; return the report, and whether the invariants hold afterwards."""
    print_line(
        f"chaos: {chosen.applications} applications, {chosen.kills} kills, "
        f"at most {chosen.seconds:.0f} s, CHAOS_SEED={chosen.seed}"
    )
    with (
        start_stack(folder / "stack") as stack,
        Provider(folder) as provider,
        ExitStack() as running,
    ):
        system = System(stack, **settings_of_every_channel(provider))
        clocks = Clocks(system.folder, system.processes) if LIBRARY else None
        running.enter_context(system)
        try:
            report = Run(stack, system, provider, chosen, print_line, clocks)()
            counted = system.try_epass("administrator", "invariants", "--grace", "10")
            print_line(f"{counted.stdout}{counted.stderr}".rstrip())
            return report, counted.returncode == 0
        finally:
            shutil.copytree(system.folder, folder / "logs", ignore=shutil.ignore_patterns("*.json"))


def main() -> int:
    """Run chaos, print the report, and return the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything that was started is stopped
    folder = Path(tempfile.mkdtemp(prefix="epass-chaos-"))
    (folder / "stack").mkdir()
    report, invariants_hold = run(folder, limits())
    for line in report.lines():
        print_line(line)
    if "CHAOS_REPORT" in os.environ:
        report.write(Path(os.environ["CHAOS_REPORT"]))
    if report.good and invariants_hold:
        shutil.rmtree(folder, ignore_errors=True)
        return 0
    print_line(f"  logs and the provider's ledger: {folder}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
