"""What a guard waits for in the gate's app: verdicts, the first load, the reception, and the other gate.

Chromium runs headless, with a camera that sees a video of passes. The app itself measures from the frame that
holds a code to the verdict on the screen. `python -m bench.gate_app` measures this alone.
"""

import asyncio
import base64
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from statistics import quantiles
from time import monotonic
from typing import Any
from uuid import uuid4

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from bench import gate_queue, weight
from bench.measure import Bench
from bench.one_run import running_system
from bench.walk_in import Typed
from contracts.crockford import LENGTH
from contracts.model import site_of
from contracts.rpc.accounts.logins import IssueLogin
from epass_client import Client, calls
from services.gateway.access.cookie_names import session_cookie
from tests.e2e import camera, degraded_codes

Printer = Callable[[str], None]
TABLET = {"width": 1280, "height": 800}
BEFORE_CAMERA = 20
"""Passes in the video."""
HELD_UP_SECONDS = 1.0
VERDICTS = 100
QUEUE = 20
NEWS = 10
"""Scans at one gate whose news another gate waits for, and calls for help."""
LONGEST_S = 180
PASSWORD = "a guard of the bench"
TIMES = """
window.heard = [];
const listen = EventSource.prototype.addEventListener;
EventSource.prototype.addEventListener = function (kind, handler, ...rest) {
  return listen.call(this, kind, (event) => {
    const done = handler(event);
    if (kind === "movement") requestAnimationFrame(() => window.heard.push(Date.now()));
    return done;
  }, ...rest);
};
"""
"""Notes when the app has taken a movement of another gate, and drawn what follows of it."""
RINGS = """
window.rang = [];
new MutationObserver(() => {
  if (document.querySelector("#calls [data-rings]")) window.rang.push(Date.now());
}).observe(document.querySelector("#calls"), {childList: true, subtree: true});
"""
ENROL = """async ([code, key]) => (await fetch("/api/v1/gate/device", {
  method: "POST", body: JSON.stringify({code}),
  headers: {"Content-Type": "application/json", "Idempotency-Key": key},
})).ok"""
"""Makes the browser the device of a gate, as the app does with a code that was read."""
DECODE = """async ({wasm, pictures}) => {
  const worker = new Worker("/gate/decoder.js", {type: "module"});
  const next = () => new Promise((resolve) => { worker.onmessage = ({data}) => resolve(data); });
  worker.postMessage({wasm: new URL(wasm, location.href).href});
  await next();
  const found = [];
  for (const picture of pictures) {
    const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
    const whole = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
    let text = null;
    let ms = 0;
    for (const look of ["quick", "sharp", "careful"]) {
      if (text !== null) break;
      const frame = await createImageBitmap(whole);
      const began = performance.now();
      worker.postMessage({id: found.length, frame, look}, [frame]);
      text = (await next()).text;
      ms = performance.now() - began;
    }
    found.push({text, ms});
  }
  return found;
}"""
"""Gives each picture to the decoder as the camera does: a quick look, then longer ones."""


def decode(page: Page, pictures: Sequence[Image.Image]) -> list[dict[str, Any]]:
    """Return what the app's decoder reads in each picture (``text``, or None), and after how many ``ms``.

    The page is the open app.
    """
    embedded = json.loads(page.locator("meta[name=embedded]").get_attribute("content") or "")
    sent = {"wasm": embedded["addresses"]["wasm"], "pictures": [_png(one) for one in pictures]}
    read: list[dict[str, Any]] = page.evaluate(DECODE, sent)
    return read


def _png(picture: Image.Image) -> str:
    content = BytesIO()
    picture.save(content, "png")
    return base64.b64encode(content.getvalue()).decode()


