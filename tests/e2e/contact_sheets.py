"""Pictures of the pages: a few for README.md, and contact sheets of every page in every state.

Usage: python -m tests.e2e.contact_sheets [--pictures FOLDER] [--sheets FOLDER]
"""

import argparse
import hashlib
import shutil
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from contracts.rpc.verify.manifests import ManifestPass
from contracts.rpc.verify.presence import InsideList
from contracts.rpc.verify.scans import ScanResult
from contracts.tokens import STATUS_TYP
from services.chassis.runtime.clock import now
from services.gateway.pages.gate_app.texts import texts_of_app
from services.gateway.pages.shared.languages import LANGUAGES
from services.issuance.adapters import qr
from tests.e2e import camera, gate_app
from tests.e2e.navigation import bring
from tests.e2e.page_samples import FULL_QUEUE, State
from tests.e2e.page_states import STATES
from tests.e2e.viewports import DESK, PHONE
from tests.support.factories.gateway import NUMBER, REFERENCE, pass_view
from tests.support.factories.pages import ADMIT
from tests.support.factories.system_report import TROUBLE
from tests.support.factories.verify import ISSUER
from tests.support.system.pages_alone import INSIDE, PagesAlone

PASS = "/p/aB3dE5fG7hJ9kL1mN2pQ4r"
TOKEN = f"eyJ{''.join(hashlib.sha512(bytes([part])).hexdigest() for part in range(3))[:376]}"
QR = qr.picture(TOKEN, "svg")
FOR_README = {
    "portal": (State(None, ""), PHONE),
    "pass": (
        State(
            None, PASS, answers={"issuance.view_by_link": pass_view(language="pa"), "issuance.qr_by_link": QR}
        ),
        PHONE,
    ),
    "desk": (State("department", "/desk", answers={"approval.list_reviews": FULL_QUEUE}), DESK),
    "ops-fault": (State("ops", "/ops", answers={"ops.report": TROUBLE}), DESK),
}
"""Name of a picture → the page, and the size of the browser."""
VISIT = ADMIT.model_copy(
    update={
        "valid_from": now() - timedelta(hours=1), "valid_to": now() + timedelta(hours=1), "may_enter": 3,
        "department": "home", "officer": "baldev",
    }
)  # fmt: skip
REFUSED = VISIT.model_copy(
    update={
        "verdict": "already_inside", "preview": False, "applicant": None, "companions": (), "vehicle": None,
        "assistance": None, "inside_since": now() - timedelta(minutes=40), "inside_gate": "PCS1-G1",
    }
)  # fmt: skip
LEAVING = VISIT.model_copy(update={"verdict": "exit", "inside": 3, "assistance": None, "vehicle": None})
MANIFEST = gate_app.MANIFEST.model_copy(
    update={
        "issuer": "epass", "keys": (ISSUER.public,), "complete_at": now(),
        "passes": (
            ManifestPass(
                pass_=NUMBER, reference=REFERENCE, site="PCS1", party=ADMIT.party, entries=1,
                valid_from=now() - timedelta(hours=1), valid_to=now() + timedelta(hours=1),
                commitment_key="AAAA", applicant=ADMIT.applicant, companions=ADMIT.companions,
                department="home", officer="baldev",
            ),
        ),
    }
)  # fmt: skip
STATUS = ISSUER.sign(
    {
        "iss": "epass", "aud": "gate", "iat": int(now().timestamp()), "exp": int(now().timestamp()) + 3600,
        "seq": 1, "revoked": [],
    },
    typ=STATUS_TYP,
)  # fmt: skip
"""A genuine list of revoked passes, on which the app rests."""
HELD_UP = ISSUER.sign(
    {
        "iss": "epass", "aud": "gate", "jti": NUMBER, "nbf": int(now().timestamp()) - 3600,
        "exp": int(now().timestamp()) + 3600, "site": "PCS1", "party": VISIT.party,
    }
)  # fmt: skip
"""The pass that the camera of the app sees."""
OF_APP: dict[str, tuple[ScanResult, bool]] = {
    "gate-app-admit": (VISIT, False),
    "gate-app-refuse": (REFUSED, False),
    "gate-app-offline": (VISIT, True),
    "gate-app-leave": (LEAVING, False),
    "gate-app-evacuation": (VISIT.model_copy(update={"preview": False, "inside": 3}), False),
}
"""Name of a picture of the gate's app → what verify answers, and whether the network is gone."""
COME = INSIDE.model_copy(update={"since": now() - timedelta(minutes=40), "valid_to": VISIT.valid_to})
IN_README = ("gate-app-admit",)
ON_ITS_SIDE = {"width": 740, "height": 360}
SHIFT_SECONDS = 8 * 3600
PASSES = [
    State(None, PASS, answers={"issuance.qr_by_link": QR, "issuance.view_by_link": pass_view(state=state)})
    for state in ("issued", "revoked", "expired")
]
SHEETS = ((PHONE, 240, 10), (DESK, 480, 6))
"""Size of the browser, width of its pictures on the sheet, and columns."""
HIGHEST = 3_000
"""Pixels of a page that a sheet shows."""
GAP, CAPTION = 12, 18


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, help="folder of the pictures for README.md")
    parser.add_argument("--sheets", type=Path, help="folder of the contact sheets")
    options = parser.parse_args()
    with sync_playwright() as playwright, PagesAlone() as alone, TemporaryDirectory() as folder:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox"]
        )
        film = camera.write_video(Path(folder) / "pass.y4m", [(camera.held_up(HELD_UP), 1)])
        seen = f"--use-file-for-fake-video-capture={film}"
        with_camera = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*camera.FLAGS, seen]
        )
        if options.pictures:
            _take_pictures(chromium, alone, options.pictures)
            _take_pictures_of_app(with_camera, alone, options.pictures)
        if options.sheets:
            options.sheets.mkdir(parents=True, exist_ok=True)
            _sheet_of_app(with_camera, alone).save(options.sheets / "gate-app.jpg")
            for size, width, columns in SHEETS:
                for language in LANGUAGES:
                    file = options.sheets / f"{language}-{size['width']}.jpg"
                    pictures = _pictures(_context(chromium, alone, size), alone, language)
                    sheet(((name, _narrow(one, width)) for name, one in pictures), width, columns).save(file)
                    print(file, flush=True)
        with_camera.close()
        chromium.close()


