"""`make bench`: one run of `measure.py`, and what pages weigh and ask of people.

All in one run on one machine, so that the ratios mean something although the machine's speed drifts. Asserts
nothing.
"""

import asyncio
import json
import shutil
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from bench import (
    approval,
    desk_queue,
    desk_visits,
    gate_app,
    gate_queue,
    processor,
    revocations,
    walk_in,
    weight,
)
from bench.measure import Bench, Figures, chosen_parts
from bench.one_run import running_system
from deploy.local.stack import Stack

QUEUE = 20
"""Visitors who wait at the gate, in the count of keys."""


def print_line(text: str) -> None:
    """Print a line of progress, or of the table."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_figures(name: str, found: dict[str, Any]) -> None:
    """Print one measurement in one line."""
    words = [f"{key} {value}" for key, value in found.items() if value and not isinstance(value, dict)]
    print_line(f"  {name:52} " + "  ".join(words))


def print_ratios(figures: Figures) -> None:
    """Print what share of its peers' rate a scan reaches, and what more passes cost."""
    ours = figures.get("scans, 32 clients", {}).get("propagated_per_s")
    for peer in ("echo, 32 clients", "echo behind the edge, 32 clients", "monolith, 32 clients"):
        if ours and peer in figures:
            share = ours / figures[peer]["answered_per_s"]
            print_line(f"  scans propagated, as a share of: {peer:32} {share:.0%}")
    few, many = (figures.get(f"scans, 32 clients, {count:,} passes") for count in (10_000, 1_000_000))
    if few and many:
        for figure in ("processor_ms_in_all", "p50_ms"):
            print_line(f"  1,000,000 passes against 10,000: {figure:32} × {many[figure] / few[figure]:.2f}")


def pages(gateway: str, logins: Path, queue: list[str], app_tokens: list[str], revoked: list[str]) -> None:
    """Print what pages weigh and how long they take on a slow line, if Debian's Chromium is installed."""
    chromium = shutil.which("chromium")
    print_line(
        f"\npages on a line of {weight.LINE // 1000} kB/s, {weight.LATENCY_MS} ms away"
        + ("" if chromium else ": no Chromium here (deploy/local/bootstrap chromium)")
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
    gate_app.show(gateway, logins, app_tokens, print_line)
    revocations.show(gateway, logins, revoked, print_line)


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


def main() -> None:
    """Run the bench on a stack of its own."""
    with running_system() as (stack, services):
        print_line(f"{psutil.cpu_count()} processors, Python {sys.version.split()[0]}")
        bench = Bench(stack, services, print_figures)
        asyncio.run(bench.run(chosen_parts()))
        print_ratios(bench.figures)
        print_line("\nmemory (MiB, resident)")
        for name, megabytes in sorted(processor.resident_mib(stack).items()):
            print_line(f"  {name:52} {megabytes:9.0f}")
        tokens = iter(bench.tokens)
        queue, app_tokens, revoked = (
            list(islice(tokens, count)) for count in (QUEUE, gate_app.NEEDED, revocations.COUNT)
        )
        pages(services.address("gateway"), stack.folder / "logins.json", queue, app_tokens, revoked)
        desk(stack, services.address("gateway"))
        desk_visits.show(stack, services.address("gateway"), print_line)


if __name__ == "__main__":
    main()
