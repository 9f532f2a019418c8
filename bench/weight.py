"""The weight of a page on the wire and its time on a slow line, in a browser with an empty cache.

The first page comes with styles, scripts and the fonts of its language; later ones find them in the browser.
"""

from dataclasses import dataclass

from playwright.sync_api import Browser, Page

LINE = 50_000
"""Bytes a second: a poor mobile line."""
LATENCY_MS = 200
FIRST, LATER = "/apply", ("/status", "/sign-in")
"""Without their language, which stands before them."""


@dataclass(frozen=True)
class Weight:
    """One page: bytes on the wire with headers, seconds until it is readable and until it is complete."""

    path: str
    bytes: int
    readable: float
    complete: float


def weigh(browser: Browser, url: str, language: str) -> tuple[Weight, ...]:
    """Weigh the first page of a language and later ones."""
    return weigh_in_order(browser, url, tuple(f"/{language}{inner}" for inner in (FIRST, *LATER)))


def weigh_in_order(browser: Browser, url: str, paths: tuple[str, ...]) -> tuple[Weight, ...]:
    """Pages, one after the other, on the slow line."""
    context = browser.new_context(base_url=url, viewport={"width": 360, "height": 740})
    page = context.new_page()
    wire = context.new_cdp_session(page)
    received: list[int] = []
    wire.send("Network.enable")
    wire.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": LATENCY_MS, "downloadThroughput": LINE, "uploadThroughput": LINE},
    )
    wire.on("Network.loadingFinished", lambda event: received.append(round(event["encodedDataLength"])))
    found = tuple(_weight(page, path, received) for path in paths)
    context.close()
    return found


def _weight(page: Page, path: str, received: list[int]) -> Weight:
    received.clear()
    page.goto(path, wait_until="networkidle")
    times = page.evaluate(
        "() => { const one = performance.getEntriesByType('navigation')[0];"
        " const last = performance.getEntriesByType('resource').map((each) => each.responseEnd);"
        " return [one.domContentLoadedEventEnd, Math.max(one.loadEventEnd, ...last)] }"
    )
    return Weight(path, sum(received), times[0] / 1000, times[1] / 1000)
