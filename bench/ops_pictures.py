"""Pictures for operations, from a real system under load: its page ``/ops``, and two of its dashboards.

`python -m bench.ops_pictures` (`make ops-pictures`) runs a system and Debian's Prometheus, for about five
minutes. People apply and go through a gate. After a while verify is stopped, and a message comes that its
consumer cannot read; then verify is started again. Grafana is not needed: the queries, titles, units and
limits are those of ``deploy/grafana``, and `bench.plots` draws what Prometheus answers.
"""

import asyncio
import math
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import count, islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aio_pika
import httpx
from PIL import Image
from playwright.async_api import Page, async_playwright

from bench import journeys, plots
from bench.load import Request, paced
from bench.one_run import running_system
from bench.passes import ID
from bench.scans import GATE
from deploy.grafana.broker import BROKER
from deploy.grafana.overview import OVERVIEW
from deploy.grafana.panels import Dashboard, Panel
from deploy.local import logins
from deploy.local.prometheus import Prometheus
from deploy.local.services import Services
from deploy.local.stack import Stack

SCREENS = plots.ROOT / "docs" / "screens"
DRAWN = (OVERVIEW, BROKER)
JOURNEYS_A_SECOND, SCANS_A_SECOND, PASSES = 2, 10, 60
WELL, WRONG, SECONDS = 50, 140, 240
"""Seconds until the fault, of the fault, and of the whole."""
PATIENCE = 60
"""Seconds until the page of operations shows what is the case."""
STEP = 5
"""Seconds between two scrapes, a third of those in production: the time is short."""
POISONED = "application.PassRevoked"


def scans(tokens: Sequence[str], session: str) -> Iterator[Request]:
    """Yield entries and exits of these passes in turn, and a look at each before its entry."""
    for number in count():
        for step in ("preview", "entry", "exit"):
            for token in tokens:
                id_type, last4 = ID
                check = {"kind": "matched", "id_type": id_type, "id_last4": last4}
                yield Request(
                    "/api/v1/scans",
                    {
                        "token": token,
                        "gate": GATE,
                        "direction": "exit" if step == "exit" else "entry",
                        "nonce": f"{step}-{number}-{token[-24:]}",
                        "id_check": check if step == "entry" else None,
                    },
                    session,
                )


def lines(panel: Panel, answers: Sequence[dict[str, Any]], began: float) -> list[plots.Line]:
    """Return every series of a panel, named by its legend.

    Args:
        panel: of a dashboard.
        answers: of Prometheus (``/api/v1/query_range``) to each of its queries.
        began: the second that counts as 0.
    """
    return [
        plots.Line(
            _named(legend, series["metric"]),
            [(at - began, float(value)) for at, value in series["values"] if math.isfinite(float(value))],
        )
        for (_, legend), answer in zip(panel.queries, answers, strict=True)
        for series in answer["data"]["result"]
    ]


def draw(dashboard: Dashboard, prometheus: str, began: float, fault: tuple[float, float]) -> Path:
    """Ask Prometheus each query of a dashboard, and draw what it answers; return the SVG file."""
    with httpx.Client(base_url=prometheus, timeout=20, trust_env=False) as http:

        def ask(query: str) -> dict[str, Any]:
            answer: dict[str, Any] = (
                http.get(
                    "/api/v1/query_range",
                    params={
                        "query": query.replace("$__rate_interval", f"{4 * STEP}s"),
                        "start": began,
                        "end": began + SECONDS,
                        "step": STEP,
                    },
                )
                .raise_for_status()
                .json()
            )
            return answer

        rows = {
            title: [
                (panel, lines(panel, [ask(query) for query, _ in panel.queries], began)) for panel in panels
            ]
            for title, panels in dashboard.rows.items()
        }
    title = (
        f"e-Pass: {dashboard.title} (grey: verify is stopped, and a message that nobody can read has come)"
    )
    return plots.dashboard(title, rows, SECONDS, STEP, fault, f"{dashboard.name}.svg")


def _named(legend: str, labels: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda label: labels.get(label[1], ""), legend) or "–"