class Gates:
    """Two gates of a site and its reception, in browsers.

    Args:
        gateway: its address.
        logins: the file of the demo logins.
        playwright: opens the browsers.
        folder: for the video of the camera.
    """

    def __init__(self, gateway: str, logins: Path, playwright: Playwright, folder: Path) -> None:
        self._gateway = gateway
        self._known = json.loads(logins.read_text())
        self._playwright = playwright
        self._folder = folder
        self._tokens = {"PCS1-G1": self.sign_in("security").token, "PCS1-G2": self._second_guard()}
        self._browsers: list[Browser] = []

    def sign_in(self, role: str) -> Client:
        """Return a client with the session of a demo login."""
        login = self._known[role]
        return Client(self._gateway).sign_in(login["login_id"], login["password"])

    def _second_guard(self) -> str:
        """Issue a login for the other gate; return its token."""
        wanted = IssueLogin(role="security", name="Second gate", site="PCS1", gate="PCS1-G2")
        given = self.sign_in("ado").send(calls.issue_login(wanted))
        client = Client(self._gateway).sign_in(given.login_id, given.initial_password)
        client.send(calls.change_password(given.initial_password, PASSWORD))
        return Client(self._gateway).sign_in(given.login_id, PASSWORD).token

    def browser(self, video: Path | None = None) -> Browser:
        """Start a browser, with a camera that sees a video if there is one."""
        seen = [] if video is None else [f"--use-file-for-fake-video-capture={video}"]
        flags = [flag for flag in camera.FLAGS if video is not None or "fake-device" not in flag]
        one = self._playwright.chromium.launch(executable_path=camera.chromium_path(), args=[*flags, *seen])
        self._browsers.append(one)
        return one

    def film(self, tokens: Sequence[str]) -> Path:
        """Return a video in which these passes are held up, one after the other."""
        frames = ((camera.held_up(token), HELD_UP_SECONDS) for token in tokens)
        return camera.write_video(self._folder / "passes.y4m", frames)

    def context(self, browser: Browser, gate: str) -> BrowserContext:
        """Return a window in which a guard of a gate is signed in."""
        one = browser.new_context(base_url=self._gateway, viewport=TABLET, timezone_id="Asia/Kolkata")  # type: ignore[arg-type]  # a dictionary of two numbers
        cookie = {"name": session_cookie(self._gateway), "value": self._tokens[gate], "url": self._gateway}
        one.add_cookies([cookie])  # type: ignore[list-item]  # as the others do
        return one

    def app(self, context: BrowserContext, enrolled_at: str | None = None, script: str = TIMES) -> Page:
        """Open the app, and wait until it has its list.

        Args:
            context: of the guard.
            enrolled_at: the gate at which the browser becomes a device first; only devices store lists.
            script: what notes times in the page.
        """
        page = context.new_page()
        page.add_init_script(script)
        page.goto("/gate")
        if enrolled_at is not None:
            self._enrol(page, enrolled_at)
        expect(page.locator(".dot--on")).to_be_visible(timeout=30_000)
        _wait(page, "/[0-9०-९੦-੯]/.test(document.querySelector('.bar__age').textContent)")
        return page

    def _enrol(self, page: Page, gate: str) -> None:
        wanted = IssueLogin(role="gate_device", name=f"Tablet of {gate}", site=site_of(gate), gate=gate)
        device = self.sign_in("ado").send(calls.issue_login(wanted))
        code = f"{device.login_id}-{device.initial_password}"
        assert page.evaluate(ENROL, [code, str(uuid4())])
        page.reload()

    def reception(self, browser: Browser) -> Page:
        """Open the page of the reception on which calls ring."""
        context = browser.new_context(base_url=self._gateway)
        token = self.sign_in("reception").token
        cookie = {"name": session_cookie(self._gateway), "value": token, "url": self._gateway}
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        page.goto("/en/counter")
        page.evaluate(RINGS)
        return page


def show(gateway: str, logins: Path, tokens: Sequence[str], line: Printer) -> None:
    """Print all figures. Of ``tokens``, passes that nobody has scanned, it takes `needed`.

    Args:
        gateway: its address.
        logins: the file of the demo logins.
        tokens: of passes.
        line: prints one line.
    """
    shown, queue, news = tokens[:BEFORE_CAMERA], tokens[BEFORE_CAMERA:-NEWS], tokens[-NEWS:]
    line("\nthe gate's app, in Chromium with a camera (goal: 50 ms from the frame to the verdict)")
    with sync_playwright() as playwright, _folder() as folder:
        gates = Gates(gateway, logins, playwright, folder)
        plain = gates.browser()
        _print_verdicts(gates, shown, line)
        _print_degraded(gates.app(gates.context(plain, "PCS1-G1")), line)
        _print_first_load(gates, plain, line)
        _print_queue(gates.app(gates.context(plain, "PCS1-G1")), queue, line)
        _print_help(gates, plain, line)
        _print_news(gates, plain, news, line)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="epass-video-") as name:
        yield Path(name)


