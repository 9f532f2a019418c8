"""`make bench`: journeys and scans a second, against the bare RPC ceiling and a monolith.

Pages are weighed too, and timed on a slow line. All in one run on one machine, so that the ratios mean
something although the machine's speed drifts. Asserts nothing. BENCH_SECONDS (10) is the length of each
measurement, BENCH_JOURNEYS (200) the number of journeys.
"""

import asyncio
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from bench import approval, desk_queue, gate_queue, journeys, walk_in, weight
from bench.load import Request, Result, calls, closed, paced
from contracts.model import Wire
from contracts.rpc.call import Method
from deploy.local.services import Services
from deploy.local.stack import Stack
from services.gateway.rpc.client import RpcClient

SECONDS = float(os.environ.get("BENCH_SECONDS", "10"))
JOURNEYS = int(os.environ.get("BENCH_JOURNEYS", "200"))
CLIENTS = 32
QUEUE = 20
"""Visitors who wait at the gate, in the count of keys."""


class Echoed(Wire):
    """What the echo receives and returns: about as much as a scan."""

    token: str = "x" * 380
    gate: str = "PCS1-G1"


ECHO = Method("echo", "echo", Echoed, Echoed)


def print_line(text: str) -> None:
    """Print a line of progress, or of the table."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def row(name: str, result: Result, of: Result | None = None) -> None:
    """Print one line of the table; ``of`` is what the rate is a share of."""
    share = f"{result.rate / of.rate:7.0%}" if of and of.rate else "       "
    refused = f"  refused: {result.refused}" if result.refused else ""
    print_line(
        f"  {name:44} {result.rate:9.0f}/s  p50 {result.quantile(0.5):7.1f} ms"
        f"  p99 {result.quantile(0.99):7.1f} ms {share}{refused}"
    )


def scans(tokens: list[str], session: str, prefix: str) -> Iterator[Request]:
    """Yield scans that let each party in and out again, pass after pass; every scan is recorded."""
    check = {"kind": "matched", "id_type": "voter_id", "id_last4": "4821"}
    for number in itertools.count():
        token = tokens[number // 2 % len(tokens)]
        entry = number % 2 == 0
        yield Request(
            "/api/v1/scans",
            {
                "token": token,
                "gate": "PCS1-G1",
                "direction": "entry" if entry else "exit",
                "nonce": f"{prefix}-{number:08}",
                "id_check": check if entry else None,
            },
            session,
        )


async def echo_ceiling(stack: Stack) -> Result:
    """Measure calls to a service that does nothing, through the gateway's own client."""
    url = stack.broker.url("administrator")
    child = subprocess.Popen([sys.executable, "-m", "bench.echo", url], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        client = RpcClient((url,))
        running = asyncio.create_task(client.background.run())
        try:
            while not client.connected:
                await asyncio.sleep(0.05)
            await calls(lambda: client.call(ECHO, Echoed()), 1, 0.5)
            return await calls(lambda: client.call(ECHO, Echoed()), CLIENTS, SECONDS)
        finally:
            running.cancel()
    finally:
        child.kill()
        child.wait()


async def monolith(stack: Stack, gateway: str, tokens: list[str]) -> tuple[Result, Result]:
    """Measure the monolith with one client and at saturation."""
    stack.postgres.create_database("monolith")
    port = _free_port()
    url = stack.postgres.url("monolith", scheme="postgresql")
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.monolith", url, str(port), f"{gateway}/.well-known/jwks.json"]
    )
    try:
        address = f"http://127.0.0.1:{port}"
        await journeys.wait_for_answer(f"{address}/docs")
        one = await closed(address, scans(tokens, "", "m1"), 1, SECONDS / 2)
        return one, await closed(address, scans(tokens, "", "mn"), CLIENTS, SECONDS)
    finally:
        child.kill()
        child.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def memory(services: Services) -> None:
    """Print the resident memory of each process."""
    print_line("\nmemory at the end (MiB, resident)")
    for name, megabytes in sorted(processes(services).items()):
        print_line(f"  {name:44} {megabytes:9.0f}")


def pages(gateway: str, logins: Path, queue: list[str]) -> None:
    """Print what pages weigh and how long they take on a slow line, if Debian's Chromium is installed."""
    chromium = shutil.which("chromium")
    print_line(
        f"\npages on a line of {weight.LINE // 1000} kB/s, {weight.LATENCY_MS} ms away"
        + ("" if chromium else ": no Chromium here (make browser)")
    )
    if chromium is None:
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        for language in ("pa", "hi", "en"):
            for one in weight.weigh(browser, gateway, language):
                print_line(
                    f"  {one.path:44} {one.bytes / 1000:9.1f} kB"
                    f"  readable {one.readable:5.1f} s  complete {one.complete:5.1f} s"
                )
        typed = walk_in.apply(signed_in(browser, gateway, logins, "reception", "counter"))
        print_line("\ncounter, desk and gate, by the keystroke-level model")
        print_line(
            f"  {'a walk-in without a phone':44} {typed.keys:9} keys"
            f"  {typed.fields} fields  {typed.seconds:5.0f} s"
        )
        tapped = approval.approve_first(signed_in(browser, gateway, logins, "department", "desk"))
        print_line(
            f"  {'approving that walk-in, on the desk':44} {tapped.taps:9} taps"
            f"  {tapped.pages} pages  {tapped.seconds:5.1f} s"
        )
        typed = gate_queue.admit(signed_in(browser, gateway, logins, "security", "gate"), queue)
        print_line(
            f"  {f'a queue of {len(queue)} at the gate, USB scanner':44} {typed.keys:9} keys"
            f"  {typed.fields} fields  {typed.seconds:5.0f} s"
        )
        browser.close()


