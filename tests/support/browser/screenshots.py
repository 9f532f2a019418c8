"""Screenshots of pages for README.md, written to the folder EPASS_SCREENS if it is set (`make screens`)."""

import os
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page


def save_screenshot(page: Page, name: str) -> None:
    """Save a screenshot of the whole page if EPASS_SCREENS is set."""
    folder = os.environ.get("EPASS_SCREENS")
    if not folder:
        return
    page.wait_for_load_state()
    page.evaluate("document.fonts.ready.then(() => undefined)")
    picture = Image.open(BytesIO(page.screenshot(full_page=True))).convert("RGB").quantize(32)
    picture.save(Path(folder) / f"{name}.png", optimize=True)
