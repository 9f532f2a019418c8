"""A photograph is drawn anew: a small JPEG without metadata, or refused."""

import base64
from io import BytesIO

import pytest
from PIL import Image

from services.application.adapters.photographs import KEPT, NotAPhotograph, drawn_anew
from tests.support.factories.application import photograph


def of_size(width: int, height: int) -> str:
    """Return a JPEG whose header claims a size; a picture of it would fill the memory."""
    content = bytearray(base64.b64decode(photograph((8, 8))))
    header = content.index(b"\xff\xc0")
    content[header + 5 : header + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return base64.b64encode(content).decode()


def opened(photograph: str) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(photograph)))


def test_a_photograph_becomes_small_and_keeps_its_shape() -> None:
    picture = opened(drawn_anew(photograph()))
    assert (picture.format, picture.size) == ("JPEG", KEPT)
    assert opened(drawn_anew(photograph((300, 300)))).size == (240, 240)


def test_nothing_but_pixels_is_kept() -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home of somebody"
    given = photograph(exif=exif, comment=b"a comment", icc_profile=b"a profile")
    assert b"somebody" in base64.b64decode(given)
    made = base64.b64decode(drawn_anew(given))
    for secret in (b"somebody", b"comment", b"profile", b"Exif"):
        assert secret not in made


@pytest.mark.parametrize(
    "given",
    [
        photograph(kind="PNG"),
        photograph(kind="GIF"),
        photograph((1_281, 10)),
        of_size(30_000, 30_000),
        base64.b64encode(b"<svg onload='alert(1)'>").decode(),
        photograph()[:-200],
        "not base64!",
        "ਤਸਵੀਰ",
        "",
    ],
    ids=["PNG", "GIF", "too wide", "a bomb", "SVG", "cut off", "no base64", "no ASCII", "nothing"],
)
def test_anything_else_is_refused(given: str) -> None:
    with pytest.raises(NotAPhotograph):
        drawn_anew(given)