def desk(stack: Stack, gateway: str) -> None:
    """Print how long the gateway takes for the pages of a desk with very many undecided applications."""
    with stack.postgres.connect("approval") as connection:
        desk_queue.fill(connection, "home")
    print_line(f"\nthe desk with {desk_queue.PENDING} undecided applications, at the gateway")
    for path in ("/en/desk", "/en/desk?order=newest", "/en/desk?officer=anyone", "/en/desk?open=first"):
        taken = desk_queue.page_milliseconds(gateway, stack.folder / "logins.json", path)
        print_line(f"  {path:44} {'':11}  p50 {taken[len(taken) // 2]:7.0f} ms  slowest {taken[-1]:5.0f} ms")


def signed_in(browser: Browser, gateway: str, logins: Path, role: str, start: str) -> Page:
    """Sign in with a demo login and return the page on which its role starts."""
    login = json.loads(logins.read_text())[role]
    page = browser.new_page(base_url=gateway)
    page.goto("/en/staff/sign-in")
    page.fill("#login_id", login["login_id"])
    page.fill("#password", login["password"])
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{start}")
    return page


def processes(services: Services) -> dict[str, float]:
    """Return the MiB of each process, by its name."""
    found: dict[str, float] = {}
    for process in psutil.process_iter(["cmdline", "memory_info"]):
        line = " ".join(process.info["cmdline"] or [])
        for name in services.names:
            words = (f"services.ops.serve {name}", f"epass {name}")
            if any(line.endswith(word) for word in words) and "sh -c" not in line:
                found[name] = process.info["memory_info"].rss / 2**20
    return found


async def measure(stack: Stack, services: Services) -> list[str]:
    """Measure everything, in an order in which each step produces the input of the next.

    Return the tokens of `QUEUE` passes that were not scanned.
    """
    gateway = services.address("gateway")
    print_line(f"\njourneys: apply, approve, issue, message handed over ({JOURNEYS} of them)")
    journey = await journeys.run(gateway, stack.folder / "logins.json", JOURNEYS)
    print_line(f"  {'whole journeys':44} {journey.rate:9.1f}/s")
    print_line(
        f"  {'approve to message handed over':44} {'':11}  p50 {journey.quantile(0.5):7.0f} ms"
        f"  p99 {journey.quantile(0.99):7.0f} ms"
    )
    tokens, session = journey.tokens[QUEUE:], journey.security
    print_line("\nscans (recorded: scan row, presence, outbox)")
    row("gateway, 1 client", await closed(gateway, scans(tokens, session, "s1"), 1, SECONDS / 2))
    row("gateway, 200 a second", await paced(gateway, scans(tokens, session, "sp"), 200, SECONDS))
    saturated = await closed(gateway, scans(tokens, session, "sn"), CLIENTS, SECONDS)
    ceiling = await echo_ceiling(stack)
    row(f"bare RPC (echo), {CLIENTS} callers: the ceiling", ceiling)
    row(f"gateway, {CLIENTS} clients; share of the ceiling", saturated, ceiling)
    mono_one, mono = await monolith(stack, gateway, tokens)
    row("monolith, 1 client", mono_one)
    row(f"monolith, {CLIENTS} clients", mono)
    row(f"gateway, {CLIENTS} clients; share of the monolith", saturated, mono)
    memory(services)
    return journey.tokens[:QUEUE]


def main() -> None:
    """Run the bench on a stack of its own."""
    folder = Path(tempfile.mkdtemp(prefix="epass-bench-"))
    os.environ["EPASS_RATE_LIMITS"] = "false"
    stack = Stack(folder)
    services = Services(stack)
    try:
        began = time.monotonic()
        stack.start()
        services.prepare()
        services.start()
        services.wait_ready()
        print_line(
            f"ready after {time.monotonic() - began:.1f} s; "
            f"{psutil.cpu_count()} processors, Python {sys.version.split()[0]}"
        )
        queue = asyncio.run(measure(stack, services))
        pages(services.address("gateway"), stack.folder / "logins.json", queue)
        desk(stack, services.address("gateway"))
    finally:
        services.stop()
        stack.stop()
        stack.remove()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
