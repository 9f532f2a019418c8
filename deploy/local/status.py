"""Each process of a running ``make run``, its uptime, its restarts, and whether it is ready.

Usage: python -m deploy.local.status [--folder FOLDER]
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from deploy.local.console import print_error, print_line
from deploy.local.processes import ROOT
from deploy.local.services import Services, gateway_port_of
from deploy.local.stack import Stack
from deploy.local.supervisor import Ended, State

PATIENCE = 5
"""After so many starts in a row that failed, one sentence says that the process cannot begin."""
WATCH_SECONDS = 0.2


def checks(stack: Stack, services: Services) -> dict[str, Callable[[], bool]]:
    """Return for each program that can be asked a function that says whether it is ready."""
    return {
        "postgres": stack.postgres.answers,
        "broker": stack.broker.answers,
        **{name: lambda name=name: services.is_ready(name) for name in services.names},  # type: ignore[misc]
    }


def watch(stack: Stack, services: Services) -> None:
    """Print what ends, when it begins again, and that it is ready again, until the supervisor itself ends.

    Raises:
        StackFailed: the supervisor ended.
    """
    ready = checks(stack, services)
    since: dict[str, float] = {}
    while True:
        for ended in stack.supervisor.ended():
            since.setdefault(ended.name, time.monotonic())
            if sentence := describe(ended, services.explain(ended)):
                _print(sentence)
        for name, began in list(since.items()):
            if name not in ready or ready[name]():
                del since[name]
                if name in ready:
                    _print(f"{name} is ready again after {time.monotonic() - began:.1f} s")
        stack.supervisor.check()
        time.sleep(WATCH_SECONDS)


def describe(ended: Ended, reason: str) -> str:
    """Return the sentence about a program that ended; empty when it was said already that it cannot begin."""
    if ended.failures > PATIENCE:
        return ""
    if ended.failures == PATIENCE:
        return f"{ended.name} cannot begin: {reason}. It is tried again, each time a second later"
    return f"{reason}; it begins again {f'in {ended.pause} s' if ended.pause else 'now'}"


def main() -> int:
    """Print the table; return 0 if every process is ready, 1 if one is not or nothing runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / ".local", help="the running stack's")
    folder = parser.parse_args().folder
    stack = Stack(folder, gateway_port_of(folder)) if folder.exists() else None
    states = stack.supervisor.states() if stack else []
    if stack is None or not states:
        print_error(f"nothing runs in {folder}: `make run` starts it")
        return 1
    try:
        return 0 if _print_table(states, checks(stack, Services(stack))) else 1
    except BrokenPipeError:  # its reader, such as `head`, has read what it wants
        return 0


def _print_table(states: Sequence[State], ready: Mapping[str, Callable[[], bool]]) -> bool:
    """Print a line for each process; return whether all are ready."""
    good = True
    print_line(f"  {'process':<14}{'pid':>8}  {'up':>10}  {'restarts':>8}  ready")
    for state in states:
        is_ready = state.pid is not None and ready.get(state.name, lambda: True)()
        good &= is_ready
        word = ("yes" if is_ready else "no") if state.name in ready else "–"
        uptime = str(timedelta(seconds=state.uptime)) if state.uptime is not None else "not running"
        print_line(f"  {state.name:<14}{state.pid or '':>8}  {uptime:>11}  {state.restarts:>8}  {word}")
    if any(state.name not in ready for state in states):
        print_line("  –: cannot be asked whether it is ready")
    return good


def _print(sentence: str) -> None:
    print_line(f"  {time.strftime('%H:%M:%S')}  {sentence}")


if __name__ == "__main__":
    sys.exit(main())