def sheet(pictures: Iterator[tuple[str, Image.Image]], width: int, columns: int) -> Image.Image:
    """Return one picture of many, each under its name, in columns that are about equally long."""
    heights = [GAP] * columns
    placed: list[tuple[int, int, str, Image.Image]] = []
    for name, one in pictures:
        column = heights.index(min(heights))
        placed.append((GAP + column * (width + GAP), heights[column], name, one))
        heights[column] += CAPTION + one.height + GAP
    whole = Image.new("RGB", (GAP + columns * (width + GAP), max(heights)), "#8a8a8a")
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(size=11)
    for left, top, name, one in placed:
        draw.text((left, top), name[: width // 6], "#000000", font)
        whole.paste(one, (left, top + CAPTION))
    return whole


def _take_pictures(chromium: Browser, alone: PagesAlone, folder: Path) -> None:
    for name, (state, size) in FOR_README.items():
        context = _context(chromium, alone, size)
        page = context.new_page()
        bring(page, alone, state, "en" if name.startswith("ops") else "pa")
        picture = Image.open(BytesIO(_shot(page, size["height"]))).convert("RGB").quantize(48)
        picture.save(folder / f"{name}.png", optimize=True)
        context.close()


def _take_pictures_of_app(chromium: Browser, alone: PagesAlone, folder: Path) -> None:
    """Take the pictures of the gate's app for README.md, in the guard's language."""
    for name in IN_README:
        picture = _picture_of_app(chromium, alone, name, "hi", PHONE)
        picture.quantize(64).save(folder / f"{name}.png", optimize=True)


def _sheet_of_app(chromium: Browser, alone: PagesAlone) -> Image.Image:
    """Return the gate's app in each of its states, language by language, upright and on its side."""
    pictures = (
        (f"{language} {name}", _picture_of_app(chromium, alone, name, language, size))
        for size in (PHONE, ON_ITS_SIDE)
        for language in LANGUAGES
        for name in OF_APP
    )
    return sheet(pictures, ON_ITS_SIDE["width"], 4)


def _picture_of_app(
    chromium: Browser, alone: PagesAlone, name: str, language: str, size: dict[str, int]
) -> Image.Image:
    """Return a picture of the gate's app after it has seen a pass."""
    held = MANIFEST.model_copy(update={"status_list": STATUS}).model_dump(mode="json", by_alias=True)
    answer, is_offline = OF_APP[name]
    alone.answers.update({"verify.scan": answer, "verify.inside": InsideList(items=(COME,), persons=2)})
    context = _context(chromium, alone, size)
    context.add_init_script(f"localStorage['gate.language'] = '{language}'")
    # The gateway of these pictures has no list of revoked passes that somebody has signed.
    context.route("**/api/v1/gate/manifest*", lambda route: route.fulfill(json=held))
    context.route("**/.well-known/pass-status*", lambda route: route.fulfill(body=STATUS))
    alone.sign_in(context, "security", SHIFT_SECONDS)
    page = context.new_page()
    with page.expect_response("**/api/v1/officers*"):  # the names that the verdict has
        page.goto("/gate")
    if answer.verdict == "exit":
        page.locator("label[for=direction-exit]").click()
    words = texts_of_app()[language]["texts"]
    page.locator(".bar__age").filter(has_not_text=words["list_none"]).wait_for()
    page.locator(".verdict h1").wait_for()  # the camera has seen the pass
    context.set_offline(is_offline)
    page.keyboard.type(NUMBER)
    page.keyboard.press("Enter")
    page.locator(f".dot--{'off' if is_offline else 'on'}").wait_for()
    page.locator(".frame:not(.frame--busy)").wait_for()
    if name.endswith("evacuation"):
        page.locator(".bar__menu").click()
        page.get_by_role("button", name=words["evacuation"]).click()
        page.locator(".list tbody tr").first.wait_for()
    page.evaluate("document.fonts.ready.then(() => undefined)")
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    context.close()
    alone.reset()
    return picture


def _pictures(context: BrowserContext, alone: PagesAlone, language: str) -> Iterator[tuple[str, Image.Image]]:
    page = context.new_page()
    for state in (*STATES, *PASSES):
        bring(page, alone, state, language)
        yield state.name, Image.open(BytesIO(_shot(page, HIGHEST))).convert("RGB")
    context.close()


def _shot(page: Page, highest: int) -> bytes:
    page.evaluate("document.fonts.ready.then(() => undefined)")
    height = page.evaluate("document.documentElement.scrollHeight")
    width = page.viewport_size["width"]  # type: ignore[index]  # it was set
    return page.screenshot(
        full_page=True, clip={"x": 0, "y": 0, "width": width, "height": min(height, highest)}
    )


def _narrow(picture: Image.Image, width: int) -> Image.Image:
    return picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)


def _context(chromium: Browser, alone: PagesAlone, size: dict[str, int]) -> BrowserContext:
    return chromium.new_context(
        base_url=alone.url,
        viewport=size,
        locale="en-IN",
        timezone_id="Asia/Kolkata",
        reduced_motion="reduce",
    )


if __name__ == "__main__":
    main()
