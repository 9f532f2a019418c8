"""Pictures of pages for README.md: with EPASS_SCREENS they are kept in that folder (`make screens`)."""

import os
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page


def keep(page: Page, name: str) -> None:
    """Keeps a picture of the whole page, where pictures are wanted."""
    folder = os.environ.get("EPASS_SCREENS")
    if not folder:
        return
    page.wait_for_load_state()
    page.evaluate("document.fonts.ready.then(() => undefined)")
    picture = Image.open(BytesIO(page.screenshot(full_page=True))).convert("RGB").quantize(32)
    picture.save(Path(folder) / f"{name}.png", optimize=True)
