"""The emblem of the site, drawn anew by Pillow: a small PNG without metadata."""

import base64
from io import BytesIO

from PIL import Image

LARGEST = 1_500
"""Pixels of a side of a picture that is accepted: it takes some 30 MiB while it is drawn."""
KEPT = (192, 192)
"""Pixels within which it is kept: 16 mm on paper."""
COLOURS = 128


class NotAPicture(ValueError):
    """It is neither a PNG nor a JPEG, or its sides are too long."""


def drawn_anew(picture: str) -> str:
    """Return a PNG or a JPEG (base64) as a PNG (base64): small, and with nothing in it but its pixels.

    Raises:
        NotAPicture: it is none, or a side is longer than LARGEST pixels.
    """
    try:
        content = base64.b64decode(picture, validate=True)
        with Image.open(BytesIO(content), formats=["PNG", "JPEG"]) as given:
            is_small = max(given.size) <= LARGEST  # known before a pixel is decoded
            drawn = given.convert("RGBA") if is_small else None
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise NotAPicture(str(error)) from error
    if drawn is None:
        raise NotAPicture("its sides are too long")
    drawn.thumbnail(KEPT)
    few = drawn.quantize(COLOURS, method=Image.Quantize.FASTOCTREE)
    few.info.clear()
    made = BytesIO()
    few.save(made, "PNG", optimize=True)
    return base64.b64encode(made.getvalue()).decode()
