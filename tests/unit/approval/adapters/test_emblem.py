"""The emblem is drawn anew: a small PNG without metadata, or refused."""

import base64
from io import BytesIO

import pytest
from PIL import Image, PngImagePlugin

from services.approval.adapters.emblem import NotAPicture, drawn_anew


def picture(kind: str = "PNG", size: tuple[int, int] = (400, 200), mode: str = "RGB", **more: object) -> str:
    made = BytesIO()
    Image.new(mode, size, "#aa2200" if mode == "RGB" else (0, 0, 0, 0)).save(made, kind, **more)
    return base64.b64encode(made.getvalue()).decode()


def opened(png: str) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(png)))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_becomes_a_small_png_of_the_same_shape(kind: str) -> None:
    for given in (picture(kind), picture(kind, size=(1_500, 750))):
        made = opened(drawn_anew(given))
        assert (made.format, made.size) == ("PNG", (192, 96))


def test_what_is_transparent_stays_so() -> None:
    assert opened(drawn_anew(picture(mode="RGBA"))).convert("RGBA").getpixel((5, 5))[3] == 0


def test_a_picture_of_many_colours_stays_small() -> None:
    noise = Image.effect_noise((1_000, 1_000), 90).convert("RGB")
    made = BytesIO()
    noise.save(made, "JPEG", quality=30)
    assert len(drawn_anew(base64.b64encode(made.getvalue()).decode())) < 60_000


def test_nothing_but_pixels_is_kept() -> None:
    said = PngImagePlugin.PngInfo()
    said.add_text("Author", "somebody at home")
    given = picture(pnginfo=said)
    assert b"somebody" in base64.b64decode(given)
    assert b"somebody" not in base64.b64decode(drawn_anew(given))


@pytest.mark.parametrize(
    "given",
    [
        picture("GIF"),
        picture(size=(1_501, 10)),
        base64.b64encode(b"<svg onload='alert(1)'>").decode(),
        picture()[:-200],
        "not base64!",
    ],
    ids=["GIF", "too wide", "SVG", "cut off", "no base64"],
)
def test_anything_else_is_refused(given: str) -> None:
    with pytest.raises(NotAPicture):
        drawn_anew(given)
