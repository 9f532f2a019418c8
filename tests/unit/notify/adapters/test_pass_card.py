"""The picture of a pass: a code that a gate reads, and words whose letters stand where they belong."""

import io
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image, ImageChops, ImageFont, ImageStat, features

from contracts.model import Language
from services.notify.adapters import pass_card
from services.notify.domain import templates
from tests.support.factories.outgoing import TOKEN_OF_A_PASS, a_code, a_pass

REFERENCES = Path(__file__).parent / "pass_cards"
"""Pictures that people who read the script have looked at."""
HOURS = {
    "pa": ("ਸਵੇਰੇ 10:00 ਵਜੇ", "ਦੁਪਹਿਰ 12:30 ਵਜੇ"),
    "hi": ("सुबह 10:00 बजे", "दोपहर 12:30 बजे"),
    "en": ("10:00 am", "12:30 pm"),
}
LANGUAGES: tuple[Language, ...] = ("pa", "hi", "en")


def drawn(language: Language) -> Image.Image:
    start, end = HOURS[language]
    content = pass_card.draw(a_pass(language, start=start, end=end).personal)
    assert content is not None
    return Image.open(io.BytesIO(content))


def test_the_picture_is_of_a_kind_that_whatsapp_takes() -> None:
    """Meta: images have eight bits, and are RGB or RGBA. Both stand in the head of a PNG."""
    content = pass_card.draw(a_pass("pa").personal)
    assert content is not None
    assert (content[24], content[25]) == (8, 2)
    assert len(content) < 100_000


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_look_like_the_reference_picture(language: Language) -> None:
    assert difference(drawn(language), language) < 0.2


def difference(picture: Image.Image, language: Language) -> float:
    """Return how much the pixels differ from the reference, on average, of 255."""
    reference = Image.open(REFERENCES / f"{language}.png")
    return ImageStat.Stat(ImageChops.difference(picture.convert("L"), reference.convert("L"))).mean[0]


@pytest.mark.parametrize("language", ["pa", "hi"])
def test_without_shaping_the_words_would_not_look_like_it(
    language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unshaped(script: str, size: int) -> ImageFont.FreeTypeFont:
        path = pass_card.FOLDER / f"{script}.woff2"
        return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)

    monkeypatch.setattr(pass_card, "_font", unshaped)
    pass_card.card.cache_clear()
    try:
        assert difference(drawn(language), language) > 0.2
    finally:
        pass_card.card.cache_clear()


@pytest.mark.parametrize("shrunk_to", [800, 400, 300])
def test_the_code_is_read_also_when_a_phone_shows_it_small(shrunk_to: int) -> None:
    picture = drawn("pa")
    height = round(picture.height * shrunk_to / picture.width)
    (code,) = zxingcpp.read_barcodes(picture.resize((shrunk_to, height)))
    assert code.text == TOKEN_OF_A_PASS


def test_a_line_is_drawn_in_runs_of_one_script() -> None:
    assert list(pass_card.runs("ਗੇਟ 1, पंजाब")) == [
        ("gurmukhi", "ਗੇਟ"),
        ("latin", " 1, "),
        ("devanagari", "पंजाब"),
    ]


def test_every_letter_of_the_names_has_a_glyph() -> None:
    missing = ImageFont.truetype(pass_card.FOLDER / "gurmukhi.woff2", 30).getmask("\ufffe").getbbox()
    for language in LANGUAGES:
        for site in ("PCS1", "PCS2"):
            for script, text in pass_card.runs(templates.site(site, {}, language)):
                font = ImageFont.truetype(pass_card.FOLDER / f"{script}.woff2", 30)
                for letter in text.strip():
                    assert font.getmask(letter).getbbox() != missing, letter


def test_a_message_without_a_token_has_no_picture() -> None:
    assert pass_card.draw(a_code().personal) is None


def test_a_process_that_cannot_shape_refuses_to_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    pass_card.require_shaping()
    monkeypatch.setattr(features, "check", lambda name: name != "fribidi")
    with pytest.raises(pass_card.NoShaping, match="libfribidi0"):
        pass_card.require_shaping()
