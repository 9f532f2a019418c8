"""``make run``: start e-Pass on this machine, run the smoke journey through it, and serve until Ctrl-C.

Usage: python -m deploy.local.run [--once] [--folder FOLDER]
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from deploy.local import logins
from deploy.local.console import print_error, print_fact, print_heading, print_line, timed
from deploy.local.errors import StackFailed
from deploy.local.processes import ROOT
from deploy.local.prometheus import Prometheus, is_installed
from deploy.local.services import Services
from deploy.local.smoke_journey import SmokeJourney
from deploy.local.stack import Stack
from deploy.local.status import watch

GATEWAY_PORT = 8080
NO_JOURNEY = "The smoke journey is left out: it reads codes on the local phone, and EPASS_SMS_URL sends them"
PAGES = {
    "portal": "",
    "status": "/en/status",
    "staff": "/en/staff/sign-in",
    "desk": "/en/desk",
    "counter": "/en/counter",
    "gate": "/en/gate",
    "kiosk": "/en/kiosk",
    "phone": "/dev/phone",
    "interface": "/docs",
}
"""What is served, by what people call it: its address, in English where it has a language."""


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM. It is not an `Exception`, so that no handler takes it for an error."""

    def __init__(self, number: int) -> None:
        self.number = number


def main() -> int:
    """Run it; return the exit code."""
    options = _options()
    codes_go_out = bool(os.environ.get("EPASS_SMS_URL"))
    if options.once and codes_go_out:
        print_error(f"{NO_JOURNEY}; --once is that journey: unset EPASS_SMS_URL")
        return 1
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        stack = Stack(options.folder, _gateway_port(), supervised=True)
        prometheus = Prometheus(
            stack.folder / "prometheus",
            stack.ports["watch"],
            stack.logs / "prometheus.log",
            stack.id,
            stack.supervisor.launch,
        )
        _run(stack, Services(stack), prometheus, once=options.once, has_journey=not codes_go_out)
    except StackFailed as error:
        print_error(str(error))
        return 1
    except PermissionError as error:
        print_error(f"{error.filename} belongs to another user: run this as that user, or delete it")
        return 1
    except Interrupted as interrupted:
        print_line("\nstopped")
        return 128 + interrupted.number
    return 0


def _run(stack: Stack, services: Services, prometheus: Prometheus, *, once: bool, has_journey: bool) -> None:
    began = time.monotonic()
    serving = False
    try:
        print_heading("e-Pass starts")
        with timed("database and broker"):
            stack.start()
        with timed("topology, tables, seeds", "done"):
            services.prepare()
        with timed(f"{len(services.names)} processes"):
            services.start()
            services.wait_ready()
        print_fact("ready after", f"{time.monotonic() - began:.1f} s")
        monitoring = _start_prometheus(prometheus, services, stack)
        if has_journey:
            _run_smoke_journey(services, stack)
        else:
            file = _short(stack.folder / "env" / "sender.env")
            print_line(f"\n  {NO_JOURNEY}. Try the vendor:")
            print_line(f"  (set -a; . {file}; .venv/bin/epass messages test --to MOBILE --purpose otp)")
        if once:
            return
        serving = True
        _print_addresses(services, stack, monitoring)
        watch(stack, services)
    except Interrupted:
        if not serving:
            raise
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if stack.is_running():
            print_line()
            with timed("stopping", "stopped"):
                prometheus.stop()
                services.stop()
                stack.stop()


def _start_prometheus(prometheus: Prometheus, services: Services, stack: Stack) -> str:
    """Start Prometheus, which is optional; return its address, or why there is none."""
    if not is_installed():
        return "not here: Debian's package prometheus is not installed"
    try:
        targets = {name: urlsplit(services.address(name)).netloc for name in services.names}
        prometheus.configure(targets, f"127.0.0.1:{stack.ports['prometheus']}")
        prometheus.start()
    except StackFailed as error:
        return f"not here: {error}"
    return prometheus.url


def _run_smoke_journey(services: Services, stack: Stack) -> None:
    try:
        SmokeJourney(services.address("gateway"), stack.folder / "logins.json").run()
    except StackFailed:
        services.check()  # a process that has ended is the better reason
        raise


def _print_addresses(services: Services, stack: Stack, monitoring: str) -> None:
    address = services.address("gateway")
    print_heading("It serves now; Ctrl-C stops it")
    for name, path in PAGES.items():
        print_fact(name, f"{address}{path}")
    print_fact("Prometheus", monitoring)
    print_heading("Demo logins")
    for role, login in logins.write(stack.folder / "logins.json", stack.secret_store).items():
        print_fact(role, f"{login['login_id']}  {login['password']}")
    print_line(f"\n  also in {_short(stack.folder / 'logins.json')}; logs are in {_short(stack.logs)}")


def _short(path: Path) -> str:
    return os.path.relpath(path)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop after the smoke journey")
    parser.add_argument("--folder", type=Path, default=ROOT / ".local", help="where all data are")
    return parser.parse_args()


def _gateway_port() -> int:
    port = os.environ.get("EPASS_GATEWAY_PORT", str(GATEWAY_PORT))
    if not port.isdigit() or not 0 < int(port) < 65_536:
        raise StackFailed(f"EPASS_GATEWAY_PORT is no port: {port}")
    return int(port)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    raise Interrupted(number)


if __name__ == "__main__":
    sys.exit(main())