def _wait(page: Page, condition: str) -> None:
    """Wait until a condition in the page holds. The page allows no script to evaluate it by itself.

    Raises:
        TimeoutError: it does not for very long.
    """
    began = monotonic()
    while not page.evaluate(condition):
        if monotonic() - began > LONGEST_S:
            raise TimeoutError(condition)
        page.wait_for_timeout(20)


def _print_verdicts(gates: Gates, tokens: Sequence[str], line: Printer) -> None:
    browser = gates.browser(gates.film(tokens))
    context = gates.context(browser, "PCS1-G1")
    page = gates.app(context)
    for name, is_offline in (("asking the server", False), ("without a network", True)):
        context.set_offline(is_offline)
        page.evaluate("performance.clearMeasures()")
        began = monotonic()
        while len(_measured(page, "frame to verdict")) < VERDICTS and monotonic() - began < LONGEST_S:
            page.wait_for_timeout(1000)
        for what, key in (("frame to text", "frame to text"), ("frame to verdict", "frame to verdict")):
            print_times(line, f"{what}, {name}", _measured(page, key), "ms")
    browser.close()


def _measured(page: Page, name: str) -> list[float]:
    found = page.evaluate(f"performance.getEntriesByName('{name}').map((one) => one.duration)")
    return [float(one) for one in found]


def print_times(line: Printer, name: str, times: Sequence[float], unit: str) -> None:
    """Print the median, the tail and the longest of some times."""
    if len(times) < 2:
        line(f"  {name:44} {len(times):9} measured")
        return
    hundredths = quantiles(times, n=100, method="inclusive")
    digits = 0 if unit == "ms" else 2
    line(
        f"  {name:44} {len(times):9} measured  p50 {hundredths[49]:.{digits}f} {unit}"
        f"  p95 {hundredths[94]:.{digits}f} {unit}"
        f"  p99 {hundredths[98]:.{digits}f} {unit}  longest {max(times):.{digits}f} {unit}"
    )


def _print_degraded(page: Page, line: Printer) -> None:
    drawn = list(degraded_codes.pictures())
    read = decode(page, [picture for _, _, picture in drawn])
    pairs = list(zip(drawn, read, strict=True))
    missed = [kind for (kind, token, _), found in pairs if found["text"] != token]
    times = [found["ms"] for (_, token, _), found in pairs if found["text"] == token]
    good = len(drawn) - len(missed)
    line(f"  {'degraded codes':44} {good:9} of {len(drawn)} decoded ({good / len(drawn):.1%})")
    print_times(line, "reading one of them", times, "ms")


def _print_first_load(gates: Gates, browser: Browser, line: Printer) -> None:
    """Print size and time of the first load, in a browser that has never seen the app."""
    context = gates.context(browser, "PCS1-G1")
    page = context.new_page()
    wire = context.new_cdp_session(page)
    received: list[float] = []
    wire.send("Network.enable")
    wire.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": weight.LATENCY_MS,
            "downloadThroughput": weight.LINE,
            "uploadThroughput": weight.LINE,
        },
    )
    wire.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    began = monotonic()
    page.goto("/gate", wait_until="commit")
    page.locator("#number").wait_for(state="visible", timeout=120_000)
    usable = monotonic() - began
    shell = sum(received)
    app, fonts = stored_bytes(context)
    line(f"  {f'first load on {weight.LINE // 1000} kB/s':44} {shell / 1000:9.1f} kB  usable {usable:.1f} s")
    line(
        f"  {'the app as a whole, compressed':44} {app / 1000:9.1f} kB  and fonts {fonts / 1000:.1f} kB:"
        f" {(app + fonts) / weight.LINE:.1f} s on that line"
    )
    context.close()


