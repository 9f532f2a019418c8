"""A camera for Chromium: a video of passes that are held up, one after the other."""

import shutil
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

from PIL import Image

from services.issuance.adapters.qr import QUIET_ZONE, code_of

WIDTH, HEIGHT = 1280, 720
FRAMES_A_SECOND = 5
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip


def code(token: str, side: int = 560) -> Image.Image:
    """Return the QR code of a token as a grey picture, about so many pixels wide."""
    content = BytesIO()
    drawn = code_of(token)
    modules = drawn.symbol_size(border=QUIET_ZONE)[0]
    drawn.save(content, kind="png", scale=max(1, side // modules), border=QUIET_ZONE)
    return Image.open(content).convert("L")


def held_up(token: str, side: int = 560) -> Image.Image:
    """Return what a camera sees of a pass on a phone that somebody holds up."""
    frame = Image.new("L", (WIDTH, HEIGHT), 96)
    shown = code(token, side)
    frame.paste(shown, ((WIDTH - shown.width) // 2, (HEIGHT - shown.height) // 2))
    return frame


def nothing() -> Image.Image:
    """Return what a camera sees when nobody holds anything up."""
    return Image.new("L", (WIDTH, HEIGHT), 96)


def write_video(path: Path, frames: Iterable[tuple[Image.Image, float]]) -> Path:
    """Write a video of pictures, each for so many seconds. Chromium begins it anew at its end."""
    grey = bytes([128]) * (WIDTH * HEIGHT // 2)
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FRAMES_A_SECOND}:1 Ip A1:1 C420jpeg\n".encode())
        for picture, seconds in frames:
            for _ in range(max(1, round(seconds * FRAMES_A_SECOND))):
                file.write(b"FRAME\n" + picture.tobytes() + grey)
    return path


def chromium_path() -> str:
    """Return Debian's Chromium."""
    path = shutil.which("chromium")
    assert path, "these tests want Chromium: make e2e installs it"
    return path
