"""Draw the icons of ``static/icons/`` from ``static/icon.svg`` in Chromium.

Each PNG names the digest of the drawing that it was made from, which a test compares.
"""

import base64
import hashlib
import shutil
from io import BytesIO
from pathlib import Path

from PIL import Image, PngImagePlugin
from playwright.sync_api import sync_playwright

from tests.support.stack.paths import ROOT

DRAWING = ROOT / "services/gateway/static/icon.svg"
FOLDER = ROOT / "services/gateway/static/icons"
SIZES = {"icon-192.png": 192, "icon-512.png": 512, "apple-touch-icon.png": 180, "maskable-512.png": 512}
FULL = ("apple-touch-icon.png", "maskable-512.png")
"""Icons that a phone cuts to a shape of its own: the colour goes to the edge, the sign is smaller."""
BACKGROUND = "#14532d"
SOURCE = "Source"


def digest(drawing: str) -> str:
    """Return what the icons name as their source."""
    return hashlib.sha256(drawing.encode()).hexdigest()


def main() -> None:
    """Draw all icons."""
    drawing = DRAWING.read_text(encoding="utf-8")
    FOLDER.mkdir(exist_ok=True)
    address = f"data:image/svg+xml;base64,{base64.b64encode(drawing.encode()).decode()}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox"]
        )
        page = browser.new_page()
        for name, size in SIZES.items():
            page.set_viewport_size({"width": size, "height": size})
            room = size // 10 if name in FULL else 0
            colour = BACKGROUND if name in FULL else "transparent"
            page.set_content(
                f"<style>body{{margin:0;background:{colour}}}img{{display:block;padding:{room}px;"
                f"width:{size - 2 * room}px}}</style><img src='{address}'>"
            )
            _save(Image.open(BytesIO(page.screenshot(omit_background=True))), FOLDER / name, digest(drawing))
        browser.close()
    Image.open(FOLDER / "icon-192.png").save(FOLDER / "favicon.ico", sizes=[(16, 16), (32, 32), (48, 48)])


def _save(picture: Image.Image, path: Path, source: str) -> None:
    told = PngImagePlugin.PngInfo()
    told.add_text(SOURCE, source)
    picture.quantize(64).save(path, optimize=True, pnginfo=told)  # the gate's app stores one: fewer bytes


if __name__ == "__main__":
    main()