async def _take(page: Page, address: str, name: str, *texts: str) -> None:
    """Take a picture of the page once it shows these texts: the exporter looks every 15 seconds."""
    until = time.monotonic() + PATIENCE
    await page.goto(f"{address}/en/ops")
    while not all([await page.get_by_text(text).count() for text in texts]):
        if time.monotonic() > until:
            raise TimeoutError(f"the page does not show {texts} after {PATIENCE} s")
        await asyncio.sleep(2)
        await page.goto(f"{address}/en/ops")
    picture = Image.open(BytesIO(await page.screenshot(full_page=True))).convert("RGB").quantize(48)
    picture.save(SCREENS / f"{name}.png", optimize=True)


async def _sign_in(page: Page, stack: Stack, address: str) -> None:
    login = logins.write(stack.folder / "logins.json", stack.secret_store)["ops"]
    await page.goto(f"{address}/en/staff/sign-in")
    await page.fill("#login_id", login["login_id"])
    await page.fill("#password", login["password"])
    await page.locator("main form button:not([type=button])").last.click()
    await page.wait_for_url("**/ops")


async def _poison(stack: Stack) -> None:
    async with await aio_pika.connect(stack.broker.url("administrator")) as connection:
        exchange = (await connection.channel()).default_exchange
        await exchange.publish(aio_pika.Message(b"no event", user_id="relay"), POISONED)


async def _watch(stack: Stack, services: Services, began: float) -> tuple[float, float]:
    """Take the pictures of the page before the fault and in it; return when it began and ended."""
    address = services.address("gateway")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox"]
        )
        page = await chromium.new_page(
            viewport={"width": 1280, "height": 900}, locale="en-IN", timezone_id="Asia/Kolkata"
        )
        await _sign_in(page, stack, address)
        await asyncio.sleep(began + WELL - time.time())
        await _take(page, address, "ops", "All is well.")

        stopped = time.time() - began
        await asyncio.to_thread(stack.supervisor.stop, ["verify"])
        await _poison(stack)
        await asyncio.sleep(began + WELL + WRONG - time.time())
        await _take(page, address, "ops-fault", "Without an answer: verify.", POISONED)

        started = time.time() - began
        stack.supervisor.call("startProcess", "verify", False)
        await asyncio.to_thread(services.wait_ready)
        await chromium.close()
    await asyncio.sleep(began + SECONDS - time.time())
    return stopped, started


async def _run(stack: Stack, services: Services, prometheus: Prometheus) -> list[Path]:
    address, logins_file = services.address("gateway"), stack.folder / "logins.json"
    first = await journeys.run(address, logins_file, PASSES)
    prometheus.start()
    began = time.time()
    fault, journey, scanned = await asyncio.gather(
        _watch(stack, services, began),
        journeys.run(
            address,
            logins_file,
            JOURNEYS_A_SECOND * SECONDS,
            journeys.OTHER_MOBILES,
            JOURNEYS_A_SECOND,
        ),
        paced(
            address,
            islice(scans(first.tokens, first.security), SCANS_A_SECOND * SECONDS),
            SCANS_A_SECOND,
        ),
    )
    print(f"{len(journey.tokens)} journeys; {len(scanned.latencies)} scans, refused: {scanned.refused}")
    return [draw(dashboard, prometheus.url, began, fault) for dashboard in DRAWN]


def main() -> None:
    """Run the system, take and draw the pictures."""
    with running_system() as (stack, services):
        prometheus = Prometheus(
            stack.folder / "prometheus", stack.ports["watch"], stack.logs / "prometheus.log", stack.id
        )
        targets = {name: urlsplit(services.address(name)).netloc for name in services.names}
        prometheus.configure(targets, f"127.0.0.1:{stack.ports['prometheus']}")
        file = prometheus.folder / "prometheus.yml"
        file.write_text(file.read_text().replace("15s", f"{STEP}s"))
        try:
            pictures = asyncio.run(_run(stack, services, prometheus))
        finally:
            prometheus.stop()
    for picture in (*pictures, SCREENS / "ops.png", SCREENS / "ops-fault.png"):
        print(f"{picture.relative_to(plots.ROOT)}: {picture.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
