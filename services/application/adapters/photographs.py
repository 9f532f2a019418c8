"""Photographs of visitors, drawn anew by Pillow: small JPEGs without metadata."""

import base64
from io import BytesIO

from PIL import Image

LARGEST = 1_280
"""Pixels of a side of a photograph that is accepted."""
KEPT = (240, 320)
"""Pixels within which it is kept."""
QUALITY = 75


class NotAPhotograph(ValueError):
    """It is not a JPEG, or its sides are too long."""


def drawn_anew(photograph: str) -> str:
    """Return a JPEG (base64) as a new picture (base64): small, and with nothing in it but its pixels.

    Raises:
        NotAPhotograph: it is not a JPEG with sides of at most LARGEST pixels.
    """
    try:
        content = base64.b64decode(photograph, validate=True)
        with Image.open(BytesIO(content), formats=["JPEG"]) as given:
            is_small = max(given.size) <= LARGEST  # known before a pixel is decoded
            picture = given.convert("RGB") if is_small else None
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise NotAPhotograph(str(error)) from error
    if picture is None:
        raise NotAPhotograph("its sides are too long")
    picture.thumbnail(KEPT)
    picture.info.clear()
    made = BytesIO()
    picture.save(made, "JPEG", quality=QUALITY, optimize=True)
    return base64.b64encode(made.getvalue()).decode()