def stored_bytes(context: BrowserContext) -> tuple[int, int]:
    """Return how many bytes of the app, and of its fonts, come over the wire to be stored by a browser."""
    answer = context.request.get("/gate/worker.js")
    stored = json.loads(answer.text().partition("\n")[0].removeprefix("const STORED = ").removesuffix(";"))
    weights = {path: _weight(context, path) for path in ("/gate", "/gate/worker.js", *stored["files"])}
    fonts = sum(weight for path, weight in weights.items() if path.endswith(".woff2"))
    return sum(weights.values()) - fonts, fonts


def _weight(context: BrowserContext, path: str) -> int:
    headers = context.request.get(path, headers={"Accept-Encoding": "gzip, br"}).headers_array
    return int(next(one["value"] for one in headers if one["name"].lower() == "content-length"))


def _print_queue(page: Page, tokens: Sequence[str], line: Printer) -> None:
    """Print taps and seconds of a queue. A scanner and the camera ask the same of the guard: one tap."""
    tapped = gate_queue.admit_with_app(page, tokens)
    count = len(tokens)
    line(
        f"  {f'a queue of {count}, camera or scanner':44} {tapped.taps / count:9.1f} taps"
        f"  {tapped.seconds / count:.1f} s a visitor (goal: 2 taps, 4 s)"
    )
    typed = Typed(LENGTH + 1, 1)
    line(
        f"  {'a visitor whose number is typed':44} {typed.keys:9} keys"
        f"  {typed.seconds + tapped.seconds / count:.1f} s"
    )


def _print_help(gates: Gates, browser: Browser, line: Printer) -> None:
    reception, page = gates.reception(browser), gates.app(gates.context(browser, "PCS1-G1"))
    page.wait_for_timeout(2_000)
    seconds: list[float] = []
    for _ in range(NEWS):
        reception.evaluate("window.rang = []")
        page.locator(".bar__help").click()
        button = page.locator("dialog .button").first
        began = page.evaluate("Date.now()")
        button.click()
        _wait(reception, "window.rang.length > 0")
        seconds.append((reception.evaluate("window.rang[0]") - began) / 1000)
        reception.locator("#calls [data-rings] button").first.click()
        reception.wait_for_load_state("load")
        expect(reception.locator("#calls [data-rings]")).to_have_count(0)
        reception.evaluate(RINGS)
    print_times(line, "call for help to the ring at the reception", seconds, "s")


def _print_news(gates: Gates, browser: Browser, tokens: Sequence[str], line: Printer) -> None:
    one, other = (gates.app(gates.context(browser, gate)) for gate in ("PCS1-G1", "PCS1-G2"))
    other.wait_for_timeout(2_000)
    seconds: list[float] = []
    for token in tokens:
        other.evaluate("window.heard = []")
        one.keyboard.type(token)
        one.keyboard.press("Enter")
        began = one.evaluate("Date.now()")
        one.locator(".verdict--ask .button--main").click()
        expect(one.locator(".verdict--good")).to_be_visible()
        _wait(other, "window.heard.length > 0")
        seconds.append((other.evaluate("window.heard[0]") - began) / 1000)
    print_times(line, "tap at one gate to the other's app (goal 2 s)", seconds, "s")


NEEDED = BEFORE_CAMERA + QUEUE + NEWS
"""Passes that `show` takes."""


@contextmanager
def measured_system() -> Iterator[tuple[str, Path, list[str]]]:
    """Run a system with passes; yield the address of its gateway, its logins and the passes' tokens."""
    with running_system() as (stack, services):
        bench = Bench(stack, services, lambda *_: None)
        asyncio.run(bench.run(()))
        yield services.address("gateway"), stack.folder / "logins.json", bench.tokens


def main() -> None:
    """Measure on a system of its own."""
    if shutil.which("chromium") is None:
        print("no Chromium here (deploy/local/bootstrap chromium)")
        return
    with measured_system() as (gateway, logins, tokens):
        show(gateway, logins, tokens[:NEEDED], lambda text: print(text, flush=True))


if __name__ == "__main__":
    main()
