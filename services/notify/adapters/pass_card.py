"""The picture of a pass: its QR code, and below it the site, the days and the hours in the reader's script.

Gurmukhi and Devanagari need shaping, which Pillow does with raqm, HarfBuzz and FriBiDi. The first two are in
its wheels, the third is a package of the system (``libfribidi0``). Without it vowel signs would stand in the
wrong place, so that the process that draws refuses to start.

The fonts are Noto Sans in three scripts (SIL Open Font License, ``services/notify/fonts/OFL.txt``). One font
has one script, so that a line is drawn in runs.
"""

import io
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal

import segno
from PIL import Image, ImageDraw, ImageFont, features

from services.notify.domain.messages import Personal

FOLDER = Path(__file__).parent.parent / "fonts"
MODE = "RGB"
"""With eight bits for each colour, or RGBA: WhatsApp takes no other picture, not even a grey one."""
WIDTH = 800
"""Pixels: phones show a picture in a message about as wide as that."""
_MARGIN = 40
_SIZES = (44, 34, 34)
"""Of the lines: the number, the site, days and hours. A line that is too wide is drawn smaller."""
_LEADING = 1.5
_QUIET_ZONE = 4
"""Modules, as ISO/IEC 18004 requires."""
_MASK = 3
"""Fixed, as on the page of the pass (``services/issuance/adapters/qr.py`` says why)."""
_CACHED = 64
Script = Literal["gurmukhi", "devanagari", "latin"]
_RUN = re.compile(
    r"(?P<gurmukhi>[\u0a00-\u0a7f][\u0a00-\u0a7f\u200c\u200d]*)"
    r"|(?P<devanagari>[\u0900-\u097f][\u0900-\u097f\u200c\u200d]*)"
    r"|(?P<latin>.)"
)


class NoShaping(RuntimeError):
    """Pillow cannot shape Gurmukhi and Devanagari here: install libfribidi0."""


def require_shaping() -> None:
    """Raise `NoShaping` if letters would be drawn in the wrong place."""
    if not features.check("raqm") or not features.check("fribidi"):
        raise NoShaping("Pillow has no raqm or no FriBiDi (Debian: libfribidi0)")


def draw(personal: Personal) -> bytes | None:
    """Return the picture of a message about a pass as PNG, or None for a message that has no QR code."""
    if personal.token is None:
        return None
    parameters = personal.parameters
    lines = (
        parameters["number"],
        parameters["site"],
        f"{parameters['date']}, {parameters['start']} – {parameters['end']}",
    )
    return card(personal.token, lines)


@lru_cache(maxsize=_CACHED)
def card(token: str, lines: tuple[str, ...]) -> bytes:
    """Return the picture of a token with lines below it, black on white, as PNG."""
    code = segno.make_qr(token, error="m", boost_error=False, mask=_MASK)
    modules = int(code.symbol_size(border=_QUIET_ZONE)[0])
    scale = (WIDTH - _MARGIN) // modules
    out = io.BytesIO()
    code.save(out, kind="png", scale=scale, border=_QUIET_ZONE)
    side = modules * scale
    heights = [round(size * _LEADING) for size in _SIZES[: len(lines)]]
    picture = Image.new(MODE, (WIDTH, side + sum(heights) + _MARGIN), "white")
    picture.paste(Image.open(out).convert(MODE), ((WIDTH - side) // 2, 0))
    pen, top = ImageDraw.Draw(picture), side
    for line, size, height in zip(lines, _SIZES, heights, strict=False):
        _write(pen, line, size, top)
        top += height
    result = io.BytesIO()
    picture.save(result, "png", compress_level=6)
    return result.getvalue()


def _write(pen: ImageDraw.ImageDraw, line: str, size: int, top: int) -> None:
    """Draw a line in the middle, in runs of one script, smaller if it is too wide."""
    while True:
        parts = [(text, _font(script, size)) for script, text in runs(line)]
        width = sum(font.getlength(text) for text, font in parts)
        if width <= WIDTH - 2 * _MARGIN or size <= 12:
            break
        size -= 2
    left = (WIDTH - width) / 2
    for text, font in parts:
        pen.text((left, top + size), text, fill="black", font=font, anchor="ls")
        left += font.getlength(text)


def runs(line: str) -> Iterator[tuple[Script, str]]:
    """Yield the parts of a line that one font can draw. Digits, signs and blanks are Latin."""
    script: Script | None = None
    text = ""
    for found in _RUN.finditer(line):
        kind: Script = found.lastgroup  # type: ignore[assignment]  # one of the groups has matched
        if kind != script and script is not None:
            yield script, text
            text = ""
        script, text = kind, text + found.group()
    if script is not None:
        yield script, text


@lru_cache
def _font(script: Script, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(
        io.BytesIO((FOLDER / f"{script}.woff2").read_bytes()), size, layout_engine=ImageFont.Layout.RAQM
    )
