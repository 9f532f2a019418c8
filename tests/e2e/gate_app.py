"""The gate's app of a browser, with a service that answers as a test says."""

import random
from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, Locator, Page, expect

from contracts.rpc.verify.manifests import Manifest, ManifestSnapshot, ManifestSupervisor, OfflinePolicy
from contracts.rpc.verify.scans import ScanPass, ScanResult
from services.chassis.runtime.clock import now
from services.gateway.pages.gate_app.texts import texts_of_app
from tests.e2e import degraded_codes
from tests.support.factories.gateway import ISSUER
from tests.support.factories.pages import ADMIT

MANIFEST = Manifest(
    snapshot=ManifestSnapshot(timeline=0, all_before=0, none_from=0),
    gate="PCS1-G1", site="PCS1", gates=("PCS1-G1", "PCS1-G2"), made_at=now(), issuer=ISSUER,
    offline=OfflinePolicy(green_s=900, amber_s=14_400, then="refuse"),
)  # fmt: skip


SUPERVISED = MANIFEST.model_copy(
    update={
        "supervisors": (
            ManifestSupervisor(
                login_id="SEC-0009", salt="MDEyMzQ1Njc4OWFiY2RlZg", iterations=1000, verifier="A" * 43
            ),
        ),
        "supervisor_demanded": True,
    }
)
"""Of a site with a supervisor who has a PIN."""


WORDS = texts_of_app()


CHANCE = random.Random(7)


A, B = degraded_codes.token(CHANCE), degraded_codes.token(CHANCE)


@dataclass
class Verify:
    """Verify, which remembers what was scanned; ``verdicts`` has what it says of some tokens."""

    scanned: list[ScanPass] = field(default_factory=list)
    verdicts: dict[str, ScanResult] = field(default_factory=dict)

    def __call__(self, asked: ScanPass) -> ScanResult:
        self.scanned.append(asked)
        if found := self.verdicts.get(asked.token or asked.pass_number or ""):
            return found
        check = asked.id_check
        if check is not None and check.kind == "matched" and check.id_last4 != "4821":
            return ADMIT.model_copy(update={"verdict": "id_mismatch", "preview": False})
        came = asked.count or ADMIT.party
        return ADMIT.model_copy(
            update={
                "verdict": "exit" if asked.direction == "exit" else "admit",
                "preview": asked.direction == "entry" and check is None,
                "may_enter": 3 if asked.direction == "entry" and check is None else 0,
                "inside": came if check else 0,
                "department": "home",
                "officer": "baldev",
            }
        )

    @property
    def recorded(self) -> list[ScanPass]:
        return [one for one in self.scanned if one.id_check is not None]


def allow_to_move_camera(page: Page) -> None:
    """Answer what a browser asks of the guard, which nobody can in a window that is not drawn."""
    wire = page.context.new_cdp_session(page)
    window = wire.send("Target.getTargetInfo")["targetInfo"]["browserContextId"]
    granted = ["videoCapture", "cameraPanTiltZoom"]
    wire.send("Browser.grantPermissions", {"permissions": granted, "browserContextId": window})


def open_app(context: BrowserContext) -> Page:
    """Open the app of a guard in Hindi, and wait until it holds its list and is stored for a time without a
    network."""
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto("/gate")
    expect(page.locator(".dot--on")).to_be_visible()
    page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
    expect(page.locator(".bar__age")).not_to_have_text(WORDS["hi"]["texts"]["list_none"], timeout=20_000)
    return page


def scan(page: Page, text: str = A) -> None:
    """Type as a scanner does: all at once, and Enter."""
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def verdict(page: Page, tone: str) -> Locator:
    return page.locator(f".verdict--{tone}")


HEARD = """
window.heard = [];
window.felt = [];
window.AudioContext = class extends AudioContext {
  constructor() {
    super();
    window.audio = this;
  }
};
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (when) {
  window.heard.push(this.frequency.value);
  start.call(this, when);
};
navigator.vibrate = (pulses) => window.felt.push(pulses) > 0;
"""
"""Notes the tones that are played, in hertz, and how the device vibrates, in milliseconds."""
