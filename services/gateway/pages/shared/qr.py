"""QR codes inside a page."""

import base64

import segno
from markupsafe import Markup

from contracts.rpc.issuance import QrPicture


def inline(picture: QrPicture) -> Markup:
    """Return the QR as an SVG element that scales with the page."""
    text = base64.b64decode(picture.base64).decode()
    return Markup(text[text.index("<svg") :])  # noqa: S704  issuance made it from its own token


def of_address(address: str) -> Markup:
    """Return the QR of an address as an SVG element that scales with the page."""
    code = segno.make_qr(address, error="m")
    drawn = code.svg_inline(
        border=4,  # the quiet zone, in modules (ISO/IEC 18004)
        omitsize=True,
        svgclass=None,
        lineclass=None,
        dark="#000",
        light="#fff",
    )
    return Markup(drawn)  # noqa: S704  segno made it from our own address
